"""Intervals against scipy and by simulation; verdicts by their rules."""

import math

import numpy as np
import pytest
from estimating import numbers, yes_no
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import neuronspec as ns
from neuronspec.engine.measures.estimates import Estimate, expanded, interval, per_sequence, ratio, wilson
from neuronspec.engine.verdicts.judge import compare, judge

NAN = float("nan")


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


# Few sequences.


@pytest.mark.parametrize("sequences", [5, 10, 30, 1000])
def test_intervals_of_few_sequences_are_as_wide_as_students(sequences):
    """Of a mean of normal values the bootstrap is normal, with the variance over n."""
    short = stats.norm.ppf((1 + expanded(0.95, sequences)) / 2) * math.sqrt((sequences - 1) / sequences)
    assert short == pytest.approx(stats.t.ppf(0.975, sequences - 1), rel=1e-9)
