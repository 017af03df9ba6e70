"""Measures against numpy and scipy on the values that a plain run gives."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import STRINGS, TALLY, lanes, subject, units, value
from scipy import stats

import neuronspec as ns
from neuronspec.engine.measures.estimates import interval, wilson
from neuronspec.engine.measures.evaluate import View, estimate, scores
from neuronspec.errors import Undecidable
from neuronspec.networks.tasks import Example

SUBJECT = subject()


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
