"""The main path: questions -> networks -> evidence -> verdicts.

collect           collection.py             spec files -> questions
group by recipe   here
load or train     named_networks.py         from the store, or in blocks on all cores
examine           engine/verdicts/examine.py     trace, pick, intervene, judge: one network at a time, on all cores
settle            engine/verdicts/replicates.py       what single networks say -> the verdict on the claim
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from joblib import Parallel, delayed

from neuronspec.collection import Question
from neuronspec.engine.verdicts.examine import Answer, Checkpointed, Examined, Request, examine
from neuronspec.engine.verdicts.judge import Outcome, against_bound
from neuronspec.engine.verdicts.replicates import Settled, median_controls, of_one_network, settle
from neuronspec.language.claims import Claim
from neuronspec.language.over_seeds import share_of_seeds
from neuronspec.named_networks import networks_of, task_and_recipe
from neuronspec.networks.supply import StoredWeights
from neuronspec.networks.tasks import Task
from neuronspec.networks.threads import one_thread
from neuronspec.project import Project
from neuronspec.watcher import Watcher

START_UP = 4.0
"""Seconds of work from which on processes are worth starting: each loads torch first."""


@dataclass(frozen=True)
class Result:
    """A question and its answer.

    Args:
        settled: the verdict over seeds.
        outcomes: what each network said, by seed.
        seconds: by phase; work that claims share is in equal parts with those that asked for it.
        shared: how much of these seconds is such a part, by phase.
        parity: how far each network is from the one it was made from, by check, by seed.
    """

    question: Question
    settled: Settled
    outcomes: Mapping[int, Outcome]
    seconds: Mapping[str, float]
    shared: Mapping[str, float] = field(default_factory=dict)
    parity: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    mutants: Mapping[str, Settled] = field(default_factory=dict)
    """What the claim came to with something wrong on purpose, where that was asked for."""
    made_of: Mapping[str, Any] = field(default_factory=dict)
    """What tells its networks from others, as JSON data."""

    @property
    def survivors(self) -> list[str]:
        """The mutants that a claim which holds did not notice."""
        alike = [name for name, settled in self.mutants.items() if settled.verdict == "supported"]
        return alike if self.verdict == "supported" else []

    @property
    def answers(self) -> list[Outcome]:
        """What the networks said, in the order of their seeds."""
        return list(self.outcomes.values())

    @property
    def verdict(self) -> str:
        return self.settled.verdict

    @property
    def as_expected(self) -> bool:
        """Whether the claim came out as its spec says."""
        return self.verdict == self.question.claim.expected

    @property
    def failed(self) -> bool:
        """Whether that matters: a claim about a site that the network does not have is passed over."""
        return not self.as_expected and self.verdict != "not applicable"

    @property
    def controls(self) -> dict[str, float]:
        """The median over networks of each control; none for a share of networks, which is no such measure."""
        return {} if isinstance(self.question.claim.measure, share_of_seeds) else median_controls(self.answers)


def verify(
    project: Project,
    questions: Sequence[Question],
    jobs: int | None = None,
    watcher: Watcher | None = None,
    mutate: bool = False,
) -> Iterator[list[Result]]:
    """Answer questions, recipe by recipe, and yield the answers about the networks of each as soon as they are known.

    Args:
        jobs: processes to use; all cores where None. The numbers do not depend on it.
        mutate: whether each claim is also judged with something wrong on purpose.

    Raises:
        NeuronspecError: networks can neither be loaded nor kept, or a task contradicts itself.
    """
    jobs, watcher = jobs or cores(), watcher or Watcher()
    for name in dict.fromkeys(question.recipe for question in questions):
        group = [question for question in questions if question.recipe == name]
        with one_thread():
            began = time.perf_counter()
            networks, origin = networks_of(project, name, group, jobs, watcher)
            training = (time.perf_counter() - began) / len(group)
            examined = _examined(project, name, group, networks, jobs, watcher, mutate)
            results = [_result(question, evidence, training, origin) for question, evidence in examined]
        yield results


def _result(question: Question, evidence: Evidence, training: float, origin: Mapping[str, Any]) -> Result:
    """What networks said to a question, as a verdict."""
    over = partial(settle, question.claim, replication=question.spec.replication)
    settled = over(list(evidence.outcomes.values()))
    mutants = {name: over(outcomes) for name, outcomes in evidence.mutants.items()}
    shared = {"train": training} | evidence.shared
    seconds = _in_all(shared, evidence.seconds)
    return Result(question, settled, evidence.outcomes, seconds, shared, evidence.parity, mutants, origin)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Evidence:
    """What networks said to one question, and the seconds it took by itself and in shared work, by phase."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    shared: dict[str, float] = field(default_factory=dict)
    parity: dict[int, Mapping[str, float]] = field(default_factory=dict)
    mutants: dict[str, list[Outcome]] = field(default_factory=dict)

    def take(self, examined: Examined, answer: Answer, outcome: Outcome) -> None:
        """Add a network's answer to the question."""
        self.outcomes[examined.seed] = outcome
        self.parity[examined.seed] = examined.parity
        for name, mutant in answer.mutants.items():
            self.mutants.setdefault(name, []).append(mutant)
        self.seconds = _added(self.seconds, answer.seconds)
        self.shared = _added(self.shared, answer.shared)


