"""Comparisons with controls, and the verdicts they lead to."""

import math

import numpy as np
import pytest
from estimating import numbers, yes_no

import neuronspec as ns
from neuronspec.engine.measures.estimates import Estimate, interval, oriented, per_sequence
from neuronspec.engine.verdicts.judge import Control, compare, judge, p_value

AT_LEAST = ns.exact_match() >= 0.5
AT_MOST = ns.exact_match() <= 0.5


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
