"""Verdicts over seeds, by their rules."""

import math

import numpy as np
import pytest
from scipy import stats

import neuronspec as ns
from neuronspec.engine.measures.estimates import wilson
from neuronspec.engine.verdicts.judge import Control, Outcome
from neuronspec.engine.verdicts.replicates import median_interval, of_one_network, over_seeds, settle

OVER_SEEDS = {
    "all agree": (["supported"] * 3, 0.8, "supported"),
    "of three, all three": (["supported"] * 2 + ["refuted"], 0.8, "undecided"),
    "eight of ten": (["supported"] * 8 + ["refuted"] * 2, 0.8, "supported"),
    "seven of ten": (["supported"] * 7 + ["refuted"] * 3, 0.8, "undecided"),
    "refuted alike": (["refuted"] * 9 + ["undecided"], 0.8, "refuted"),
    "unlearnt are left out": (["supported"] * 8 + ["unlearnt"] * 2, 1.0, "supported"),
    "half learnt": (["supported"] * 5 + ["unlearnt"] * 5, 0.8, "supported"),
    "fewer than half learnt": (["supported"] * 4 + ["unlearnt"] * 6, 0.8, "unlearnt"),
    "none learnt": (["unlearnt"] * 3, 0.8, "unlearnt"),
    "an error is no verdict": (["supported"] * 9 + ["error"], 0.8, "error"),
    "not applicable": (["not applicable"] * 3, 0.8, "not applicable"),
}


@pytest.mark.parametrize("case", OVER_SEEDS)
def test_verdict_over_seeds(case):
    verdicts, replication, expected = OVER_SEEDS[case]
    assert over_seeds([Outcome(v) for v in verdicts], replication)[0] == expected


def test_disagreement_is_counted():
    said = [Outcome("supported")] * 11 + [Outcome("unspecific")] * 9
    assert over_seeds(said, 0.8) == ("undecided", "seeds disagree: 11 supported, 9 unspecific")


@pytest.mark.parametrize("n", [6, 7, 10, 20, 33, 62, 63, 64, 65, 66, 67, 2000])
def test_the_median_interval_is_the_sign_tests(n):
    low, high = median_interval(np.arange(float(n)))
    k = int(low)
    assert high == n - 1 - k
    assert 2 * stats.binom.cdf(k, n, 0.5) <= 0.05 < 2 * stats.binom.cdf(k + 1, n, 0.5)


def test_five_values_have_no_median_interval():
    assert all(math.isnan(end) for end in median_interval(np.arange(5.0)))


EXACT = ns.exact_match() >= 0.9
MEDIAN = ns.median_over_seeds(ns.mean(of=ns.cell[0])) >= 0.5
SHARE = ns.share_of_seeds(EXACT) >= 0.5


def said(verdict, value=1.0, control=None):
    controls = {} if control is None else {"random units": Control(control)}
    return Outcome(verdict, value, (value, value), controls)


def test_a_claim_over_seeds_asks_its_inner_claim_of_each_network():
    assert of_one_network(EXACT) is EXACT
    assert of_one_network(SHARE) == EXACT
    assert of_one_network(MEDIAN) == (ns.mean(of=ns.cell[0]) >= 0.5)


def test_the_value_is_the_median_and_the_interval_the_range():
    settled = settle(EXACT, [said("supported", v) for v in (0.9, 1.0, 0.95)], 0.8)
    assert (settled.verdict, settled.value, settled.interval) == ("supported", 0.95, (0.9, 1.0))


def test_a_share_has_wilsons_interval():
    settled = settle(SHARE, [said("supported")] * 18 + [said("refuted")] * 2, 0.8)
    assert (settled.verdict, settled.value, settled.interval) == ("supported", 0.9, wilson(18, 20))
    assert settle(SHARE, [said("supported")] * 6 + [said("refuted")] * 4, 0.8).verdict == "undecided"
    assert settle(SHARE, [said("unspecific")] * 20, 0.8).verdict == "refuted"


def test_a_median_is_judged_by_its_interval_and_its_controls():
    values = [0.6, 0.7, 0.8, 0.9, 1.0] * 4
    assert settle(MEDIAN, [said("supported", v, 0.1) for v in values], 0.8).verdict == "supported"
    assert settle(MEDIAN, [said("supported", v, 0.6) for v in values], 0.8).verdict == "unspecific"
    assert settle(MEDIAN, [said("refuted", v - 0.6) for v in values], 0.8).verdict == "refuted"
    assert settle(MEDIAN, [said("supported", v - 0.3) for v in values], 0.8).verdict == "undecided"


@pytest.mark.parametrize("claim", [EXACT, SHARE, MEDIAN])
@pytest.mark.parametrize("verdict", ["error", "not applicable", "unlearnt"])
def test_what_cannot_be_judged_is_not(claim, verdict):
    settled = settle(claim, [said(verdict, math.nan)] * 3, 0.8)
    assert settled.verdict == verdict
    assert math.isnan(settled.value)


def test_an_undecided_network_may_be_either():
    some = [said("undecided")] * 20
    assert settle(ns.share_of_seeds(EXACT) <= 0.2, some, 0.8).verdict == "undecided"
    assert settle(ns.share_of_seeds(EXACT) >= 0.8, some, 0.8).verdict == "undecided"
    assert settle(ns.share_of_seeds(EXACT) <= 0.2, [said("refuted")] * 20, 0.8).verdict == "supported"


def test_a_median_wants_to_lie_clear_of_its_controls():
    near = [said("undecided", 0.6, 0.49 if seed % 2 else 0.9) for seed in range(20)]
    assert settle(MEDIAN, near, 0.8).verdict == "unspecific"
    mixed = [said("undecided", 0.6, 0.4 if seed % 2 else 0.8) for seed in range(19)]
    assert settle(MEDIAN, [*mixed, said("undecided", 0.6, 0.4), said("undecided", 0.6, 0.4)], 0.8).reason == (
        "the difference to random units may be zero"
    )


def test_a_median_wants_a_value_of_every_learnt_network():
    nothing = Outcome("undecided", reason="finds no unit")
    settled = settle(MEDIAN, [nothing] * 3 + [said("supported")] * 17, 0.8)
    assert (settled.verdict, settled.reason) == ("undecided", "3 of 20 networks have no value: finds no unit")
    assert (
        settle(MEDIAN, [said("supported", 1.0, 0.0)] * 17 + [said("unlearnt", math.nan)] * 3, 0.8).verdict
        == "supported"
    )


def test_a_median_wants_six_networks():
    settled = settle(MEDIAN, [said("supported")] * 5, 0.8)
    assert (settled.verdict, settled.reason) == ("undecided", "5 networks are too few for an interval of a median")