def _examined(
    project: Project,
    name: str,
    questions: Sequence[Question],
    networks: Mapping[int, StoredWeights] | Mapping[int, Checkpointed],
    jobs: int,
    watcher: Watcher,
    mutate: bool,
) -> list[tuple[Question, Evidence]]:
    """Return what the networks say to each question."""
    task, recipe = task_and_recipe(project, name)
    questions_of = {seed: [q for q in questions if seed in q.seeds] for seed in networks}
    common = Request.of(name, task, recipe, mutate)
    requests = [common.about(seed, network, task, _claims(questions_of[seed])) for seed, network in networks.items()]
    evidence = {question.id: Evidence() for question in questions}
    for done, examined in enumerate(_each_examined(requests, jobs), start=1):
        for question, answer in zip(questions_of[examined.seed], examined.answers, strict=True):
            outcome = answer.outcome or _of_task_measure(of_one_network(question.claim), examined, task)
            evidence[question.id].take(examined, answer, outcome)
        watcher.examined(name, done, len(requests))
    return [(question, evidence[question.id]) for question in questions]


def _claims(questions: Sequence[Question]) -> list[Claim]:
    return [question.claim for question in questions]


def _each_examined(requests: Sequence[Request], jobs: int) -> Iterator[Examined]:
    """Examine networks: the first here, the others on all cores if that saves more than starting processes costs.

    Networks that are given stay here: a user's module may hold what no process can hand to another.
    """
    began = time.perf_counter()
    yield examine(requests[0])
    left = (time.perf_counter() - began) * (len(requests) - 1)
    alone = left <= START_UP or requests[0].given is not None
    parallel = Parallel(n_jobs=1 if alone else jobs, return_as="generator")
    yield from parallel(delayed(examine)(request) for request in requests[1:])


def _of_task_measure(claim: Claim, examined: Examined, task: Task) -> Outcome:
    """What a claim on a task's own measure comes to: it is a function of a task file, which stays here."""
    name = claim.measure.name
    try:
        value = float(task.measures[name].of(examined.generated[name]))
    except Exception as error:  # a task file is anybody's code
        return Outcome("error", reason=f"measure {name!r} of the task raised {type(error).__name__}: {error}")
    verdict, reason = against_bound(claim, value, value, value)
    return Outcome(verdict, value, (value, value), reason=reason)


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Seconds by phase, added up."""
    return {phase: one.get(phase, 0.0) + other.get(phase, 0.0) for phase in {**one, **other}}


def _in_all(shared: Mapping[str, float], own: Mapping[str, float]) -> dict[str, float]:
    seconds = _added(shared, own)
    return seconds | {"total": sum(seconds.values())}
