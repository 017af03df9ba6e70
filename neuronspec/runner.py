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
"""Seconds of work above which starting processes pays: each has to load torch first."""


@dataclass(frozen=True)
class Result:
    """A question and its answer.

    Args:
        settled: the verdict over seeds.
        outcomes: the outcome of each network, by seed.
        seconds: by phase; work that several claims share is divided equally among them.
        shared: the part of these seconds that comes from shared work, by phase.
        parity: how far each network is from the one it was made from, by check, by seed.
    """

    question: Question
    settled: Settled
    outcomes: Mapping[int, Outcome]
    seconds: Mapping[str, float]
    shared: Mapping[str, float] = field(default_factory=dict)
    parity: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    mutants: Mapping[str, Settled] = field(default_factory=dict)
    """With ``mutate``, the verdict on each mutant: the claim judged with something wrong on purpose."""
    made_of: Mapping[str, Any] = field(default_factory=dict)
    """What identifies its networks, as JSON data."""

    @property
    def survivors(self) -> list[str]:
        """The mutants on which a supported claim is supported too."""
        supported = [name for name, settled in self.mutants.items() if settled.verdict == "supported"]
        return supported if self.verdict == "supported" else []

    @property
    def answers(self) -> list[Outcome]:
        """The outcomes of the networks, in the order of their seeds."""
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
        """Whether that counts as a failure: a claim about a site that the network does not have is skipped."""
        return not self.as_expected and self.verdict != "not applicable"

    @property
    def controls(self) -> dict[str, float]:
        """The median over networks of each control; none for a share of networks, which is measured over them."""
        return {} if isinstance(self.question.claim.measure, share_of_seeds) else median_controls(self.answers)


def verify(
    project: Project,
    questions: Sequence[Question],
    jobs: int | None = None,
    watcher: Watcher | None = None,
    mutate: bool = False,
) -> Iterator[list[Result]]:
    """Answer questions recipe by recipe, and yield the results on each recipe as soon as they are known.

    Args:
        jobs: processes to use; all cores where None. The numbers do not depend on it.
        mutate: whether each claim is also judged with something wrong on purpose.

    Raises:
        NeuronspecError: networks cannot be loaded or stored, or a task contradicts itself.
    """
    jobs, watcher = jobs or cores(), watcher or Watcher()
    for name in dict.fromkeys(question.recipe for question in questions):
        group = [question for question in questions if question.recipe == name]
        with one_thread():  # a sum over several threads rounds differently
            began = time.perf_counter()
            networks, origin = networks_of(project, name, group, jobs, watcher)
            training = (time.perf_counter() - began) / len(group)
            examined = _examined(project, name, group, networks, jobs, watcher, mutate)
            results = [_result(question, evidence, training, origin) for question, evidence in examined]
        yield results


def _result(question: Question, evidence: Evidence, training: float, origin: Mapping[str, Any]) -> Result:
    """The result that the evidence on a question settles to."""
    settle_over_seeds = partial(settle, question.claim, replication=question.spec.replication)
    settled = settle_over_seeds(list(evidence.outcomes.values()))
    mutants = {name: settle_over_seeds(outcomes) for name, outcomes in evidence.mutants.items()}
    shared = {"train": training} | evidence.shared
    seconds = _with_total(shared, evidence.seconds)
    return Result(question, settled, evidence.outcomes, seconds, shared, evidence.parity, mutants, origin)


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Evidence:
    """The outcomes of networks on one question, and its seconds of own and of shared work, by phase."""

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
        self.seconds = _sum_by_phase(self.seconds, answer.seconds)
        self.shared = _sum_by_phase(self.shared, answer.shared)


def _examined(
    project: Project,
    name: str,
    questions: Sequence[Question],
    networks: Mapping[int, StoredWeights] | Mapping[int, Checkpointed],
    jobs: int,
    watcher: Watcher,
    mutate: bool,
) -> list[tuple[Question, Evidence]]:
    """Return the evidence of the networks on each question."""
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

    Networks from checkpoints stay in this process: a user's module may hold what cannot be pickled.
    """
    began = time.perf_counter()
    yield examine(requests[0])
    remaining = (time.perf_counter() - began) * (len(requests) - 1)
    in_this_process = remaining <= START_UP or requests[0].given is not None
    parallel = Parallel(n_jobs=1 if in_this_process else jobs, return_as="generator")
    yield from parallel(delayed(examine)(request) for request in requests[1:])


def _of_task_measure(claim: Claim, examined: Examined, task: Task) -> Outcome:
    """The outcome of a claim on a task's own measure: a function of a task file, which may not be picklable."""
    name = claim.measure.name
    try:
        value = float(task.measures[name].of(examined.generated[name]))
    except Exception as error:  # a task file is anybody's code
        return Outcome("error", reason=f"measure {name!r} of the task raised {type(error).__name__}: {error}")
    verdict, reason = against_bound(claim, value, value, value)
    return Outcome(verdict, value, (value, value), reason=reason)


def _sum_by_phase(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Seconds by phase, added up."""
    return {phase: first.get(phase, 0.0) + second.get(phase, 0.0) for phase in {**first, **second}}


def _with_total(shared: Mapping[str, float], of_the_claim: Mapping[str, float]) -> dict[str, float]:
    seconds = _sum_by_phase(shared, of_the_claim)
    return seconds | {"total": sum(seconds.values())}
