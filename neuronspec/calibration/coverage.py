"""How often an interval covers the value that it estimates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neuronspec.calibration.populations import Population
from neuronspec.engine.measures.estimates import Estimate, interval
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.language.measures import Measure
from neuronspec.language.unit_measures import correlation, mean, peak, share

SIZES = (10, 20, 50, 200)
"""Sequences of a sample."""


@dataclass(frozen=True)
class Trial:
    """An interval from a sample.

    Args:
        covers: whether it covers the value of the population; None where there is no interval.
    """

    population: int
    measure: str
    sequences: int
    covers: bool | None


def trials_of(population: Population, seed: int, times: int) -> list[Trial]:
    """Return ``times`` trials of each measure and size; a measure that is the same in every text is left out."""
    rng = np.random.default_rng([seed, population.number])
    trials = []
    for word, whole in _of_pool(population):
        trials += [
            Trial(population.number, word, sequences, _covers(whole, sequences, rng))
            for sequences in SIZES
            for _ in range(times)
        ]
    return trials


def _of_pool(population: Population) -> Iterator[tuple[str, Estimate]]:
    """Measures of the planted unit on the whole pool."""
    unit = population.planted.unit
    view = View(population.subject(), [population.lane(unit.index)])
    measures: dict[str, Measure] = {
        "correlation": correlation(population.planted.signal, of=unit),
        "mean": mean(of=unit, where=population.holds),
        "share": share(peak(unit), on=population.holds),
    }
    for word, measure in measures.items():
        whole = estimate(measure, view)
        if np.ptp(whole.sums[0], axis=0).any():
            yield word, whole


def _covers(whole: Estimate, sequences: int, rng: np.random.Generator) -> bool | None:
    """Whether the interval of a random sample covers the value of the pool; None without a finite interval."""
    rows = rng.integers(whole.sums.shape[1], size=sequences)
    sample = Estimate(whole.sums[:, rows], whole.finish, whole.yes_no)
    low, high = interval(sample, census=False)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return bool(low <= float(whole.values[0]) <= high)
