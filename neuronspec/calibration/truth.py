"""What is true in a population, and bounds that make a claim true, false or unspecific there."""

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
"""A planted network has learnt nothing, and needs to have learnt nothing."""

CLEARED = 4.0
"""Standard errors by which what is true is to be seen."""

MOST_LOOKS = 3
"""A pool is large enough for all of them, so that the level is shared out among so many."""

RANGES = {"correlation": (-1, 1), "auroc": (0, 1), "f1": (0, 1), "share": (0, 1), "r2": (-math.inf, 1)}
"""The values that a measure can take, where not all: a bound beyond them would be no trial."""


def verdicts(
    population: Population,
    claims: Sequence[Claim],
    discovery: Sequence[Example],
    verification: Sequence[Example],
    untrained: bool = False,
    census: bool = False,
) -> Sequence[Outcome]:
    """Return what a network of a population says to claims: the one way to a verdict.

    Args:
        untrained: whether it is the untrained one.
        census: whether the examples are all there are, so that there is nothing to infer.
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
    """What a measure is in a population.

    Args:
        value: of the claimed units.
        stand_ins: of what stands in for them: the controls that could be measured.
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
        """1 where a claim is to bound the measure from below, -1 from above: away from what says nothing."""
        measure = self.candidate.measure
        if measure.word in ("share", "f1", "r2"):
            return 1
        return 1 if self.value >= (getattr(measure, "centre", None) or 0.0) else -1

    @property
    def best(self) -> str:
        """The name of the best of what stands in, on the side of the claim."""
        return max(self.stand_ins, key=lambda name: self.side * self.stand_ins[name])

    def se(self, sequences: int) -> float:
        """The standard error of the value, of so many sequences."""
        return self.error / math.sqrt(sequences)

    def larger_se(self, name: str, sequences: int) -> float:
        """The standard error of the value, or of the difference to a stand-in where that is larger."""
        return float(np.fmax(self.error, self.errors[name])) / math.sqrt(sequences)

    def claim(self, bound: float) -> Claim:
        """Return the claim that the measure lies on its side of a bound."""
        low, high = (bound, None) if self.side > 0 else (None, bound)
        return Claim(self.candidate.measure, low=low, high=high, rivals=self.candidate.rivals)

    def possible(self, bound: float) -> bool:
        """Whether value and bound lie within what the measure can be."""
        low, high = RANGES.get(self.candidate.measure.word, (-math.inf, math.inf))
        return all(low < number < high for number in (self.value, bound))

    def beyond(self, distance: float, sequences: int) -> float:
        """The bound that the value misses by so many standard errors."""
        return self.value + self.side * distance * self.se(sequences)

    def met_by_all(self, distance: float, sequences: int) -> float:
        """The bound that the value and the best stand-in meet, the worse of the two by so many (larger) errors."""
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
    """Return what is true of each candidate, those left out that vary too little, or have nothing to stand in."""
    pool, found = population.pool, []
    for untrained in (False, True):
        asked = [candidate for candidate in candidates if candidate.untrained == untrained]
        if asked:
            claims = [Claim(candidate.measure, low=0.0, rivals=candidate.rivals) for candidate in asked]
            whole = verdicts(population, claims, pool, pool, untrained, census=True)
            sampled = verdicts(population, claims, pool, pool, untrained)
            found += [_truth(*three) for three in zip(asked, whole, sampled, strict=True)]
    return [truth for truth in found if truth.error > 0 and truth.stand_ins]


def _truth(candidate: Candidate, whole: Outcome, sampled: Outcome) -> Truth:
    """What is true in the whole, and the standard errors that it shows as a sample, in as many looks as that takes."""
    able = [name for name, control in whole.controls.items() if math.isfinite(control.value)]
    differences = {name: sampled.controls[name].difference for name in able if name in sampled.controls}
    return Truth(
        candidate,
        whole.value,
        {name: whole.controls[name].value for name in able},
        _error(sampled.interval, sampled.sequences),
        {name: _error(differences.get(name, (math.nan, math.nan)), sampled.sequences) for name in able},
    )


def _error(interval: tuple[float, float], sequences: int) -> float:
    """The standard error that the interval of a look shows, of a single sequence; NaN where there is none."""
    level = 1 - (1 - LEVEL) / MOST_LOOKS
    return (interval[1] - interval[0]) / (2 * NormalDist().inv_cdf((1 + level) / 2)) * math.sqrt(sequences)


def ahead(population: Population) -> float:
    """Return how far the planted unit goes with its signal beyond every other unit: whether a sample picks it.

    Returns:
        standard errors of the difference to the nearest, over the root of the number of sequences.
    """
    unit, size = population.planted.unit, population.network.sizes[population.place]
    view = View(population.subject(), [population.lane(index) for index in range(size)])
    whole = estimate(correlation(population.planted.signal, of=unit), view)
    values, drawn = np.abs(whole.values), np.abs(whole.at(resamples(len(population.pool))))
    others = [index for index in range(size) if index != unit.index and math.isfinite(values[index])]
    errors = (drawn[unit.index] - drawn[others]).std(1)
    return float(((values[unit.index] - values[others]) / errors).min()) / math.sqrt(len(population.pool))
