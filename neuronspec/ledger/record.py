"""A result as JSON data, with all its evidence."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from neuronspec.engine.verdicts.judge import Control, Outcome
from neuronspec.engine.verdicts.replicates import of_one_network
from neuronspec.language.claims import Claim
from neuronspec.language.expression import key, to_json
from neuronspec.runner import Result

PHASES = ("train", "trace", "pick", "intervene", "judge", "total")
OVER_SEEDS = ("share_of_seeds", "median_over_seeds")
"""Words whose value and interval are over networks themselves."""

SHORT = 4
"""Significant digits of an influence: a correlation is computed from them, and it needs no more."""


def claim_json(result: Result) -> dict[str, Any]:
    """Return a claim, its verdict and all its evidence as JSON data."""
    question, claim = result.question, result.question.claim
    return {
        "id": question.id,
        "says": question.sentence,
        "reported": dict(question.spec.reported).get(question.plain_sentence, ""),
        "claim": repr(claim),
        "key": claim.key(question.recipe),
        "evidence_key": claim.evidence_key(question.recipe),
        "replicates_key": replicates_key(claim, question.recipe),
        "expression": to_json(claim),
        "recipe": question.recipe,
        "made_of": dict(result.made_of),
        "verdict": result.verdict,
        "expected": claim.expected,
        "replication": question.spec.replication,
        "reason": result.settled.reason,
        "value": plain(result.settled.value),
        "interval": [plain(end) for end in result.settled.interval],
        "bound": {"low": claim.low, "high": claim.high},
        "controls": _controls(result),
        "mutants": {name: {"verdict": m.verdict, "value": plain(m.value)} for name, m in result.mutants.items()},
        "replicates": [_replicate(seed, outcome, result) for seed, outcome in result.outcomes.items()],
        "seconds": {phase: round(result.seconds.get(phase, 0.0), 4) for phase in PHASES},
        "shared": {phase: round(seconds, 4) for phase, seconds in result.shared.items()},
    }


def replicates_key(claim: Claim, recipe: str) -> str:
    """Return the key of what is measured in each network; for a word over seeds, of the measure inside it."""
    return key(recipe, of_one_network(claim).measure)


def control_notes(result: Result) -> dict[str, str]:
    """Return notes on controls that could not be measured, with the number of networks."""
    notes = Counter((n, c.note) for outcome in result.answers for n, c in outcome.controls.items() if c.note)
    networks = len(result.outcomes)
    # reversed: of several notes on a control, the commonest is the last, and stays
    return {name: f"{note}, in {count} of {networks}" for (name, note), count in reversed(notes.most_common())}


def _controls(result: Result) -> dict[str, Any]:
    notes = control_notes(result)
    return {name: {"value": plain(value), "note": notes.get(name, "")} for name, value in result.controls.items()}


def _replicate(seed: int, outcome: Outcome, result: Result) -> dict[str, Any]:
    return {
        "seed": seed,
        "units": {name: list(units) for name, units in outcome.units.items()},
        "value": plain(outcome.value),
        "interval": [plain(end) for end in outcome.interval],
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "sequences": outcome.sequences,
        "influences": [float(f"{influence:.{SHORT}g}") for influence in outcome.influences],
        "rankings": dict(outcome.rankings),
        "controls": {name: _control(control) for name, control in outcome.controls.items()},
        "parity": {check: plain(apart) for check, apart in result.parity.get(seed, {}).items()},
    }


def _control(control: Control) -> dict[str, Any]:
    return {
        "value": plain(control.value),
        "interval": [plain(end) for end in control.interval],
        "difference": [plain(end) for end in control.difference],
        "draws": control.draws,
        "p": plain(control.p),
        "note": control.note,
    }


def plain(value: float) -> float | None:
    """Return a number as JSON has it, which knows no NaN."""
    return value if math.isfinite(value) else None


def from_plain(value: float | None) -> float:
    """Return a number as it was before ``plain``."""
    return math.nan if value is None else value
