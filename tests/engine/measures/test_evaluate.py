"""Measures against numpy and scipy on the values that a plain run gives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import STRINGS, TALLY, subject
from scipy import stats

import neuronspec as ns
from neuronspec.engine.measures.estimates import interval, wilson
from neuronspec.engine.measures.evaluate import View, estimate, scores
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.errors import Undecidable
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example

SUBJECT = subject()


def units(place, *indices, signs=None):
    return UnitSet(*place, tuple(indices), signs or (1,) * len(indices), (1,) * 6)


def lanes(*sets):
    return [{ns.cell[0]: chosen} for chosen in sets]


def value(measure, *sets, examined=SUBJECT):
    return estimate(measure, View(examined, lanes(*sets) or [{}])).values


def flat(site, unit, where):
    """The values of a unit at the steps where a Python condition holds, and the tally there."""
    seen = SUBJECT.clean("verification").values[0, site]
    at = [(t, b) for b, e in enumerate(STRINGS) for t in range(len(e.text)) if where(e.text, t)]
    tally = [STRINGS[b].text[: t + 1].count("a") - STRINGS[b].text[: t + 1].count("b") for t, b in at]
    return np.array([seen[t, b, unit] for t, b in at]), np.array(tally)


def before_x(text, t):
    return t < text.index("X")


@pytest.mark.parametrize("unit", range(6))
def test_correlation_is_scipys(unit):
    x, y = flat("cell", unit, before_x)
    measure = ns.correlation(TALLY, of=ns.cell[0], where=ns.before("X"))
    ours = value(measure, units((0, "cell"), unit), units((0, "cell"), unit, signs=(-1,)))
    r = stats.pearsonr(x, y).statistic
    assert ours == pytest.approx([r, -r], abs=1e-9)


def test_mean_spread_and_increments():
    x, _ = flat("cell", 3, before_x)
    where = ns.before("X")
    lane = units((0, "cell"), 3)
    assert value(ns.mean(of=ns.cell[0], where=where), lane)[0] == pytest.approx(x.mean())
    assert value(ns.spread(of=ns.cell[0], where=where), lane)[0] == pytest.approx(x.std())
    relative = ns.spread(of=ns.cell[0], where=where, relative=True)
    assert value(relative, lane)[0] == pytest.approx(x.std() / abs(x.mean()))
    whole = SUBJECT.clean("verification").values[0, "cell"][..., 3]
    steps = [whole[t, b] - (whole[t - 1, b] if t else 0) for b in range(10) for t in range(b + 1)]
    moved = ns.mean(of=ns.increments(ns.cell[0]), where=where)
    assert value(moved, lane)[0] == pytest.approx(np.mean(steps))


def test_a_gate_has_no_increment_at_the_first_step():
    gate = SUBJECT.clean("verification").values[0, "forget_gate"][..., 3]
    expected = [gate[t, b] - gate[t - 1, b] for b in range(10) for t in range(1, b + 1)]
    measure = ns.mean(of=ns.increments(ns.cell[0]), where=ns.before("X"))
    assert value(measure, units((0, "forget_gate"), 3))[0] == pytest.approx(np.mean(expected))


def test_a_unit_that_moves_little_about_a_large_value_is_not_constant():
    examined = subject()
    trace = examined.clean("verification").values[0, "cell"]
    ramp = np.arange(trace.shape[0])[:, None]
    trace[..., 5] = 0.5 + 1e-6 * ramp
    measure = ns.correlation(ns.position(), of=ns.cell[0])
    assert value(measure, units((0, "cell"), 5), examined=examined)[0] == pytest.approx(1, abs=1e-4)


def test_means_over_sets_of_different_size_and_sign():
    a, b = (flat("cell", unit, before_x)[0] for unit in (1, 3))
    measure = ns.mean(of=ns.cell[0], where=ns.before("X"))
    both = value(measure, units((0, "cell"), 1, 3, signs=(1, -1)), units((0, "cell"), 3))
    assert both == pytest.approx([(a.mean() - b.mean()) / 2, b.mean()])


@pytest.mark.parametrize("relative", [False, True])
def test_saturation(relative):
    xs = np.abs(np.stack([flat("hidden", unit, lambda text, t: True)[0] for unit in (1, 3)]))
    if relative:
        xs = xs / xs.max(1, keepdims=True)
    expected = ((xs <= 0.1) | (xs >= 0.9)).mean()
    measure = ns.saturation(of=ns.cell[0], relative=relative)
    assert value(measure, units((0, "hidden"), 1, 3))[0] == pytest.approx(expected)


def test_the_planted_unit_is_found_by_its_score_and_no_other():
    found = scores(SUBJECT, ns.correlation(TALLY), ns.cell)
    assert found[2] == pytest.approx(1, abs=1e-4)
    assert np.nanmax(np.abs(np.delete(found, 2))) < 0.95
    assert scores(subject(sign=-1), ns.correlation(TALLY), ns.cell)[2] == pytest.approx(-1, abs=1e-4)


def test_a_constant_unit_has_no_correlation():
    measure = ns.correlation(TALLY, of=ns.cell[0])
    assert math.isnan(value(measure, units((0, "forget_gate"), 2))[0])


UNDECIDABLE = {
    "where never holds": (
        ns.mean(of=ns.cell[0], where=ns.char("b") & ns.char("a")),
        "no step to measure at: char('b') & char('a') never holds",
    ),
    "signal never holds": (
        ns.correlation(ns.one_of("Z"), of=ns.cell[0]),
        "one_of('Z') never holds at the steps that count",
    ),
    "signal always holds": (
        ns.correlation(ns.char("a"), of=ns.cell[0], where=ns.before("X")),
        "char('a') always holds at the steps that count",
    ),
    "signal never varies": (
        ns.correlation(ns.position(), of=ns.cell[0], where=ns.position().equals(0)),
        "position() is always 0 at the steps that count",
    ),
    "signal nowhere defined": (
        ns.correlation(ns.since(ns.one_of("Z")), of=ns.cell[0]),
        "since(one_of('Z')) is defined at no step that counts",
    ),
    "edit nowhere possible": (
        ns.moves(ns.length("b"), by=1, under=ns.zero(ns.cell[0], at=ns.first("X") + 50)),
        "no sequence to measure: zero(cell[0], at=first(char('X')) + 50) could be made in none",
    ),
    "edit nowhere possible, of units": (
        ns.mean(of=ns.cell[0], under=ns.zero(ns.cell[0], at=ns.first("X") + 50)),
        "no step to measure at: zero(cell[0], at=first(char('X')) + 50) could be made in no sequence",
    ),
    "among none": (
        ns.exact_match(among=ns.one_of("Z")),
        "no sequence to measure: one_of('Z') occurs in none",
    ),
    "moves among none": (
        ns.moves(ns.length(among=ns.one_of("Z")), by=1, under=ns.zero(ns.cell[0], at="X")),
        "no sequence to measure: one_of('Z') occurs in none",
    ),
    "a quantile of nothing": (
        ns.length(under=ns.set_to(ns.cell[0], ns.quantile(0.5, where=ns.one_of("Z")), at="X")),
        "quantile(0.5, where=one_of('Z')) is a quantile of nothing: one_of('Z') never holds in the clean run",
    ),
    "an event that is not there": (
        ns.mean(of=ns.cell[0], where=ns.before(ns.event("delimeter"))),
        "no sequence here has an event 'delimeter'; did you mean 'delimiter'?",
    ),
}


@pytest.mark.parametrize("case", UNDECIDABLE)
def test_too_little_to_judge_by(case):
    measure, message = UNDECIDABLE[case]
    with pytest.raises(Undecidable) as error:
        value(measure, units((0, "cell"), 2))
    assert str(error.value) == message


def test_behaviour():
    assert value(ns.exact_match())[0] == 1
    assert value(ns.length("b"))[0] == 5.5
    assert value(ns.length())[0] == 5.5
    assert value(ns.length(ns.one_of("ab")))[0] == 5.5
    assert value(ns.length("b", among=ns.count_of("a") >= 9))[0] == 9.5


def test_differences():
    edit = ns.add(ns.cell[0], 0.05, at=ns.first("X") + 1)
    counter, idle = units((0, "cell"), 2), units((0, "cell"), 0)
    assert value(ns.moves(ns.length("b"), by=1, under=edit), counter, idle).tolist() == [1, 0]
    assert value(ns.shift(ns.length("b"), under=edit), counter, idle) == pytest.approx([1, 0])
    assert value(ns.change(ns.length("b"), under=edit), counter, idle) == pytest.approx([1 / 5.5, 0])
    assert value(ns.shift(ns.exact_match(), under=edit), counter, idle) == pytest.approx([-1, 0])
    gap = ns.exact_match() - ns.exact_match(under=edit)
    assert value(gap, counter, idle) == pytest.approx([1, 0])


def test_a_difference_compares_the_same_sequences():
    """Where an edit cannot be made, the clean run does not count either."""
    edit = ns.add(ns.cell[0], 0.05, at=ns.first("X") + 5)
    shifted = ns.shift(ns.length("b"), under=edit)
    assert value(shifted, units((0, "cell"), 2)) == pytest.approx([1])


def test_edited_measures_of_units():
    edit = ns.set_to(ns.cell[0], 0.4, at="X")
    counter = units((0, "cell"), 2)
    assert value(ns.mean(of=ns.cell[0], where="X", under=edit), counter)[0] == pytest.approx(0.4)
    clean = value(ns.mean(of=ns.cell[0], where="X"), counter)[0]
    shifted = ns.shift(ns.mean(of=ns.cell[0], where="X"), under=edit)
    assert value(shifted, counter)[0] == pytest.approx(0.4 - clean)


def test_yes_no_measures_have_wilsons_interval():
    edit = ns.add(ns.cell[0], 0.05, at=ns.first("X") + 1)
    moved = estimate(ns.moves(ns.length("b"), by=1, under=edit), View(SUBJECT, lanes(units((0, "cell"), 2))))
    assert interval(moved, census=False) == pytest.approx(wilson(10, 10))


def test_size():
    assert value(ns.size(ns.cell))[0] == 6


@given(st.permutations(range(10)))
@settings(max_examples=20)
def test_the_order_of_sequences_does_not_matter(order):
    shuffled = subject(tuple(STRINGS[i] for i in order))
    measure = ns.correlation(TALLY, of=ns.cell[0], where=ns.after("X"))
    chosen = units((0, "cell"), 4)
    assert value(measure, chosen, examined=shuffled) == pytest.approx(
        value(measure, chosen), abs=1e-6
    )  # float32 adds up rows in another order


def test_padding_does_not_matter():
    """A long string beside short ones changes nothing about them."""
    longer = subject((*STRINGS[:3], Example("a" * 30 + "X" + "b" * 30, prompt=31)))
    shorter = subject(STRINGS[:3])
    first = longer.clean("verification").values[0, "cell"][:3, :3, 2]
    np.testing.assert_allclose(first, shorter.clean("verification").values[0, "cell"][:3, :3, 2], atol=1e-6)


# Of what a network generates or expects. Each string carries the letter that its text ends with, and the middle of
# its b's as an event.

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
