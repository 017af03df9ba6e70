"""Intervals against scipy and by simulation; verdicts by their rules."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import neuronspec as ns
from neuronspec.engine.measures.estimates import Estimate, expanded, interval, oriented, per_sequence, ratio, wilson
from neuronspec.engine.verdicts.judge import Control, compare, judge, p_value

NAN = float("nan")
AT_LEAST = ns.exact_match() >= 0.5
AT_MOST = ns.exact_match() <= 0.5


def yes_no(*lanes):
    values = np.array(lanes, dtype=float)
    return per_sequence(values, np.ones(values.shape[1], dtype=bool), yes_no=True)


def numbers(*lanes):
    values = np.array(lanes, dtype=float)
    return per_sequence(values, np.ones(values.shape[1], dtype=bool))


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_is_scipys(yes, no):
    n = yes + no
    theirs = stats.binomtest(yes, n).proportion_ci(method="wilson")
    assert wilson(yes, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_census_is_a_point():
    assert interval(yes_no([1, 0, 1]), census=True) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_the_bootstrap_resamples_sequences_not_steps():
    """Ten sequences of a hundred equal steps carry ten observations, not a thousand."""
    rng = np.random.default_rng(0)
    levels = rng.normal(size=10)
    parts = np.stack([levels * 100, np.full(10, 100.0)], -1)[None]
    low, high = interval(Estimate(parts), census=False)
    assert high - low == pytest.approx(2 * 1.96 * levels.std() / math.sqrt(10), rel=0.2)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        low, high = interval(numbers(rng.normal(size=60)), census=False)
        hits += low <= 0 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_unused_sequences_do_not_count():
    estimate = per_sequence(np.array([[1.0, 0.0, 0.0]]), np.array([True, True, False]), yes_no=True)
    assert estimate.values[0] == 0.5
    assert interval(estimate, census=False) == pytest.approx(wilson(1, 2))


def test_differences_pair_sequences():
    left, right = numbers([1.0, 5.0, 9.0]), numbers([0.0, 4.0, 8.0])
    low, high = interval(left.minus(right), census=False)
    assert (low, high) == (pytest.approx(1.0), pytest.approx(1.0))  # unpaired, it would be wide
    assert left.relative_to(right).values[0] == pytest.approx(5 / 4 - 1)


def test_lanes_of_a_difference_broadcast():
    difference = numbers([1.0, 1.0], [3.0, 3.0]).minus(numbers([1.0, 1.0]))
    assert difference.values.tolist() == [0.0, 2.0]


def test_a_control_is_the_mean_over_its_draws():
    control = compare(numbers([1, 1, 1]), numbers([0, 0, 0], [1, 0, 0]), census=False)
    assert control.value == pytest.approx(1 / 6)
    assert control.draws == 2
    assert control.difference[0] > 0


def test_a_control_that_is_often_undefined_has_no_difference_and_gives_no_warning():
    rare = Estimate(np.array([[[1.0, 1.0], *[[0.0, 0.0]] * 19]]))
    control = compare(numbers([1.0] * 20), rare, census=False)
    assert control.value == 1.0
    assert all(math.isnan(end) for end in control.difference)


def test_a_rival_may_point_the_other_way():
    lanes = numbers([-0.9], [0.9])
    assert oriented(lanes, 0.0, like=0.5).values.tolist() == [0.9, 0.9]
    assert oriented(lanes, 0.0, like=-0.5).values.tolist() == [-0.9, -0.9]
    assert oriented(numbers([0.1]), 0.5, like=0.8).values[0] == 0.9
    assert oriented(lanes, None, like=0.5).values.tolist() == [-0.9, 0.9]
    assert oriented(lanes, 0.0, like=0.5).at(np.ones((4, 1))).shape == (2, 4)


def test_a_difference_has_as_few_sequences_as_its_poorer_side():
    few = per_sequence(np.ones((1, 200)), np.arange(200) < 2)
    gap = few.minus(numbers([0.0] * 200))
    outcome = judge(ns.exact_match() >= 0.5, gap, {}, census=False)
    assert (outcome.verdict, outcome.reason) == ("undecided", "only 2 sequences contribute, and 10 are wanted")


def test_what_is_often_undefined_has_no_interval():
    """One sequence of 200 carries it: it is missing from a third of the resamples."""
    parts = np.ones((1, 200, 3))
    parts[0, 1:, 1:] = 0
    fragile = Estimate(parts, lambda totals: ratio(totals[..., 1:]))
    outcome = judge(ns.exact_match() >= 0.5, fragile, {}, census=False)
    assert outcome.verdict == "undecided"
    assert outcome.reason.startswith("too few sequences carry what is measured")


# Yes or no's that all say the same.


@pytest.mark.parametrize(("sequences", "short_of_one"), [(10, 0.15), (50, 0.04), (200, 0.01)])
def test_a_change_that_is_the_same_everywhere_is_not_certain(sequences, short_of_one):
    """Resampling 20 ones gives 20 ones; that the next sequence is a one too does not follow."""
    gap = yes_no([1] * sequences).minus(yes_no([0] * sequences))
    low, high = interval(gap, census=False)
    assert low < 1 - short_of_one
    assert high <= 1
    control = compare(yes_no([1] * sequences), yes_no([0] * sequences), census=False)
    assert control.difference[0] < 1 - short_of_one


@pytest.mark.parametrize(("sequences", "rate"), [(15, 0.95), (50, 0.98), (50, 0.5)])
def test_differences_of_yes_or_nos_are_covered_as_often_as_is_said(sequences, rate):
    """Pairs of which nearly all say the same are where a plain bootstrap covers far too seldom."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        left, right = rng.random(sequences) < rate, rng.random(sequences) < 1 - rate
        low, high = interval(yes_no(left).minus(yes_no(right)), census=False)
        held += low <= 2 * rate - 1 <= high
    assert held / 300 >= 0.93


