"""One network examined on claims: the work of one worker.

A worker gets data only: claims, a recipe, weights or where they are, sequences; never a function of a spec or task.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from neuronspec.engine.measures.estimates import LEVEL
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.measures.of_behaviour import self_generated
from neuronspec.engine.runs.clock import Clock, Seconds
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network, check_parity, trained
from neuronspec.engine.unit_sets import places
from neuronspec.engine.verdicts.controls import Look
from neuronspec.engine.verdicts.judge import Outcome, interim_looks
from neuronspec.engine.verdicts.look import NotApplicable, judged
from neuronspec.engine.verdicts.mutants import Mutant, mutants_of
from neuronspec.engine.verdicts.replicates import of_one_network
from neuronspec.errors import NetworkError, Undecidable
from neuronspec.language.behaviour_measures import task_measure
from neuronspec.language.claims import Claim
from neuronspec.language.over_seeds import median_over_seeds
from neuronspec.language.units import Site, Units
from neuronspec.networks.recipes import Recipe, checkpoint
from neuronspec.networks.supply import StoredWeights
from neuronspec.networks.tasks import Completion, Example, Task, Text
from neuronspec.networks.threads import one_thread
from neuronspec.networks.training import untrained


@dataclass(frozen=True)
class Checkpointed:
    """A network trained elsewhere, and the same before training where that is available."""

    network: Network
    twin: Network | None


@dataclass(frozen=True)
class Request:
    """What a worker needs to examine one network: a recipe and weights, or a network that is given."""

    name: str
    recipe: Recipe | None
    vocabulary: Text
    discovery: Sequence[Example]
    verification: Sequence[Example]
    census: bool
    ends: bool
    temperature: float
    competence: Claim
    generated_only: Sequence[Claim] = ()
    seed: int = 0
    weights: StoredWeights = field(default_factory=dict)
    given: Checkpointed | None = None
    claims: Sequence[Claim] = ()
    mutate: bool = False
    """Whether each claim is also judged with something wrong on purpose."""
    measured_on: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    """The examples of each of the task's own measures that a claim asks for."""

    @classmethod
    def of(cls, name: str, task: Task, recipe: Recipe | checkpoint, mutate: bool = False) -> Request:
        """Return what the requests for all networks of a recipe have in common."""
        return cls(
            name=name,
            recipe=recipe if isinstance(recipe, Recipe) else None,
            vocabulary=task.vocabulary,
            discovery=task.draw("discovery"),
            verification=task.draw("verification"),
            census=task.census,
            ends=task.ends,
            temperature=task.temperature,
            competence=task.competence,
            generated_only=task.generated_only,
            mutate=mutate,
        )

    def about(self, seed: int, network: StoredWeights | Checkpointed, task: Task, claims: Sequence[Claim]) -> Request:
        """Return the request for one of the networks."""
        measured_on = {name: task.measured_on(name) for name in own_measures(claims)}
        request = replace(self, seed=seed, claims=claims, measured_on=measured_on)
        return (
            replace(request, given=network) if isinstance(network, Checkpointed) else replace(request, weights=network)
        )


@dataclass(frozen=True)
class Answer:
    """The outcome of one claim on one network.

    Args:
        outcome: None where a worker cannot judge: a task's own measure is a function of a task file, so it is measured
            where that is loaded, on what the network generated.
        seconds: what the claim took by itself, by phase.
        shared: its part of the work shared between claims, by phase.
        mutants: the outcome of each mutant of the claim.
    """

    outcome: Outcome | None
    seconds: Seconds
    shared: Seconds
    mutants: Mapping[str, Outcome]


@dataclass(frozen=True)
class Examined:
    """The outcomes of all claims on one network.

    Args:
        answers: one per claim.
        generated: what the network generated from the examples of each of the task's own measures.
        parity: the largest difference that each check of the network found.
    """

    seed: int
    learnt: bool
    answers: Sequence[Answer]
    generated: Mapping[str, Sequence[Completion]]
    parity: Mapping[str, float]

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of the claims, without those on a task's own measure, which are still to be measured."""
        return [answer.outcome for answer in self.answers if answer.outcome is not None]


