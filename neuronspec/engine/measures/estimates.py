"""Estimates and their intervals.

The unit of resampling is the sequence: steps within one are not independent. So every measure is kept as sums that
each sequence adds (``parts``) and a function of their totals (``finish``); any resample of sequences is then one
matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import stdtrit

RESAMPLES = 2000
LEVEL = 0.95
FEWEST_SEQUENCES = 10
"""With fewer, resampled sequences say next to nothing about other sequences."""

Finish = Callable[[Float[np.ndarray, "*shape sum"]], Float[np.ndarray, "*shape"]]


def ratio(totals: Float[np.ndarray, "*shape sum"]) -> Float[np.ndarray, "*shape"]:
    """Sum of values over how many there are: the mean. NaN where there are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return totals[..., 0] / totals[..., 1]


@dataclass(frozen=True)
class Estimate:
    """A measure on every lane, as what each sequence adds to it.

    Args:
        sums: what each sequence adds. Lane 0 holds the claimed units, the others what stands in for them.
        finish: turns totals of parts into the measure.
        yes_no: whether each sequence adds one yes or no, and how many it adds (0 or 1), under ``ratio``.
    """

    sums: Float[np.ndarray, "lane sequence sum"]
    finish: Finish = ratio
    yes_no: bool = False
    binary: int = 0
    """The number of yes or no's that each sequence adds, 0 where it adds anything else; each is two sums, as above."""
    fewest: float = math.inf
    """Of a measure made of others: how many sequences contribute to the one with the fewest."""

    @property
    def contributing(self) -> float:
        """How many sequences add anything to lane 0."""
        return min(self.fewest, int(np.any(self.sums[0], axis=-1).sum()))

    @property
    def values(self) -> Float[np.ndarray, " lane"]:
        """The measure on every lane, over all sequences."""
        return self.finish(self.sums.sum(1))

    def at(self, weights: Float[np.ndarray, "resample sequence"]) -> Float[np.ndarray, "lane resample"]:
        """The measure with each sequence counted as often as its weight says."""
        return self.finish(np.einsum("rs,lsp->lrp", weights, self.sums, optimize=True))

    def minus(self, other: Estimate) -> Estimate:
        """The difference to another measure on the same sequences."""
        return self._joined(other, lambda left, right: left - right)

    def relative_to(self, other: Estimate) -> Estimate:
        """This measure over another, minus one."""
        return self._joined(other, lambda left, right: left / right - 1)

    def _joined(self, other: Estimate, join: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Estimate:
        lanes = max(len(self.sums), len(other.sums))
        left, right = (np.broadcast_to(e.sums, (lanes, *e.sums.shape[1:])) for e in (self, other))
        cut = left.shape[-1]

        def finish(totals: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore", divide="ignore"):
                return join(self.finish(totals[..., :cut]), other.finish(totals[..., cut:]))

        fewest = min(self.contributing, other.contributing)
        binary = self.binary + other.binary if self.binary and other.binary else 0
        return Estimate(np.concatenate([left, right], -1), finish, fewest=fewest, binary=binary)

    def with_doubt(self, first: float = 1) -> Estimate:
        """Return the estimate with two more sequences, where it is made of yes or no's: one of each, in turn.

        Where all sequences say the same, resampling them says that no other could: of 20 times yes, every resample is
        20 of 20, and the interval [1, 1]. With a yes and a no more it is 21 of 22, and resamples without the no are
        1, those with it twice 20 of 22. Of a difference, the first sequence more is yes on the left and no on the
        right, a gap of 1, and the second a gap of -1: in between stays what was measured.
        (Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions", add two to as
        many cells.)

        Args:
            first: the answer of the first of the two, 1 for yes; the second has the other.
        """
        if not self.binary:
            return self
        answers = np.array([first, 1 - first])[:, None] * np.ones(self.binary)
        answers[:, 1::2] = 1 - answers[:, 1::2]
        extra = np.stack([answers, np.ones_like(answers)], -1).reshape(2, -1)
        # what is beyond the yes or no's (which lane has which unit, see ``worst``) is the same for all sequences
        extra_sums = np.repeat(self.sums.max(1, keepdims=True), 2, 1)
        extra_sums[..., : extra.shape[1]] = extra
        return replace(self, sums=np.concatenate([self.sums, extra_sums], 1))


def oriented(estimate: Estimate, centre: float | None, like: float) -> Estimate:
    """Mirror each lane at the centre of its measure so that it lies on the same side of it as ``like``.

    A control for a unit or a signal may be related to it with the opposite sign, and is no worse for that.
    """
    if centre is None:
        return estimate
    signs = np.where((estimate.values < centre) == (like < centre), 1.0, -1.0)

    def finish(totals: np.ndarray) -> np.ndarray:
        values = estimate.finish(totals)
        return centre + signs.reshape(-1, *[1] * (values.ndim - 1)) * (values - centre)

    return replace(estimate, finish=finish)


def worst(
    estimates: Sequence[Estimate], counts: Int[np.ndarray, " lane"], shortfall: Callable[[np.ndarray], np.ndarray]
) -> Estimate:
    """Join estimates, one per unit, to that of the worst unit; undefined where it is undefined for any.

    Which unit is the worst is found out anew in each resample. With the bound ``>= 0.5`` and units at 0.9 and 0.6, the
    second falls short by -0.1, more than by -0.4, and is the worst; in a resample that has them at 0.55 and 0.7 it is
    the first. So the interval is of the worst, whichever it is, and not of the one that happened to be it.

    Args:
        counts: how many units each lane has; the estimates beyond them are passed over.
        shortfall: how far a value lies beyond the bound; negative within it.
    """
    cuts = np.cumsum([e.sums.shape[-1] for e in estimates])
    # a sum more per unit says whether the lane has it: each sequence of a lane with 2 of 3 units adds 1, 1, 0
    has_unit = np.repeat((np.arange(len(estimates)) < counts[:, None])[:, None], estimates[0].sums.shape[1], 1)

    def finish(totals: np.ndarray) -> np.ndarray:
        *per_unit, present = np.split(totals, cuts, -1)
        values = np.stack([e.finish(t) for e, t in zip(estimates, per_unit, strict=True)], -1)
        shortfalls = np.where(np.isnan(values), np.inf, shortfall(values))
        chosen = np.where(present > 0, shortfalls, -np.inf).argmax(-1)
        value: np.ndarray = np.take_along_axis(values, chosen[..., None], -1)[..., 0]
        return value

    fewest = min(e.contributing for e in estimates)
    binary = sum(e.binary for e in estimates) if all(e.binary for e in estimates) else 0
    parts = np.concatenate([*(e.sums for e in estimates), has_unit.astype(float)], -1)
    return Estimate(parts, finish, fewest=fewest, binary=binary)


def per_sequence(
    values: Float[np.ndarray, "lane sequence"], used: Bool[np.ndarray, " sequence"], yes_no: bool = False
) -> Estimate:
    """The mean of one value per sequence, over the sequences that are used and have one."""
    counted = used & np.isfinite(values)
    parts = np.stack([np.where(counted, values, 0.0), counted.astype(float)], -1)
    return Estimate(parts, ratio, yes_no, binary=int(yes_no))


@lru_cache(maxsize=8)
def resamples(sequences: int) -> Float[np.ndarray, "resample sequence"]:
    """How often each sequence is drawn in each bootstrap resample: seeded, so that all measures are paired."""
    rng = np.random.default_rng(sequences)
    return rng.multinomial(sequences, [1 / sequences] * sequences, size=RESAMPLES).astype(float)


def wilson(yes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval for a share."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, z2 = yes / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (max(0.0, middle - half) if yes else 0.0), (min(1.0, middle + half) if yes < n else 1.0)


def percentiles(values: Float[np.ndarray, " resample"], level: float = LEVEL) -> tuple[float, float]:
    """The central part of the resampled values; NaN where more resamples are undefined than it leaves out."""
    finite = values[np.isfinite(values)]
    if len(finite) < level * len(values):  # a measure that is undefined so often has no interval
        return math.nan, math.nan
    tail = (1 - level) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def expanded(level: float, sequences: float) -> float:
    """Return the level at which to cut a bootstrap of ``sequences``, so that it covers the truth at ``level``.

    Bootstrap intervals are too short in small samples: as short as normal ones with the variance divided by n.
    With 10 sequences, a 95 % interval is cut at 98.3 %.
    (Hesterberg 2015, "What teachers should know about the bootstrap": the expanded percentile interval.)
    """
    if sequences < 2:
        return level
    wide = stdtrit(sequences - 1, (1 + level) / 2) * math.sqrt(sequences / (sequences - 1))
    return 2 * NormalDist().cdf(wide) - 1


def interval(estimate: Estimate, census: bool, level: float = LEVEL) -> tuple[float, float]:
    """The interval of lane 0: a point for a census, Wilson's for yes/no, the cluster bootstrap's otherwise."""
    value = float(estimate.values[0])
    if census or not math.isfinite(value):
        return value, value
    if estimate.yes_no:
        yes, n = estimate.sums[0].sum(0)
        return wilson(float(yes), float(n), level)
    ours = replace(estimate, sums=estimate.sums[:1]).with_doubt()
    return percentiles(ours.at(resamples(ours.sums.shape[1]))[0], expanded(level, estimate.contributing))


def influences(estimate: Estimate) -> tuple[float, ...]:
    """Return the influence of each sequence on lane 0: n - 1 times what the value loses without it; NaN becomes 0.

    These are the jackknife's: those of two measures on the same sequences give the covariance of the two.
    (Efron 1982, "The jackknife, the bootstrap and other resampling plans".)
    """
    parts = estimate.sums[:1]
    totals = parts.sum(1, keepdims=True)
    lost = estimate.finish(totals) - estimate.finish(totals - parts)
    return tuple(np.nan_to_num((parts.shape[1] - 1) * lost[0], posinf=0.0, neginf=0.0).tolist())
