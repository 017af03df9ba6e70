"""What may be passed to a wrapped module, and what it says to anything else."""

import pytest
import torch
from refusals import check_refused
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from wrapped_models import ALPHABET, Model, lstm, same

import neuronspec as ns
from neuronspec import wrap


def test_unknown_characters_are_read_as_the_symbol_that_is_chosen():
    net = wrap(Model(), ALPHABET, unknown=" ")
    assert net.trace("a–b").texts == ["a b"]
    assert same(net.logits("a–b"), net.logits("a b"))


def test_without_an_alphabet_tensors_go_in_and_come_out():
    net = wrap(Model())
    inputs = torch.tensor([[0, 1, 1, 0, 2], [3, 0, 1, 0, 0]])  # batch first, as the module has it
    padded = net.trace(inputs, lengths=[5, 3])
    packed = net.trace(pack_sequence([inputs[0], inputs[1, :3]]))
    assert padded["hidden"].shape == (5, 2, 6)
    assert padded.mask.equal(packed.mask)
    assert same(padded["hidden"][padded.mask], packed["hidden"][packed.mask])
    last = net.logits(inputs, under=ns.zero(ns.cell, at=ns.end), lengths=[5, 3])
    assert torch.allclose(last[2, 1], net.model.module.head.bias, atol=1e-6)


BAD = {
    "characters outside the alphabet": (
        lambda: lstm().trace(["abé", "éx"]),
        "3 characters are outside the alphabet: 'é' (2), 'x' (1); wrap(..., unknown=' ') reads them as that symbol",
    ),
    "an empty text": (lambda: lstm().trace(["ab", ""]), "text 1 is '': expected a string that is not empty"),
    "no texts": (lambda: lstm().trace([]), "no texts: expected at least one"),
    "not a text": (lambda: lstm().trace([7]), "text 0 is 7: expected a string that is not empty"),
    "a tensor with an alphabet": (
        lambda: lstm().trace(torch.tensor([[0]])),
        "with an alphabet, a network reads texts; wrap the module without one to read tensors",
    ),
    "a text without an alphabet": (
        lambda: wrap(Model()).trace("ab"),
        "str: without an alphabet, Model reads tensors",
    ),
    "a site that the network does not have": (
        lambda: wrap(Model(nn.GRU), ALPHABET).logits("ab", under=ns.zero(ns.cell[1], at=ns.start)),
        "cell: Model has no cell; it has reset_gate, update_gate, candidate, hidden",
    ),
    "a unit that is not there": (
        lambda: lstm().logits("ab", under=ns.zero(ns.cell[6], at=ns.start)),
        "cell[6]: Model has 6 units per layer, 0 to 5",
    ),
    "which layer": (
        lambda: wrap(Model(nn.LSTM, 2), ALPHABET).logits("ab", under=ns.zero(ns.cell[1])),
        "cell: Model has 2 layers: write cell.layer(0) to cell.layer(1)",
    ),
    "a signal without an alphabet": (
        lambda: wrap(Model()).logits(torch.tensor([[0, 1]]), under=ns.zero(ns.cell[1], at="a")),
        "char('a') reads text, and Model was wrapped without an alphabet",
    ),
    "an event": (
        lambda: lstm().logits("ab", under=ns.zero(ns.cell[1], at=ns.event("due"))),
        "event('due'): a task gives that, and here there are texts alone",
    ),
    "no intervention": (
        lambda: lstm().logits("ab", under="zero"),
        "under='zero': expected an intervention, e.g. zero(cell[3], at=start + 2)",
    ),
    "another network": (
        lambda: lstm().measure(ns.perplexity(network="a/b"), "ab"),
        "perplexity(network='a/b'): network= names another recipe, and here there is one network",
    ),
    "lengths of texts": (
        lambda: lstm().logits("ab", lengths=[1]),
        "lengths: texts have their own; they are for tensors that are padded",
    ),
    "a dict of texts": (lambda: lstm().logits({"ab": 1}), "dict: expected a text or a list of texts"),
    "units instead of sites": (
        lambda: lstm().trace("ab", [ns.cell[1]]),
        "sites=[cell[1]]: expected sites, e.g. [cell, forget_gate]",
    ),
    "half a stream": (
        lambda: lstm().cross_entropy("abba", streams=2.0),
        "stream(streams=2.0): expected a whole number of at least 1",
    ),
    "too many streams": (
        lambda: list(lstm().stream("ab", streams=3)),
        "stream(streams=3): the text has 2 symbols",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    check_refused(*BAD[case])
