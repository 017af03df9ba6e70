"""The main path: questions -> networks -> evidence -> verdicts.

collect           collection.py           spec files -> questions
group by recipe   here
load or train     networks/store.py       in blocks, on all cores
examine           engine/examine.py       trace, pick, intervene, judge: one network at a time, on all cores
settle            here                    the verdicts of single networks -> the verdict on the claim
"""

from __future__ import annotations

import math
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from torch import Tensor

from neuronspec.collection import Question
from neuronspec.engine.examine import Examined, Request, examine, of_one_network, own_measures
from neuronspec.engine.statistics import Outcome, against_bound, median_controls, median_interval, over_seeds, wilson
from neuronspec.language.claims import Claim
from neuronspec.language.measures import measured, median_over_seeds, share_of_seeds
from neuronspec.networks.store import Homeless, Shelf, train_missing
from neuronspec.networks.tasks import Example, Recipe, Task
from neuronspec.networks.training import block_of, blocks_of
from neuronspec.project import Project

Weights = Path | Mapping[str, Tensor]
PROGRESS_EVERY = 20
"""Training steps between two notes of how far a block is."""


class Watcher:
    """What is told while a run goes on; this one says nothing."""

    def training(self, recipe: str, done: int, total: int) -> None:
        """So many training steps are done, over all networks that are missing."""

    def examined(self, recipe: str, done: int, total: int) -> None:
        """So many networks are examined."""

    def warn(self, message: str) -> None:
        """Something went wrong that the run can live with."""
        warnings.warn(message, stacklevel=2)


@dataclass(frozen=True)
class Result:
    """A question and its answer.

    Args:
        value: over seeds, the median (of a word over seeds, its own value).
        interval: over seeds, the range from the smallest to the largest value (of a word over seeds, its interval).
        outcomes: what each network said, by seed.
        seconds: by phase; work that claims share is in equal parts with those that share it.
    """

    question: Question
    verdict: str
    value: float
    interval: tuple[float, float]
    outcomes: Mapping[int, Outcome]
    reason: str
    seconds: Mapping[str, float]

    @property
    def answers(self) -> list[Outcome]:
        """What the networks said, in the order of their seeds."""
        return list(self.outcomes.values())

    @property
    def as_expected(self) -> bool:
        """Whether the claim came out as its spec says."""
        return self.verdict == self.question.claim.expected


def verify(
    project: Project, questions: Sequence[Question], jobs: int | None = None, watcher: Watcher | None = None
) -> Iterator[Result]:
    """Answer questions, recipe by recipe, and yield each answer as soon as it is known.

    Args:
        jobs: processes to use; all cores where None. The numbers do not depend on it.
    """
    jobs, watcher = jobs or cores(), watcher or Watcher()
    for recipe in dict.fromkeys(question.recipe for question in questions):
        group = [question for question in questions if question.recipe == recipe]
        began = time.perf_counter()
        networks = obtain(project, recipe, _all_seeds(group), jobs, watcher)
        training = (time.perf_counter() - began) / len(group)
        evidence = _examine(project, recipe, group, networks, jobs, watcher)
        task, _ = task_and_recipe(project, recipe)
        for question in group:
            yield _settle(question, task, evidence[question.id], training)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def task_and_recipe(project: Project, name: str) -> tuple[Task, Recipe]:
    """Return what ``"counting/lstm"`` names."""
    task_name, _, recipe_name = name.partition("/")
    task = project.task(task_name)
    return task, task.recipe(recipe_name)


def _all_seeds(questions: Sequence[Question]) -> list[int]:
    return sorted({seed for question in questions for seed in question.seeds})


# Networks.


