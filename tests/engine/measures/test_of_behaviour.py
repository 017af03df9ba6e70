"""Measures of what a network generates or expects."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import STRINGS, subject, units, value

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.errors import Undecidable
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example

SUBJECT = subject()


def test_behaviour():
    assert value(ns.exact_match())[0] == 1
    assert value(ns.length("b"))[0] == 5.5
    assert value(ns.length())[0] == 5.5
    assert value(ns.length(ns.one_of("ab")))[0] == 5.5
    assert value(ns.length("b", among=ns.count_of("a") >= 9))[0] == 9.5


# Each string carries the letter that its text ends with, and the middle of its b's as an event.
NAMED = tuple(
    replace(e, symbols={"last": "b", "first": "a"}, events={"middle": len(e.text) - 1 - i // 2})
    for i, e in enumerate(STRINGS)
)

RANDOM = Network("random/gru", 0, "aXb$", LanguageModel(Recipe("gru", units=6), 4).initialise(3).requires_grad_(False))


def random_subject():
    return Subject(RANDOM, NAMED, NAMED, set())


def log_probabilities(text, model=RANDOM.model):
    """Of every symbol at every step, by a plain run over one text."""
    with torch.no_grad():
        logits, _, _ = model(torch.tensor([["aXb$".index(s)] for s in text]))
    return logits[:, 0].log_softmax(-1).numpy()


def test_cross_entropy_counts_what_follows_the_prompt():
    losses = [
        -log_probabilities(e.text)[t, "aXb$".index((e.text + "$")[t + 1])]
        for e in STRINGS
        for t in range(e.prompt - 1, len(e.text))
    ]
    assert value(ns.cross_entropy(), examined=random_subject()) == pytest.approx(np.mean(losses), abs=1e-6)
    assert value(ns.perplexity(), examined=random_subject()) == pytest.approx(np.exp(np.mean(losses)), abs=1e-5)


def test_cross_entropy_of_texts_that_nothing_closes():
    texts = (Example("aXba", prompt=2), Example("aab", prompt=1))
    network = replace(RANDOM, vocabulary="aXb$", ends=False)
    losses = [
        -log_probabilities(e.text)[t - 1, "aXb$".index(e.text[t])] for e in texts for t in range(e.prompt, len(e.text))
    ]
    examined = Subject(network, texts, texts, set())
    assert value(ns.cross_entropy(), examined=examined) == pytest.approx(np.mean(losses), abs=1e-6)


def test_cross_entropy_under_an_edit_is_of_the_edited_run():
    counter, idle = units((0, "cell"), 2), units((0, "cell"), 0)
    under = ns.add(ns.cell[0], 0.05, at=ns.first("X") + 1)
    changed = value(ns.change(ns.perplexity(), under=under), counter, idle)
    assert changed[0] > 0.1
    assert changed[1] == pytest.approx(0, abs=1e-6)
    assert value(ns.shift(ns.cross_entropy(), under=under), idle) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("what", "tokens"), [(ns.char("b"), "b"), (ns.one_of("aX"), "aX"), (ns.symbol("first"), "a")], ids=str
)
def test_probability_is_that_of_the_softmax_one_step_before(what, tokens):
    at = ns.event("middle")
    ours = value(ns.probability(what, at=at), examined=random_subject())
    expected = [
        sum(np.exp(log_probabilities(e.text)[e.events["middle"] - 1, "aXb$".index(token)]) for token in tokens)
        for e in NAMED
    ]
    assert ours == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_first_symbol_is_expected_by_nothing():
    with pytest.raises(Undecidable, match="start is in none, or at its first step"):
        value(ns.probability("a", at=ns.start))


def test_count_emits_and_step_of():
    counting = subject(NAMED)
    assert value(ns.count("b"), examined=counting)[0] == 5.5
    assert value(ns.count(ns.symbol("last")), examined=counting)[0] == 5.5
    assert value(ns.count("a"), examined=counting)[0] == 0
    assert value(ns.step_of("b"), examined=counting)[0] == pytest.approx(np.mean([n + 1 for n in range(1, 11)]))
    assert math.isnan(value(ns.step_of("a"), examined=counting)[0])
    assert value(ns.emits("b", at=ns.event("middle")), examined=counting)[0] == 1
    assert value(ns.emits(ns.symbol("first"), at=ns.event("middle")), examined=counting)[0] == 0
    with pytest.raises(Undecidable, match="lies within the prompt"):
        value(ns.emits("X", at="X"), examined=counting)
    stopped = ns.set_to(ns.cell[0], 0.0, at=ns.event("middle") - 1)
    assert value(ns.emits("b", at=ns.event("middle"), under=stopped), units((0, "cell"), 2), examined=counting)[0] == 0


def test_the_end_is_said_after_the_text():
    counting, counter = subject(NAMED), units((0, "cell"), 2)
    after = ns.end + 1
    assert value(ns.emits("$", at=after), examined=counting)[0] == 1
    assert value(ns.emits("$", at=ns.end), examined=counting)[0] == 0
    assert value(ns.step_of("$"), examined=counting)[0] == np.mean([len(e.text) for e in NAMED])
    assert value(ns.count("$"), examined=counting)[0] == 0  # it is no part of the text
    empty, endless = (ns.set_to(ns.cell[0], size, at=at) for size, at in ((0.0, "X"), (0.5, None)))
    assert value(ns.emits("$", at=ns.first("X") + 1, under=empty), counter, examined=counting)[0] == 1
    assert value(ns.emits("$", at=after, under=empty), counter, examined=counting)[0] == 0
    assert math.isnan(value(ns.step_of("$", under=endless), counter, examined=counting)[0])


def test_a_token_that_is_never_generated_has_no_step_and_has_not_moved():
    never = ns.set_to(ns.cell[0], 0.0, at="X")
    counter = units((0, "cell"), 2)
    assert math.isnan(value(ns.shift(ns.step_of("b"), under=never), counter)[0])
    assert value(ns.moves(ns.step_of("b"), by=1, under=never), counter)[0] == 0
    assert value(ns.moves(ns.step_of("b"), by=0, under=ns.add(ns.cell[0], 0.05, at="X")), counter)[0] == 1


def test_sequences_that_lack_the_event_or_the_symbol_are_left_out():
    some = (replace(NAMED[0], events={}, symbols={"last": "b"}), *NAMED[1:])
    counting = subject(some)
    assert estimate(ns.emits("b", at=ns.event("middle")), View(counting, [{}])).contributing == 9
    assert estimate(ns.count(ns.symbol("first")), View(counting, [{}])).contributing == 9
    assert estimate(ns.probability(ns.symbol("first"), at=ns.event("middle")), View(counting, [{}])).contributing == 9


def test_a_symbol_that_the_task_does_not_give():
    with pytest.raises(Undecidable, match="the task gives no symbol 'lst'; did you mean 'last'"):
        value(ns.count(ns.symbol("lst")), examined=subject(NAMED))
