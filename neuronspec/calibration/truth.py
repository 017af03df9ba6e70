"""The true values in a population, and bounds that make a claim true, false or unspecific there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from neuronspec.calibration.candidates import Candidate
from neuronspec.calibration.populations import Population
from neuronspec.engine.measures.estimates import LEVEL, resamples
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.verdicts.examine import Request, examine
from neuronspec.engine.verdicts.judge import Outcome
from neuronspec.language.behaviour_measures import cross_entropy
from neuronspec.language.claims import Claim
from neuronspec.language.unit_measures import correlation
from neuronspec.networks.tasks import Example

ALWAYS = cross_entropy() <= 1e6
"""A competence that every network meets: a planted network is not trained."""

CLEARED = 4.0
"""Standard errors between value and bound from which a claim counts as clearly true."""

MOST_LOOKS = 3
"""A pool is large enough for all looks; the level of an interval is divided among them."""

RANGES = {"correlation": (-1, 1), "auroc": (0, 1), "f1": (0, 1), "share": (0, 1), "r2": (-math.inf, 1)}
"""The range of each measure that has one: a bound beyond it would be met always or never."""


def verdicts(
    population: Population,
    claims: Sequence[Claim],
    discovery: Sequence[Example],
    verification: Sequence[Example],
    untrained: bool = False,
    census: bool = False,
) -> Sequence[Outcome]:
    """Return the outcomes of claims about a network of a population: the only way to a verdict.

    Args:
        untrained: whether it is the untrained one.
        census: whether the examples are the whole population, so that there is nothing to infer.
    """
    given = population.given(untrained)
    request = Request(
        name=given.network.name,
        recipe=None,
        vocabulary=given.network.vocabulary,
        discovery=discovery,
        verification=verification,
        census=census,
        ends=True,
        temperature=0.0,
        competence=ALWAYS,
        seed=population.number,
        given=given,
        claims=claims,
    )
    return examine(request).outcomes


@dataclass(frozen=True)
class Truth:
    """The true value of a measure in a population.

    Args:
        value: of the claimed units.
        stand_ins: of the units that stand in for them: the controls that could be measured.
        error: standard error of the value, times the root of the number of sequences.
        errors: those of the differences to the stand-ins.
    """

    candidate: Candidate
    value: float
    stand_ins: Mapping[str, float]
    error: float
    errors: Mapping[str, float]

    @property
    def side(self) -> int:
        """1 where a claim bounds the measure from below, -1 from above: away from the value of no effect."""
        measure = self.candidate.measure
        if measure.word in ("share", "f1", "r2"):
            return 1
        return 1 if self.value >= (getattr(measure, "centre", None) or 0.0) else -1

    @property
    def best(self) -> str:
        """The name of the best stand-in, on the side of the claim."""
        return max(self.stand_ins, key=lambda name: self.side * self.stand_ins[name])

    def se(self, sequences: int) -> float:
        """The standard error of the value, from this number of sequences."""
        return self.error / math.sqrt(sequences)

    def larger_se(self, name: str, sequences: int) -> float:
        """The larger of two standard errors: of the value, and of its difference to a stand-in."""
        return float(np.fmax(self.error, self.errors[name])) / math.sqrt(sequences)

    def claim(self, bound: float) -> Claim:
        """Return the claim that the measure lies on its side of a bound."""
        low, high = (bound, None) if self.side > 0 else (None, bound)
        return Claim(self.candidate.measure, low=low, high=high, rivals=self.candidate.rivals)

    def possible(self, bound: float) -> bool:
        """Whether value and bound lie within the range of the measure."""
        low, high = RANGES.get(self.candidate.measure.word, (-math.inf, math.inf))
        return all(low < number < high for number in (self.value, bound))

    def beyond(self, distance: float, sequences: int) -> float:
        """The bound that the value misses by this many standard errors.

        For a value of 0.6 with a standard error of 0.1, claimed from below, a distance of 1 gives 0.7.
        """
        return self.value + self.side * distance * self.se(sequences)

    def met_by_all(self, distance: float, sequences: int) -> float:
        """The bound that value and best stand-in both meet, the worse of them by this many (larger) standard errors."""
        worse = min(self.side * self.value, self.side * self.stand_ins[self.best])
        return self.side * (worse - distance * self.larger_se(self.best, sequences))

    def lead(self, sequences: int) -> float:
        """How many (larger) standard errors the value lies ahead of the best stand-in."""
        return self.side * (self.value - self.stand_ins[self.best]) / self.larger_se(self.best, sequences)

    def is_clear(self, bound: float, sequences: int) -> bool:
        """Whether every stand-in misses the bound by ``CLEARED`` standard errors: of the value, or the difference."""
        return all(
            self.side * (bound - value) >= CLEARED * self.larger_se(name, sequences)
            for name, value in self.stand_ins.items()
        )


def truths(population: Population, candidates: Sequence[Candidate]) -> list[Truth]:
    """Return the truth of each candidate; without those that vary too little or have no stand-in."""
    pool, known = population.pool, []
    for untrained in (False, True):
        chosen = [candidate for candidate in candidates if candidate.untrained == untrained]
        if chosen:
            claims = [Claim(candidate.measure, low=0.0, rivals=candidate.rivals) for candidate in chosen]
            whole = verdicts(population, claims, pool, pool, untrained, census=True)
            sampled = verdicts(population, claims, pool, pool, untrained)
            known += [_truth(*outcomes) for outcomes in zip(chosen, whole, sampled, strict=True)]
    return [truth for truth in known if truth.error > 0 and truth.stand_ins]


def _truth(candidate: Candidate, whole: Outcome, sampled: Outcome) -> Truth:
    """The true values, from the pool as a census, and their standard errors, from the pool as a sample."""
    measurable = [name for name, control in whole.controls.items() if math.isfinite(control.value)]
    differences = {name: sampled.controls[name].difference for name in measurable if name in sampled.controls}
    return Truth(
        candidate,
        whole.value,
        {name: whole.controls[name].value for name in measurable},
        _error(sampled.interval, sampled.sequences),
        {name: _error(differences.get(name, (math.nan, math.nan)), sampled.sequences) for name in measurable},
    )


def _error(interval: tuple[float, float], sequences: int) -> float:
    """The standard error behind the interval of a look, times the root of the sequences; NaN without an interval.

    A normal interval is as wide as 2 z standard errors; at LEVEL 0.95 in 3 looks, z is 2.39.
    """
    level = 1 - (1 - LEVEL) / MOST_LOOKS
    return (interval[1] - interval[0]) / (2 * NormalDist().inv_cdf((1 + level) / 2)) * math.sqrt(sequences)


def ahead(population: Population) -> float:
    """Return how far the planted unit's correlation lies above that of every other: whether a sample picks it.

    Returns:
        standard errors of the difference to the nearest, over the root of the number of sequences.
    """
    unit, size = population.planted.unit, population.network.sizes[population.place]
    view = View(population.subject(), [population.lane(index) for index in range(size)])
    whole = estimate(correlation(population.planted.signal, of=unit), view)
    values, resampled = np.abs(whole.values), np.abs(whole.at(resamples(len(population.pool))))
    others = [index for index in range(size) if index != unit.index and math.isfinite(values[index])]
    errors = (resampled[unit.index] - resampled[others]).std(1)
    return float(((values[unit.index] - values[others]) / errors).min()) / math.sqrt(len(population.pool))