def obtain(project: Project, name: str, seeds: Sequence[int], jobs: int, watcher: Watcher) -> dict[int, Weights]:
    """Return where the weights of each seed are, after training what was not there.

    Weights that could not be stored are returned themselves.

    Raises:
        StoreError: before any training, where nothing could be kept.
    """
    task, recipe = task_and_recipe(project, name)
    shelf = Shelf.of(project.store, name, task, recipe)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        missing = [seed for seed in seeds if shelf.load(seed) is None]
    for warning in caught:
        watcher.warn(str(warning.message))
    homeless = _train(shelf, task, missing, jobs, watcher) if missing else {}
    return {seed: homeless.get(seed, shelf.weights_file(seed)) for seed in seeds}


def _train(
    shelf: Shelf, task: Task, missing: Sequence[int], jobs: int, watcher: Watcher
) -> dict[int, dict[str, Tensor]]:
    shelf.check_writable()
    corpus = task.draw("corpus")
    blocks = blocks_of(missing, shelf.recipe)
    wanted = [[seed for seed in missing if seed in block] for block in blocks]
    with _watched(shelf, blocks, watcher):
        kept = Parallel(n_jobs=min(jobs, len(blocks)))(delayed(_train_block)(shelf, corpus, seeds) for seeds in wanted)
    homeless: dict[int, dict[str, Tensor]] = {}
    for block in kept:
        homeless |= block.weights
    if homeless:
        reason = next(block.reason for block in kept if block.reason)
        watcher.warn(
            f"{shelf.name}: {len(homeless)} trained networks could not be written to {shelf.folder}: {reason}; "
            "they are used for this run and will have to be trained again"
        )
    return homeless


def _train_block(shelf: Shelf, corpus: Sequence[Example], seeds: Sequence[int]) -> Homeless:
    """The work of one training process: it notes how far it is in a file that the driver reads."""
    note = _note(shelf, block_of(seeds[0], shelf.recipe))

    def progress(step: int) -> None:
        if step % PROGRESS_EVERY == 0:
            with suppress(OSError):
                note.write_text(str(step))

    try:
        return train_missing(shelf, corpus, seeds, progress)
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def _note(shelf: Shelf, block: range) -> Path:
    return shelf.folder / f"block-{block.start}.steps"


@contextmanager
def _watched(shelf: Shelf, blocks: Sequence[range], watcher: Watcher) -> Iterator[None]:
    """Tell the watcher how far training is, until it is done."""
    over, total = threading.Event(), shelf.recipe.steps * len(blocks)

    def look() -> None:
        furthest = [0] * len(blocks)
        while not over.wait(0.2):
            for index, block in enumerate(blocks):
                with suppress(OSError, ValueError):
                    furthest[index] = max(furthest[index], int(_note(shelf, block).read_text()))
            watcher.training(shelf.name, sum(furthest), total)

    thread = threading.Thread(target=look, daemon=True)
    watcher.training(shelf.name, 0, total)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    watcher.training(shelf.name, total, total)


# Evidence.


def _examine(
    project: Project,
    name: str,
    questions: Sequence[Question],
    networks: Mapping[int, Weights],
    jobs: int,
    watcher: Watcher,
) -> dict[str, dict[int, tuple[Outcome, Examined, Mapping[str, float]]]]:
    """Return what each network says to each question: the outcome, all that was examined, the seconds it took."""
    task, recipe = task_and_recipe(project, name)
    asked = {seed: [q for q in questions if seed in q.seeds] for seed in networks}
    splits = {split: task.draw(split) for split in ("discovery", "verification")}
    requests = [_request(name, task, recipe, seed, networks[seed], asked[seed], splits) for seed in networks]
    answers: dict[str, dict[int, tuple[Outcome, Examined, Mapping[str, float]]]] = {q.id: {} for q in questions}
    examined = Parallel(n_jobs=min(jobs, len(requests)), return_as="generator")(delayed(examine)(r) for r in requests)
    for done, said in enumerate(examined, start=1):
        for question, outcome, seconds in zip(asked[said.seed], said.outcomes, said.seconds, strict=True):
            answers[question.id][said.seed] = (outcome, said, seconds)
        watcher.examined(name, done, len(requests))
    return answers