def examine(request: Request) -> Examined:
    """Examine one network on every claim; what is wrong with the network becomes the outcome *error*."""
    with one_thread():
        return _Examination(request).run()


def subject_of(request: Request) -> tuple[Subject, str]:
    """Return what the claims of a request are judged on, and why the network has not learnt its task, if it has not.

    Raises:
        NetworkError: the network is not the one it was made from.
        Undecidable: no sequence is left to judge by.
    """
    with one_thread():
        examination = _Examination(request)
        examination.prepare()
        examination.require_sequences()
        return examination.subject, examination.unlearnt


class _Examination:
    """The course of one examination: the network, its untrained twin, and the time spent."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.clock = Clock()
        self.competence = np.nan
        self.parity: dict[str, float] = {}
        network = request.given.network if request.given else self._trained()
        self.prompts = self._subject(network, request.discovery, request.verification)
        self.splits: Sequence[Sequence[Example]] = (request.discovery, request.verification)
        self.subject = self.prompts

    def _trained(self) -> Network:
        request = self.request
        assert request.recipe is not None, "a network is given, or made by a recipe"
        return trained(request.name, request.seed, request.recipe, request.vocabulary, request.ends, request.weights)

    @cached_property
    def twin(self) -> Subject | None:
        """The same network before training, where that is available."""
        request = self.request
        if request.recipe is None:
            return self._subject(request.given.twin, *self.splits) if request.given and request.given.twin else None
        model = untrained(request.recipe, len(request.vocabulary), request.seed).requires_grad_(False)
        return self._subject(replace(self.subject.network, model=model), *self.splits)

    def _subject(self, network: Network, discovery: Sequence[Example], verification: Sequence[Example]) -> Subject:
        request = self.request
        recorded = places(request.claims, network.sizes)
        generates = bool(request.generated_only)
        return Subject(network, discovery, verification, recorded, self.clock, request.temperature, asked=generates)

    def _completed(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with the network's own texts, where its run meets the task's ``generated_only`` claims."""
        pairs = [e.pair or e for e in examples]
        completed, completed_pairs = (
            self_generated(self.prompts, split, self.request.generated_only) for split in (examples, pairs)
        )
        both_completed = [(e, pair) for e, pair in zip(completed, completed_pairs, strict=True) if e is not None]
        return [e if e.pair is None else replace(e, pair=pair) for e, pair in both_completed]

    def prepare(self) -> None:
        """Check the network against its origin, measure its competence, and let it generate where asked for."""
        self.prompts.clean("verification")
        self.parity = check_parity(self.prompts.network)
        self.competence = float(estimate(self.request.competence.measure, View(self.prompts, [{}])).values[0])
        if self.request.generated_only:
            self.splits = [self._completed(split) for split in self.splits]
            self.subject = self._subject(self.prompts.network, *self.splits)

    @property
    def unlearnt(self) -> str:
        """Why the network counts as not having learnt its task; empty where it has."""
        met = self.request.competence.met_by(self.competence)
        return "" if met else f"does not meet {self.request.competence}: {self.competence:.3g}"

    def run(self) -> Examined:
        trouble = ""
        with self.clock.phase("trace"):
            try:
                self.prepare()
                generated = {name: self._complete(on) for name, on in self.request.measured_on.items()}
            except (NetworkError, Undecidable) as error:
                trouble, generated = str(error), {}
        return Examined(self.request.seed, not self.unlearnt, self._answers(trouble), generated, self.parity)

    def _answers(self, trouble: str) -> list[Answer]:
        """The answer to each claim; where the network itself is at fault, only that error."""
        outcomes, claims = [], self.request.claims
        for number, claim in enumerate(claims):
            self.clock.claim = number
            with self.clock.phase("judge"):
                outcomes.append(Outcome("error", reason=trouble) if trouble else self._outcome(claim))
        seconds, shared = [self.clock.own(number) for number in range(len(claims))], self.clock.shares(len(claims))
        mutants = [self._mutants(claim) if not trouble else {} for claim in claims]
        return [Answer(*parts) for parts in zip(outcomes, seconds, shared, mutants, strict=True)]

    def _mutants(self, claim: Claim) -> dict[str, Outcome]:
        """The outcomes of a claim's mutants; only a claim that is expected to be supported has any."""
        if not self.request.mutate or claim.expected != "supported":
            return {}
        outcomes = {m.name: self._outcome(m.claim, m) for m in mutants_of(claim)}
        return {name: outcome for name, outcome in outcomes.items() if outcome is not None}

    def _complete(self, examples: Sequence[Example]) -> list[Completion]:
        subject = self.subject
        return Subject(subject.network, examples, examples, [], self.clock, subject.temperature).completions()

    def _outcome(self, claim: Claim, mutant: Mutant | None = None) -> Outcome | None:
        about_units = any(isinstance(e, Units) for e in claim.walk())
        sites = {site for _, site in self.subject.sizes}
        missing = [s.name for s in claim.walk() if isinstance(s, Site) and s.name not in sites]
        if missing:
            return Outcome("not applicable", reason=f"{self.request.name} has no {missing[0]}")
        if about_units and self.unlearnt:
            return Outcome("unlearnt", reason=self.unlearnt)
        if isinstance(of_one_network(claim).measure, task_measure):
            return None
        try:
            return self._judged(claim, mutant)
        except NotApplicable as error:
            return Outcome("not applicable", reason=str(error))
        except (Undecidable, NetworkError) as error:
            verdict = "undecided" if isinstance(error, Undecidable) else "error"
            return Outcome(verdict, reason=str(error))
        except Exception as error:  # one claim that breaks must not lose the evidence of the others
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            return Outcome(
                "error", reason=f"neuronspec failed: {type(error).__name__}: {error} ({where}); please report it"
            )

    def _judged(self, claim: Claim, mutant: Mutant | None = None) -> Outcome:
        """Judge on a part of the sequences, and on more where that leaves it undecided; the level is shared out.

        Each look may err, and a claim is taken at the first that decides: with three looks at 95 % each, one of them
        would err in up to 15 % of claims. At 1 - 0.05 / 3 = 98.3 % each, it is 5 % in all.
        """
        of_network, wrong = of_one_network(claim), mutant.wrong if mutant else ""
        self.require_sequences()
        sizes = interim_looks(len(self.subject.verification), self.request.census)
        if isinstance(claim.measure, median_over_seeds):  # its networks give values, not verdicts
            sizes = sizes[-1:]
        level = 1 - (1 - LEVEL) / len(sizes)
        for number in sizes:
            try:
                outcome = judged(self._look(number, level, wrong), of_network, wrong)
            except Undecidable:
                if number == sizes[-1]:
                    raise
                continue
            if outcome.verdict != "undecided":
                break
        # texts that networks generate differ between networks, so influences cannot be paired by sequence
        return replace(outcome, influences=()) if self.request.generated_only else outcome

    def _look(self, sequences: int, level: float, wrong: str) -> Look:
        """What a claim is judged on in one look; a mutant of the network is its twin, which has no twin itself."""

        def twin() -> Subject | None:
            return self.twin and self.twin.first(sequences)

        if wrong != "network":
            return Look(self.subject.first(sequences), twin, self.request.census, level)
        mutated = twin()
        if mutated is None:
            raise NotApplicable("there is no untrained twin")
        return Look(mutated, lambda: None, self.request.census, level)

    def require_sequences(self) -> None:
        """Raise Undecidable where no run meets the task's ``generated_only`` claims."""
        if not self.subject.verification or not self.subject.discovery:
            raise Undecidable(f"no run of {len(self.request.verification)} prompts meets what the task asks of them")


def own_measures(claims: Sequence[Claim]) -> set[str]:
    """Return the names of the task's own measures that claims ask for."""
    return {e.name for claim in claims for e in claim.walk() if isinstance(e, task_measure)}
