"""The course of a calibration: populations on all cores, each with its cases and its trials of intervals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed

from neuronspec.calibration.cases import SLOTS, Case, judged
from neuronspec.calibration.coverage import Trial, tried
from neuronspec.calibration.populations import POOL
from neuronspec.networks.threads import one_thread
from neuronspec.runner import START_UP, cores
from neuronspec.watcher import Watcher


@dataclass(frozen=True)
class Found:
    """What one population gave."""

    cases: Sequence[Case]
    trials: Sequence[Trial]


def calibrate(
    cases: int, seed: int = 0, jobs: int | None = None, watcher: Watcher | None = None, texts: int = POOL
) -> Iterator[Found]:
    """Yield what populations give, one after the other.

    Args:
        cases: how many null cases, and how many true ones; and at most so many trials of each kind of interval.
        seed: of everything that is drawn.
        jobs: processes to use; all cores where None. The numbers do not depend on it.
        texts: of each population.
    """
    watcher = watcher or Watcher()
    wanted = [min(SLOTS, cases - first) for first in range(0, cases, SLOTS)]
    for done, one in enumerate(_each(seed, wanted, jobs or cores(), texts), 1):
        watcher.examined("planted networks", done, len(wanted))
        yield one


def _each(seed: int, wanted: Sequence[int], jobs: int, texts: int) -> Iterator[Found]:
    """The first population here, the others on all cores if that saves more than starting processes costs."""
    began = time.perf_counter()
    yield _found(seed, 0, wanted[0], texts)
    left = (time.perf_counter() - began) * (len(wanted) - 1)
    parallel = Parallel(n_jobs=1 if left <= START_UP else jobs, return_as="generator")
    yield from parallel(delayed(_found)(seed, number, n, texts) for number, n in enumerate(wanted[1:], 1))


def _found(seed: int, number: int, cases: int, texts: int) -> Found:
    with one_thread():
        population, found = judged(seed, number, cases, texts)
        return Found(found, tried(population, seed, cases))
