"""Claims judged anew on the evidence of a run; no network is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuronspec.collection import Question
from neuronspec.engine.verdicts.controls import controls_of, rivals_of
from neuronspec.engine.verdicts.judge import Control, Outcome, concluded
from neuronspec.engine.verdicts.replicates import of_one_network, settle
from neuronspec.errors import ProjectError
from neuronspec.language.claims import Claim
from neuronspec.language.units import each
from neuronspec.ledger.changes import otherwise
from neuronspec.ledger.record import from_plain, replicates_key
from neuronspec.named_networks import origin
from neuronspec.project import Project
from neuronspec.runner import Result
from neuronspec.schema import MOST_OF_AN_ID

BEYOND_BOUNDS = ("error", "not applicable", "unlearnt")
"""Verdicts that no bound changes."""


@dataclass(frozen=True)
class Rejudged:
    """The verdicts on today's claims from the evidence of a run, and the claims for which it has no evidence."""

    results: Sequence[Result]
    unanswered: Mapping[str, str]
    """The reason, by id."""

    @property
    def perhaps(self) -> list[str]:
        """The ids of undecided claims that more sequences than the run read may decide."""
        return [r.question.id for r in self.results if r.verdict == "undecided" and any(map(_of_a_sample, r.answers))]


def _of_a_sample(outcome: Outcome) -> bool:
    """Whether an outcome is undecided on a sample, so that more of the task's sequences may decide it."""
    return outcome.verdict == "undecided" and bool(outcome.influences)


def rejudge(run: Mapping[str, Any], questions: Sequence[Question]) -> Rejudged:
    """Judge claims on the evidence of a run.

    Raises:
        ProjectError: the run is of another project, or of a schema with too little evidence.
    """
    if run["schema"] < 2:
        raise ProjectError("the run has schema 1, which kept no intervals of controls: verify the claims anew")
    known: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for claim in run["claims"]:
        known.setdefault((claim["recipe"], claim["replicates_key"]), []).append(claim)
    results, unanswered = [], {}
    for question in questions:
        candidates = known.get((question.recipe, replicates_key(question.claim, question.recipe)), [])
        reasons = [_why_not(question, claim) for claim in candidates]
        fits = [claim for claim, reason in zip(candidates, reasons, strict=True) if not reason]
        if fits:
            same = [claim for claim in fits if claim["id"] == question.id]
            results.append(_judged(question, (same or fits)[0]))
        else:
            unanswered[question.id] = reasons[0] if reasons else "it was not measured"
    if not results and not {question.id for question in questions} & {claim["id"] for claim in run["claims"]}:
        first = f"{run['claims'][0]['id']:.{MOST_OF_AN_ID}}"
        ids = f"{first} and others" if len(run["claims"]) > 1 else first
        raise ProjectError(f"the run is about none of these claims but about {ids}: is it another project's?")
    return Rejudged(results, unanswered)


def _why_not(question: Question, measured: Mapping[str, Any]) -> str:
    """Why the evidence of a measured claim does not answer a question; empty where it does."""
    claim = of_one_network(question.claim)
    replicates = {replicate["seed"]: replicate for replicate in measured["replicates"]}
    missing = [seed for seed in question.seeds if seed not in replicates]
    if missing:
        return f"network {missing[0]} was not examined"
    required = [control.name for control in rivals_of(claim)]
    for seed in question.seeds:
        has_interval = replicates[seed]["verdict"] not in BEYOND_BOUNDS and replicates[seed]["interval"][0] is not None
        missing_controls = [name for name in required if has_interval and name not in replicates[seed]["controls"]]
        if missing_controls:
            return f"the control {missing_controls[0]} was not measured"
    if any(isinstance(word, each) for word in claim.measure.walk()) and not _same_worst(claim, measured["bound"]):
        return "which unit is the worst depends on the bound"
    return ""


def _same_worst(claim: Claim, bound: Mapping[str, float | None]) -> bool:
    """Whether another bound has the same worst unit: with one-sided bounds on the same side, it is the extreme value.

    Under ``> 0.5`` and ``> 0.9`` the worst unit is the one of the lowest value; between two ends it depends on them.
    """
    if (claim.low, claim.high) == (bound["low"], bound["high"]):
        return True
    return None in (claim.low, claim.high) and (claim.low is None) == (bound["low"] is None) and None in bound.values()


def _judged(question: Question, claim: Mapping[str, Any]) -> Result:
    inner = of_one_network(question.claim)
    evidence = {replicate["seed"]: replicate for replicate in claim["replicates"]}
    outcomes = {seed: _outcome(inner, evidence[seed]) for seed in question.seeds}
    settled = settle(question.claim, list(outcomes.values()), question.spec.replication)
    return Result(question, settled, outcomes, claim["seconds"], claim["shared"], made_of=claim["made_of"])


def _outcome(claim: Claim, stored: Mapping[str, Any]) -> Outcome:
    required = {kind.name for kind in controls_of(claim) if kind.required}
    controls = {name: _control(control, name in required) for name, control in stored["controls"].items()}
    value, ends = from_plain(stored["value"]), (from_plain(stored["interval"][0]), from_plain(stored["interval"][1]))
    verdict, reason = stored["verdict"], stored["reason"]
    if verdict not in BEYOND_BOUNDS and math.isfinite(ends[0]):
        verdict, reason = concluded(claim, value, ends, controls)
    return Outcome(
        verdict,
        value,
        ends,
        controls,
        units=stored["units"],
        reason=reason,
        sequences=stored["sequences"],
        rankings=stored["rankings"],
        influences=stored["influences"],
    )


def _control(stored: Mapping[str, Any], required: bool) -> Control:
    low, high = map(from_plain, stored["interval"])
    below, above = map(from_plain, stored["difference"])
    return Control(
        from_plain(stored["value"]),
        (below, above),
        stored["draws"],
        stored["note"],
        from_plain(stored["p"]),
        interval=(low, high),
        required=required,
    )


def refuse_other_networks(project: Project, results: Sequence[Result]) -> None:
    """Raise ProjectError where a run is about networks that its project would make differently now."""
    for name in dict.fromkeys(result.question.recipe for result in results):
        result = next(result for result in results if result.question.recipe == name)
        changed = otherwise(result.made_of, origin(project, name, result.question.seeds))
        if changed:
            raise ProjectError(f"the run is about other networks of {name} than there are now: {changed}; verify them")
