"""How far two runs are apart."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_claims import claim, replicate

from neuronspec.engine.measures.estimates import influences, interval, per_sequence
from neuronspec.engine.verdicts.judge import compare as paired_bootstrap
from neuronspec.errors import ProjectError
from neuronspec.ledger.compare import between, compare, correlation


def one(before, after):
    (difference,) = compare([before], [after]).differences
    return difference


def test_a_run_is_not_apart_from_itself():
    same = claim([replicate(seed, 0.9 + seed / 100) for seed in range(8)])
    difference = one(same, same)
    assert (difference.gap, difference.interval, difference.paired) == (0.0, (0.0, 0.0), "networks")
    assert not difference.apart


def test_the_same_networks_are_paired_though_their_values_lie_far_apart():
    values = np.linspace(0.2, 0.9, 10)
    before = claim([replicate(seed, value) for seed, value in enumerate(values)])
    after = claim([replicate(seed, value - 0.05) for seed, value in enumerate(values)])
    difference = one(before, after)
    assert difference.gap == pytest.approx(-0.05)
    assert difference.apart
    alone = one(before, after | {"made_of": {"key": "other", "sequences": "s"}})
    assert (alone.apart, alone.paired) == (False, "")
    assert alone.gap == pytest.approx(-0.05)


def test_a_few_networks_have_the_range_of_their_differences():
    before = claim([replicate(seed, 0.5) for seed in range(3)])
    after = claim([replicate(seed, value) for seed, value in enumerate((0.6, 0.7, 0.9))])
    assert one(before, after).interval == pytest.approx((0.1, 0.4))
    others = one(before, after | {"made_of": {"key": "other"}})
    assert others.interval == pytest.approx((0.1, 0.4))


def estimates(rng, sequences=120, shift=0.0, shared=1.0):
    common = rng.normal(size=sequences)
    first = per_sequence((common + 0.2 * rng.normal(size=sequences))[None], np.ones(sequences, bool))
    second = (shared * common + shift + 0.2 * rng.normal(size=sequences))[None]
    return first, per_sequence(second, np.ones(sequences, bool))


def as_replicate(estimate):
    return replicate(0, float(estimate.values[0]), interval(estimate, False), influences(estimate))


def test_one_network_twice_is_paired_by_sequence_as_a_paired_bootstrap_would():
    first, second = estimates(np.random.default_rng(0), shift=0.1)
    difference = one(claim([as_replicate(first)]), claim([as_replicate(second)]))
    low, high = paired_bootstrap(second, first, census=False).difference
    assert difference.paired == "sequences"
    assert difference.gap == pytest.approx(0.1, abs=0.1)
    assert difference.interval == pytest.approx((low, high), abs=0.015)
    apart = one(claim([as_replicate(first)]), claim([as_replicate(second)], recipe="toy/gru"))
    assert apart.paired == "sequences", "two networks are judged on the same sequences of their task"
    elsewhere = one(claim([as_replicate(first)]), claim([as_replicate(second)]) | {"made_of": {"sequences": "other"}})
    assert elsewhere.paired == ""
    assert elsewhere.interval[1] - elsewhere.interval[0] > 3 * (high - low)


@pytest.mark.parametrize("shared", [1.0, 0.0, -1.0])
def test_the_interval_holds_the_true_difference(shared):
    rng, held, draws = np.random.default_rng(1), 0, 200
    for _ in range(draws):
        first, second = estimates(rng, 60, 0.3, shared)
        low, high = one(claim([as_replicate(first)]), claim([as_replicate(second)])).interval
        held += low <= 0.3 <= high
    assert held >= 0.91 * draws


def test_influences_of_a_mean_are_what_each_sequence_lies_off_it():
    values = np.array([1.0, 2.0, 6.0])
    told = influences(per_sequence(values[None], np.ones(3, bool)))
    assert told == pytest.approx(values - 3.0)


def test_looks_of_different_size_share_their_first_sequences():
    rng = np.random.default_rng(2)
    all_of = rng.normal(size=200)
    assert correlation(all_of, all_of) == pytest.approx(1)
    assert 0.3 < correlation(all_of[:50], all_of) < 0.7  # a quarter of the sequences: half of the correlation
    assert correlation(np.zeros(5), all_of) == 0
    assert correlation((), all_of) == 0


ends = st.tuples(*[st.floats(-100, 100)] * 3).map(sorted).map(lambda v: (v[1], v[0], v[2]))


@given(ends, ends, st.floats(-1, 1))
def test_between_is_symmetric_and_holds_the_gap(first, second, together):
    gap, (low, high) = between(first, second, together)
    back, (back_low, back_high) = between(second, first, together)
    assert low <= gap <= high
    assert (back, back_low, back_high) == pytest.approx((-gap, -high, -low))


def test_shares_of_networks_are_set_against_each_other_as_shares():
    before = claim([replicate(s, 0.9) for s in range(10)], word="share_of_seeds", value=0.9, interval=[0.6, 0.98])
    after = claim([replicate(s, 0.9) for s in range(10)], word="share_of_seeds", value=0.2, interval=[0.06, 0.51])
    difference = one(before, after)
    assert difference.gap == pytest.approx(-0.7)
    assert difference.apart


def test_what_has_no_value_has_no_difference():
    nothing = claim([replicate(0, None, [None, None], verdict="undecided")])
    difference = one(nothing, claim([replicate(0, 0.5)]))
    assert math.isnan(difference.gap)
    assert not difference.apart


def test_claims_of_one_run_only_are_told_and_those_that_measure_something_else():
    before = [claim([replicate(0, 0.5)]), claim([replicate(0, 0.5)], id="a")]
    after = [claim([replicate(0, 0.5)]), claim([replicate(0, 0.5)], id="a", word="auroc")]
    assert compare(before, after).only == (["a"], ["a"])
    with pytest.raises(ProjectError, match=r"the runs have no claim in common: a \.\.\. and specs"):
        compare(before[1:], after[:1])


def test_seconds_by_phase_and_what_became_slower():
    before = claim([replicate(0, 0.5)])
    after = claim([replicate(0, 0.5)], seconds={"train": 9.0, "judge": 4.0, "total": 13.0}, shared={"train": 9.0})
    told = compare([before], [after])
    assert told.phases["train"] == (1.0, 9.0)
    assert told.phases["judge"] == (2.0, 4.0)
    (difference,) = told.differences
    assert difference.seconds == (2.0, 4.0)
    assert difference.slower
    assert not one(after, before).slower
