"""Two runs compared: how far values are apart, with intervals, and what became slower."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from neuronspec.engine.verdicts.replicates import median_interval
from neuronspec.errors import ProjectError
from neuronspec.ledger.record import PHASES, from_plain

Ends: TypeAlias = tuple[float, float]
Claim: TypeAlias = Mapping[str, Any]
"""A claim as a run has it."""


@dataclass(frozen=True)
class Difference:
    """A claim in two runs.

    Args:
        id: in the first run.
        verdicts: in both.
        values: in both; NaN where there is none.
        gap: second minus first; where both ran the same networks, the median of their gaps.
        interval: of the gap.
        paired: what was compared one by one: ``networks``, ``sequences``, or nothing.
        seconds: of a claim's own work, in both.
    """

    id: str
    verdicts: tuple[str, str]
    values: Ends
    gap: float
    interval: Ends
    paired: str
    seconds: Ends

    @property
    def apart(self) -> bool:
        """Whether the interval of the gap excludes 0."""
        return self.interval[0] > 0 or self.interval[1] < 0

    @property
    def slower(self) -> bool:
        """Whether the second run took much longer for it: by half, and by a time that one notices."""
        before, after = self.seconds
        return after > SLOWER * before and after - before > NOTICED


SLOWER, NOTICED = 1.5, 0.5
"""A factor, and seconds: a claim of milliseconds may well take twice as long by chance."""


@dataclass(frozen=True)
class Comparison:
    """Two runs: the claims that both have, and the ids that only one has."""

    differences: Sequence[Difference]
    only: tuple[Sequence[str], Sequence[str]]
    phases: Mapping[str, Ends]
    """Seconds of both, by phase."""


def compare(first: Sequence[Claim], second: Sequence[Claim]) -> Comparison:
    """Compare the claims of two runs that have the same id and the same measure.

    Raises:
        ProjectError: they have no claim in common.
    """
    after = {(claim["id"], repr(claim["expression"]["measure"])): claim for claim in second}
    before = {(claim["id"], repr(claim["expression"]["measure"])): claim for claim in first}
    common = [claim_id for claim_id in before if claim_id in after]
    if not common:
        raise ProjectError(f"the runs have no claim in common: {first[0]['id']} ... and {second[0]['id']} ...")
    differences = [_difference(before[claim_id], after[claim_id]) for claim_id in common]
    only = [
        [id for id, measure in run if (id, measure) not in other] for run, other in ((before, after), (after, before))
    ]
    phases = {phase: (_spent(first, phase), _spent(second, phase)) for phase in PHASES}
    return Comparison(differences, (only[0], only[1]), phases)


def _spent(claims: Sequence[Claim], phase: str) -> float:
    return sum(claim["seconds"].get(phase, 0.0) for claim in claims)


def _difference(before: Claim, after: Claim) -> Difference:
    gap, interval, paired = _gap(before, after)
    values = (from_plain(before["value"]), from_plain(after["value"]))
    seconds = (_own_seconds(before), _own_seconds(after))
    return Difference(before["id"], (before["verdict"], after["verdict"]), values, gap, interval, paired, seconds)


def _own_seconds(claim: Claim) -> float:
    return float(claim["seconds"].get("total", 0.0) - sum(claim["shared"].values()))


def _gap(before: Claim, after: Claim) -> tuple[float, Ends, str]:
    """The gap between two values, its interval, and what was paired."""
    if before["expression"]["measure"]["word"] == "share_of_seeds":  # a network has a verdict there, no value to pair
        return (*between(_with_ends(before), _with_ends(after)), "")
    ours, theirs = _by_seed(before), _by_seed(after)
    common = sorted(ours.keys() & theirs.keys())
    if common and _same_networks(before, after):
        if len(common) == 1:
            first, second = ours[common[0]], theirs[common[0]]
            return _of_sequences(first, second, before, after)
        gaps_by_seed = [_of_sequences(ours[seed], theirs[seed], before, after) for seed in common]
        gaps = np.array([gap for gap, _, _ in gaps_by_seed])
        return float(np.median(gaps)), _of_median(gaps, [ends for _, ends, _ in gaps_by_seed]), "networks"
    if len(ours) == len(theirs) == 1:
        return _of_sequences(next(iter(ours.values())), next(iter(theirs.values())), before, after)
    return (*_of_medians(list(ours.values()), list(theirs.values())), "")


def _by_seed(claim: Claim) -> dict[int, Mapping[str, Any]]:
    """The networks that have a value and an interval."""
    return {r["seed"]: r for r in claim["replicates"] if r["value"] is not None and r["interval"][0] is not None}


def _same_networks(before: Claim, after: Claim) -> bool:
    named = before["recipe"] == after["recipe"]
    return named and all(before["made_of"].get(name) == after["made_of"].get(name) for name in ("key", "sha256"))


def _of_sequences(first: Claim, second: Claim, before: Claim, after: Claim) -> tuple[float, Ends, str]:
    """The gap between two networks, or two runs of the same: paired where both were judged on the same sequences."""
    sequences = [claim["made_of"].get("sequences") for claim in (before, after)]
    same = sequences[0] is not None and sequences[0] == sequences[1]
    together = correlation(first["influences"], second["influences"]) if same else 0.0
    return (*between(_with_ends(first), _with_ends(second), together), "sequences" if together else "")


def _with_ends(estimate: Mapping[str, Any]) -> tuple[float, float, float]:
    """A value and the ends of its interval."""
    return from_plain(estimate["value"]), from_plain(estimate["interval"][0]), from_plain(estimate["interval"][1])


def _of_median(values: np.ndarray, intervals: Sequence[Ends]) -> Ends:
    """The interval of a median; below six values, which is too few for one, the span of all their intervals."""
    ends = median_interval(values)
    return ends if math.isfinite(ends[0]) else (min(low for low, _ in intervals), max(high for _, high in intervals))


def _of_medians(ours: Sequence[Claim], theirs: Sequence[Claim]) -> tuple[float, Ends]:
    """The gap between medians over different networks; below six, its interval spans every pair of them."""
    if not ours or not theirs:
        return math.nan, (math.nan, math.nan)
    estimates = [[_with_ends(replicate) for replicate in run] for run in (ours, theirs)]
    values = [np.array([value for value, _, _ in run]) for run in estimates]
    first, second = ((float(np.median(v)), *median_interval(v)) for v in values)
    if math.isfinite(first[1]) and math.isfinite(second[1]):
        return between(first, second)
    (low, high), (other_low, other_high) = ((min(e for _, e, _ in run), max(e for _, _, e in run)) for run in estimates)
    return second[0] - first[0], (other_low - high, other_high - low)


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the correlation of two values over the sequences both were measured on, from their jackknife influences.

    Sequences are read in a fixed order, so the shorter list belongs to the first sequences of the longer one.
    Influences of (1, -1) and (2, -2) give 1; (1, -1) and (-1, 1) give -1.
    """
    left, right = np.array(one, dtype=float), np.array(other, dtype=float)
    if not left.any() or not right.any():
        return 0.0
    shared = min(len(left), len(right))
    together = float((left[:shared] * right[:shared]).sum())  # not @, whose sums depend on the number of threads
    return float(np.clip(together / math.sqrt(float((left * left).sum() * (right * right).sum())), -1.0, 1.0))


def between(
    first: tuple[float, float, float], second: tuple[float, float, float], together: float = 0.0
) -> tuple[float, Ends]:
    """Return second minus first, and its interval, from the intervals of both and their correlation.

    Args:
        together: the correlation of the two.

    An error in one end of the gap is the root of a^2 + b^2 - 2rab. For 1 [0.9, 1.1] and 2 [1.8, 2.2] that is 0.22
    without correlation, so the gap is 1 [0.78, 1.22]; with r = 1 it is 0.1, so 1 [0.9, 1.1].

    Source: Zou 2007, "Toward using confidence intervals to compare correlations", for two that are correlated.
    """
    (one, one_low, one_high), (other, other_low, other_high) = first, second

    def off(of_other: float, of_one: float) -> float:
        # clipped, as rounding can make a difference of squares a little negative
        return math.sqrt(max(0.0, of_other**2 + of_one**2 - 2 * together * of_other * of_one))

    gap = other - one
    return gap, (gap - off(other - other_low, one_high - one), gap + off(other_high - other, one - one_low))