def _request(
    name: str,
    task: Task,
    recipe: Recipe,
    seed: int,
    weights: Weights,
    questions: Sequence[Question],
    splits: Mapping[str, Sequence[Example]],
) -> Request:
    claims = [question.claim for question in questions]
    return Request(
        name=name,
        seed=seed,
        recipe=recipe,
        vocabulary=task.vocabulary,
        weights=weights,
        discovery=splits["discovery"],
        verification=splits["verification"],
        census=task.census,
        competence=task.competence,
        claims=claims,
        measured_on={measure: task.measures[measure].examples for measure in own_measures(claims)},
    )


# Verdicts over seeds.


def _settle(
    question: Question,
    task: Task,
    answers: Mapping[int, tuple[Outcome, Examined, Mapping[str, float]]],
    training: float,
) -> Result:
    claim = question.claim
    inner = of_one_network(claim)
    outcomes = {seed: _finished(inner, outcome, said, task) for seed, (outcome, said, _) in answers.items()}
    seconds = {"train": training}
    for _, _, phases in answers.values():
        for phase, spent in phases.items():
            seconds[phase] = seconds.get(phase, 0.0) + spent
    said = list(outcomes.values())
    if isinstance(claim.measure, share_of_seeds):
        verdict, reason, value, span = _share(claim, said)
    elif isinstance(claim.measure, median_over_seeds):
        verdict, reason, value, span = _median(claim, said)
    else:
        verdict, reason = over_seeds(said, question.spec.replication)
        value, span = _median_and_range(said)
    return Result(question, verdict, value, span, outcomes, reason, seconds | {"total": sum(seconds.values())})


def _finished(claim: Claim, outcome: Outcome, said: Examined, task: Task) -> Outcome:
    """Give a pending outcome its value: the task's own measures are functions of a task file, which stay here."""
    if outcome.verdict != "pending" or not isinstance(claim.measure, measured):
        return outcome
    name = claim.measure.name
    value = float(task.measures[name].of(said.generated[name]))
    verdict, reason = against_bound(claim, value, value, value)
    return replace(outcome, verdict=verdict, reason=reason, value=value, interval=(value, value))


def _median_and_range(outcomes: Sequence[Outcome]) -> tuple[float, tuple[float, float]]:
    values = [outcome.value for outcome in outcomes if math.isfinite(outcome.value)]
    if not values:
        return math.nan, (math.nan, math.nan)
    return float(np.median(values)), (min(values), max(values))


def _share(claim: Claim, outcomes: Sequence[Outcome]) -> tuple[str, str, float, tuple[float, float]]:
    learnt = [outcome for outcome in outcomes if outcome.verdict != "unlearnt"]
    verdict, reason = over_seeds(outcomes, 0)
    if verdict in ("error", "not applicable", "unlearnt"):
        return verdict, reason, math.nan, (math.nan, math.nan)
    yes = sum(outcome.verdict == "supported" for outcome in learnt)
    low, high = wilson(yes, len(learnt))
    return *against_bound(claim, yes / len(learnt), low, high), yes / len(learnt), (low, high)


def _median(claim: Claim, outcomes: Sequence[Outcome]) -> tuple[str, str, float, tuple[float, float]]:
    verdict, reason = over_seeds(outcomes, 0)
    values = np.array([outcome.value for outcome in outcomes if math.isfinite(outcome.value)])
    if verdict in ("error", "not applicable", "unlearnt") or not len(values):
        return verdict, reason, math.nan, (math.nan, math.nan)
    value, (low, high) = float(np.median(values)), median_interval(values)
    verdict, reason = against_bound(claim, value, low, high)
    for name, control in median_controls(outcomes).items():
        if verdict == "supported" and not claim.side_effect and claim.met_by(control):
            verdict, reason = "unspecific", f"{name} meets the bound as well ({control:.3g})"
    return verdict, reason, value, (low, high)
