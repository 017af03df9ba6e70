"""What a run found, as one JSON document: ``{"schema": 1, "claims": [...], "environment": {...}}``."""

from __future__ import annotations

import json
import math
import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neuronspec.engine.statistics import Control, Outcome
from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically
from neuronspec.language.expression import to_json
from neuronspec.runner import Result, cores

SCHEMA = 1
KEYS = set("id says network expression verdict expected value interval bound controls replicates".split())
"""What is read of a claim."""

PHASES = ("train", "trace", "pick", "intervene", "judge", "total")


def document(claims: Sequence[dict[str, Any]], complete: bool = True) -> dict[str, Any]:
    """Return a run as JSON data; ``complete`` is False for one that was broken off."""
    return {"schema": SCHEMA, "complete": complete, "claims": list(claims), "environment": environment()}


def write(path: Path, claims: Sequence[dict[str, Any]], complete: bool = True) -> None:
    """Write a run to a file, whole or not at all."""
    try:
        write_atomically(path, (json.dumps(document(claims, complete), indent=1) + "\n").encode())
    except OSError as error:
        raise ProjectError(f"cannot write the run to {path}: {error.strerror}") from None


def read(path: Path) -> dict[str, Any]:
    """Return a run that was written to a file.

    Raises:
        ProjectError: there is none, or what is there is no run.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"cannot read the run {path}: {error.strerror}") from None
    except ValueError:
        raise ProjectError(f"{path} is no run: it is not JSON; `neuronspec verify --json {path}` writes one") from None
    if not isinstance(told, dict) or not isinstance(told.get("claims"), list) or "schema" not in told:
        raise ProjectError(f"{path} is no run; `neuronspec verify --json {path}` writes one")
    if told["schema"] != SCHEMA:
        raise ProjectError(f"{path} has schema {told['schema']!r}, and this neuronspec reads {SCHEMA}")
    for number, claim in enumerate(told["claims"]):
        if not isinstance(claim, dict) or not claim.keys() >= KEYS:
            raise ProjectError(f"{path}: claims[{number}] is no claim as a run has it")
    if not told["claims"]:
        raise ProjectError(f"{path} has no claims: the run was broken off before the first")
    return told


def environment() -> dict[str, Any]:
    """Return the circumstances of a run that may matter to its numbers; neither host nor user."""
    packages = ("neuronspec", "torch", "numpy", "scikit-learn")
    return {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "machine": platform.machine(),
        "cores": cores(),
        "device": "cpu",
    }


def claim_json(result: Result) -> dict[str, Any]:
    """Return a claim, its verdict and all its evidence as JSON data."""
    question, claim = result.question, result.question.claim
    return {
        "id": question.id,
        "says": question.sentence,
        "claim": repr(claim),
        "key": claim.key(question.recipe),
        "evidence_key": claim.evidence_key(question.recipe),
        "expression": to_json(claim),
        "network": question.recipe,
        "verdict": result.verdict,
        "expected": claim.expected,
        "reason": result.settled.reason,
        "value": plain(result.settled.value),
        "interval": [plain(end) for end in result.settled.interval],
        "bound": {"low": claim.low, "high": claim.high},
        "controls": _controls(result),
        "mutants": {name: {"verdict": m.verdict, "value": plain(m.value)} for name, m in result.mutants.items()},
        "replicates": [_replicate(seed, outcome, result) for seed, outcome in result.outcomes.items()],
        "seconds": {phase: round(result.seconds.get(phase, 0.0), 4) for phase in PHASES},
    }


def control_notes(result: Result) -> dict[str, str]:
    """Return what is to be said of controls that could not be measured, and in how many networks."""
    notes = Counter((n, c.note) for outcome in result.answers for n, c in outcome.controls.items() if c.note)
    of = len(result.outcomes)
    return {name: f"{note}, in {count} of {of}" for (name, note), count in reversed(notes.most_common())}


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
        "rankings": dict(outcome.rankings),
        "controls": {name: _control(control) for name, control in outcome.controls.items()},
        "parity": {check: plain(apart) for check, apart in result.parity.get(seed, {}).items()},
    }


def _control(control: Control) -> dict[str, Any]:
    return {
        "value": plain(control.value),
        "difference": [plain(end) for end in control.difference],
        "draws": control.draws,
        "p": plain(control.p),
        "note": control.note,
    }


def plain(value: float) -> float | None:
    """Return a number as JSON has it, which knows no NaN."""
    return value if math.isfinite(value) else None