# What is undefined.


def test_undefined_draws_are_left_out_and_all_undefined_is_said():
    partly = Estimate(np.array([[[0.0, 0.0]], [[1.0, 2.0]]]))
    assert compare(numbers([1]), partly, census=True).value == 0.5
    wholly = compare(numbers([1]), Estimate(np.zeros((2, 1, 2))), census=True)
    assert math.isnan(wholly.value)
    assert wholly.note == "undefined there"


def control(value, low, high):
    return {"random units": Control(value, (low, high), 20)}


VERDICTS = {
    "too few sequences": (AT_LEAST, numbers([1.0] * 9), {}, "undecided"),
    "enough sequences": (AT_LEAST, numbers([1.0] * 10), {}, "supported"),
    "clear": (AT_LEAST, yes_no([1] * 40), control(0.1, 0.5, 0.9), "supported"),
    "no control": (AT_LEAST, yes_no([1] * 40), {}, "supported"),
    "control meets the bound": (AT_LEAST, yes_no([1] * 40), control(0.6, 0.1, 0.5), "unspecific"),
    "control too near": (AT_LEAST, yes_no([1] * 40), control(0.4, -0.1, 0.5), "undecided"),
    "worse than control": (AT_MOST, yes_no([0] * 40), control(0.7, 0.1, 0.5), "undecided"),
    "below, better than control": (AT_MOST, yes_no([0] * 40), control(0.7, -0.9, -0.5), "supported"),
    "wrong side": (AT_LEAST, yes_no([0] * 40), control(0.1, -0.2, 0.0), "refuted"),
    "straddles": (AT_LEAST, yes_no([1, 0] * 20), {}, "undecided"),
    "undefined": (AT_LEAST, Estimate(np.zeros((1, 3, 2))), {}, "undecided"),
    "unavailable control": (AT_LEAST, yes_no([1] * 40), {"random units": Control(note="too few")}, "supported"),
    "control finds nothing": (
        AT_LEAST,
        yes_no([1] * 40),
        {"twin": Control(note="none")},
        "supported",
    ),
    "side effect": (ns.side_effect(AT_LEAST), yes_no([1] * 40), control(0.9, -0.1, 0.2), "supported"),
    "between": (ns.exact_match().between(0.2, 0.8), yes_no([1, 0] * 100), {}, "supported"),
    "between, above": (ns.exact_match().between(0.2, 0.8), yes_no([1] * 100), {}, "refuted"),
    "between, control inside": (
        ns.exact_match().between(0.2, 0.8),
        yes_no([1, 0] * 100),
        control(0.3, 0.1, 0.3),
        "unspecific",
    ),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_verdicts(case):
    claim, estimate, controls, verdict = VERDICTS[case]
    outcome = judge(claim, estimate, controls, census=False)
    assert outcome.verdict == verdict, outcome.reason
    assert bool(outcome.reason) == (verdict in ("undecided", "unspecific"))


@pytest.mark.parametrize("sequences", [5, 10, 30, 1000])
def test_intervals_of_few_sequences_are_as_wide_as_students(sequences):
    """Of a mean of normal values the bootstrap is normal, with the variance over n."""
    short = stats.norm.ppf((1 + expanded(0.95, sequences)) / 2) * math.sqrt((sequences - 1) / sequences)
    assert short == pytest.approx(stats.t.ppf(0.975, sequences - 1), rel=1e-9)


def test_a_control_that_may_meet_the_bound_leaves_a_claim_undecided():
    claim = ns.correlation("a", of=ns.cell[0]) >= 0.5
    own = numbers([0.9] * 40)
    near = compare(own, numbers(np.linspace(0.2, 0.78, 40)), census=False)
    assert near.value < 0.5 < near.interval[1]
    said = judge(claim, own, {"random units": near}, census=False)
    assert (said.verdict, said.reason) == ("undecided", "random units may meet the bound as well (0.49)")
    far = compare(own, numbers(np.linspace(0.1, 0.3, 40)), census=False)
    assert judge(claim, own, {"random units": far}, census=False).verdict == "supported"


def test_p_value_is_one_plus_how_many_do_as_well():
    claim = ns.correlation("a", of=ns.cell[0]) >= 0.5
    assert p_value(claim, 0.7, np.array([0.1, 0.7, 0.9, np.nan])) == pytest.approx(3 / 4)
    assert p_value(ns.spread(of=ns.cell[0]) <= 0.5, 0.2, np.array([0.1, 0.7, 0.9])) == pytest.approx(2 / 4)
