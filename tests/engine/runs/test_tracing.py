"""Networks that read and write: what is due after each symbol, how texts end, and how symbols are drawn."""

import numpy as np
import pytest
import torch
from planted import network

from neuronspec.engine.runs.tracing import Rows, Sampled, generate, padded, texts, trace, trained
from neuronspec.errors import NetworkError
from neuronspec.networks.models import LanguageModel, tokens_of
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example
from neuronspec.networks.training import IGNORED

PLANTED = network()


def rows_of(prompts, limit):
    tokens = tokens_of(prompts, PLANTED.vocabulary)
    given = torch.tensor([len(prompt) for prompt in prompts])
    return Rows(padded(tokens, limit), given, torch.full_like(given, limit))


def test_what_is_due_is_the_next_symbol_after_the_prompt_and_the_end_after_the_last():
    due = PLANTED.due([Example("aXb", prompt=2), Example("aaXbb", prompt=1)])
    gone, (a, x, b, end) = IGNORED, range(4)
    assert due.T.tolist() == [[gone, b, end, gone, gone], [a, x, b, b, end]]


def test_rows_end_by_themselves_or_at_their_limit():
    """The planted counter writes as many b's as it read a's."""
    rows = rows_of(["aX", "aaaaX", "aaX"], limit=7)
    length = generate(PLANTED, rows)
    assert texts(rows.tokens, length, PLANTED.vocabulary) == ["aXb", "aaaaXbb", "aaXbb"]
    assert texts(rows.tokens, length, ("A", "X", "B", "."))[0] == ("A", "X", "B")


def test_a_row_that_is_at_its_limit_is_left_alone():
    rows = rows_of(["aX", "aaX"], limit=2)
    assert generate(PLANTED, rows).tolist() == [2, 3]
    assert texts(rows.tokens, rows.given, PLANTED.vocabulary) == ["aX", "aaX"]


def test_what_is_told_before_each_step():
    seen = []
    generate(PLANTED, rows_of(["aX", "aaX"], limit=9), before=lambda t, going: seen.append((len(t), going.tolist())))
    assert seen == [(1, [True, True]), (2, [True, True]), (3, [True, True]), (4, [False, True]), (5, [False, True])]


def test_draws_follow_the_softmax_and_rows_of_a_sequence_share_their_noise():
    logits = torch.tensor([0.0, 1.0, 2.0])
    sequence = torch.arange(20_000).repeat(2)
    drawn = Sampled(temperature=2.0, seed=3, sequence=sequence)(logits.repeat(len(sequence), 1), step=5)
    assert torch.equal(drawn[:20_000], drawn[20_000:])
    shares = torch.bincount(drawn[:20_000]) / 20_000
    np.testing.assert_allclose(shares, (logits / 2).softmax(0), atol=0.015)


def test_a_network_that_reads_backwards_cannot_write(monkeypatch):
    monkeypatch.setattr(type(PLANTED), "causal", False)
    with pytest.raises(NetworkError, match="planted/lstm reads backwards too: it cannot write"):
        generate(PLANTED, rows_of(["aX"], limit=4))


def test_a_trace_resumes_on_several_lanes_that_read_the_same():
    read, place = PLANTED.read([Example("aaXb"), Example("aXbb")]), (0, "cell")
    whole, begun = trace(PLANTED, read, [place]), trace(PLANTED, read[:2], [place])
    twice = [{name: value.repeat(2, 1) for name, value in state.items()} for state in begun.states]
    resumed = trace(PLANTED, read[2:], [place], states=twice).values[place]
    assert torch.equal(resumed, whole.values[place][2:].repeat(1, 2, 1))


def test_weights_of_a_recipe_make_its_network():
    recipe = Recipe("gru", units=3)
    weights = LanguageModel(recipe, symbols=4).initialise(1).state_dict()
    made = trained("tiny/gru", 7, recipe, "aXb$", True, weights)
    assert (made.shown, made.causal, made.bridge, made.sizes[0, "hidden"]) == ("tiny/gru seed 7", True, 0, 3)
    assert not any(parameter.requires_grad for parameter in made.model.parameters())
    np.testing.assert_array_equal(
        made.recurrent_weights((0, "reset_gate")), weights["recurrent.weight_hh_l0"][:3].numpy()
    )
    with pytest.raises(NetworkError, match="what drives hidden of layer 0 is not known"):
        made.recurrent_weights((0, "hidden"))
