"""The course of a calibration: populations on all cores, each with its cases and its trials of intervals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed

from neuronspec.calibration.cases import SLOTS, Case, judged
from neuronspec.calibration.coverage import Trial, trials_of
from neuronspec.calibration.populations import POOL
from neuronspec.networks.threads import one_thread
from neuronspec.runner import START_UP, cores
from neuronspec.watcher import Watcher


@dataclass(frozen=True)
class PopulationResult:
    """The cases and trials of one population."""

    cases: Sequence[Case]
    trials: Sequence[Trial]


def calibrate(
    cases: int, seed: int = 0, jobs: int | None = None, watcher: Watcher | None = None, texts: int = POOL
) -> Iterator[PopulationResult]:
    """Yield the results of populations, one after the other.

    Args:
        cases: how many null cases, and how many true ones; at most as many trials of each kind of interval.
        seed: of everything that is drawn.
        jobs: processes to use; all cores where None. The numbers do not depend on it.
        texts: of each population.
    """
    watcher = watcher or Watcher()
    cases_by_population = [min(SLOTS, cases - first) for first in range(0, cases, SLOTS)]
    for done, result in enumerate(_results(seed, cases_by_population, jobs or cores(), texts), 1):
        watcher.examined("planted networks", done, len(cases_by_population))
        yield result


def _results(seed: int, cases: Sequence[int], jobs: int, texts: int) -> Iterator[PopulationResult]:
    """The first population here, the others on all cores if that saves more than starting processes costs."""
    began = time.perf_counter()
    yield _result(seed, 0, cases[0], texts)
    left = (time.perf_counter() - began) * (len(cases) - 1)  # as if each took as long as the first
    parallel = Parallel(n_jobs=1 if left <= START_UP else jobs, return_as="generator")
    yield from parallel(delayed(_result)(seed, number, n, texts) for number, n in enumerate(cases[1:], 1))


def _result(seed: int, number: int, cases: int, texts: int) -> PopulationResult:
    with one_thread():
        population, judged_cases = judged(seed, number, cases, texts)
        return PopulationResult(judged_cases, trials_of(population, seed, cases))
