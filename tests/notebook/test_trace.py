"""The values that a trace holds, and those it says it lacks."""

import pytest
import torch
from refusals import check_refused
from torch import nn
from wrapped_models import ALPHABET, TEXTS, Model, lstm, same, tokens

import neuronspec as ns
from neuronspec import wrap


def test_a_trace_has_sites_layers_units_and_a_mask():
    net = wrap(Model(nn.LSTM, 2), ALPHABET)
    trace = net.trace(TEXTS)
    assert trace[ns.cell.layer(1)].shape == (7, 3, 6)
    assert trace.mask.sum(0).tolist() == [7, 3, 4]
    assert same(-trace[-ns.forget_gate.layer(0)[2]], trace[ns.forget_gate.layer(0)][..., 2])
    c = trace[ns.cell.layer(1)]
    hidden = trace[ns.output_gate.layer(1)] * c.tanh()
    assert torch.allclose(trace[ns.hidden.layer(1)], hidden, atol=1e-6, equal_nan=True)
    _, (h_n, c_n) = net.model.module.rnn(net.model.module.embedding(tokens(TEXTS[0])))
    assert torch.allclose(c_n[1, 0], c[6, 0], atol=1e-6)
    assert torch.allclose(h_n[0, 0], trace[ns.hidden.layer(0)][6, 0], atol=1e-6)
    assert set(net.trace("ab", ["cell"]).values) == {(0, "cell"), (1, "cell")}


def test_past_the_end_there_is_nothing():
    net = lstm()
    trace = net.trace(TEXTS)
    assert same(trace["cell"].isfinite().all(-1), trace.mask)
    assert same(net.logits(TEXTS).isfinite().all(-1), trace.mask)


def test_a_trace_says_which_sequences_were_edited():
    trace = lstm().trace(TEXTS, under=ns.zero(ns.cell[1], at=ns.first(" ")))
    assert trace.edited == [True, False, False]
    assert lstm().trace(TEXTS).edited == [False] * 3


def test_sites_may_be_given_alone():
    assert set(lstm().trace("ab", ns.cell).values) == set(lstm().trace("ab", "cell").values) == {(0, "cell")}


BAD = {
    "which layer of a trace": (
        lambda: wrap(Model(nn.LSTM, 2), ALPHABET).trace("ab")["cell"],
        "cell: there are 2 layers: write trace[cell.layer(0)]",
    ),
    "a site that was not recorded": (
        lambda: lstm().trace("ab", ["cell"])["hidden"],
        "hidden was not recorded; known: cell",
    ),
    "two units of a trace": (
        lambda: lstm().trace("ab")[ns.cell[1] | ns.cell[2]],
        "trace[cell[1] | cell[2]]: expected a site or a unit, e.g. trace[cell] or trace[cell[3]]",
    ),
    "a unit that was not recorded": (lambda: lstm().trace("ab")[ns.cell[9]], "cell[9]: cell has units 0 to 5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    check_refused(*BAD[case])
