"""What a run found, as one JSON document: ``{"schema": 1, "claims": [...], "environment": {...}}``."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from neuronspec.engine.statistics import Control, Outcome
from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically
from neuronspec.language.expression import to_json
from neuronspec.runner import Result, cores

SCHEMA = 1
VERDICTS = ("supported", "refuted", "unspecific", "undecided", "unlearnt", "not applicable", "error")
PHASES = ("train", "trace", "pick", "intervene", "judge", "total")


Corpora: TypeAlias = Mapping[str, Path]
"""The text files that tasks were made from in a run, by the name of the task."""

NONE: Corpora = MappingProxyType({})


def document(claims: Sequence[dict[str, Any]], complete: bool = True, corpora: Corpora = NONE) -> dict[str, Any]:
    """Return a run as JSON data; ``complete`` is False for one that was broken off."""
    return {"schema": SCHEMA, "complete": complete, "claims": list(claims), "environment": environment(corpora)}


def write(path: Path, claims: Sequence[dict[str, Any]], complete: bool = True, corpora: Corpora = NONE) -> None:
    """Write a run to a file, whole or not at all."""
    try:
        write_atomically(path, (json.dumps(document(claims, complete, corpora), indent=1) + "\n").encode())
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
    except (ValueError, RecursionError):
        raise ProjectError(f"{path} is no run: it is not JSON; `neuronspec verify --json {path}` writes one") from None
    if not isinstance(told, dict) or not isinstance(told.get("claims"), list) or "schema" not in told:
        raise ProjectError(f"{path} is no run; `neuronspec verify --json {path}` writes one")
    if told["schema"] is True or told["schema"] != SCHEMA:
        raise ProjectError(f"{path} has schema {told['schema']!r}, and this neuronspec reads {SCHEMA}")
    if not told["claims"]:
        raise ProjectError(f"{path} has no claims: the run was broken off before the first")
    for number, claim in enumerate(told["claims"]):
        for key, (fits, expected) in SHAPE.items():
            value = claim.get(key) if isinstance(claim, dict) else None
            if not fits(value):
                raise ProjectError(f"{path}: claims[{number}]: {key}={value!r:.60}: expected {expected}")
    return told


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def _is_bound(value: Any) -> bool:
    ends = [value.get("low"), value.get("high")] if isinstance(value, dict) else []
    return all(map(_is_number, ends)) and any(end is not None for end in ends)


def _is_controls(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(c, dict) and _is_number(c.get("value")) for c in value.values())


def _is_replicates(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(r, dict) and type(r.get("seed")) is int and _is_text(r.get("verdict")) for r in value
    )


SHAPE: dict[str, tuple[Callable[[Any], bool], str]] = {
    **{key: (_is_text, "a text") for key in ("id", "says", "network", "evidence_key")},
    **{key: (lambda value: value in VERDICTS, "a verdict") for key in ("verdict", "expected")},
    "expression": (lambda e: isinstance(e, dict) and isinstance(e.get("measure"), dict), "a claim"),
    "value": (_is_number, "a number"),
    "interval": (lambda ends: isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends)), "two numbers"),
    "bound": (_is_bound, "low or high, or both"),
    "controls": (_is_controls, "values by name"),
    "replicates": (_is_replicates, "seeds with verdicts"),
}
"""What a claim of a run has, as far as it is read again."""


def environment(corpora: Corpora = NONE) -> dict[str, Any]:
    """Return the circumstances of a run that may matter to its numbers; neither host nor user, nor where files lie."""
    packages = ("neuronspec", "torch", "numpy", "scikit-learn")
    return {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "machine": platform.machine(),
        "cores": cores(),
        "device": "cpu",
        "corpora": {
            task: {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for task, file in corpora.items()
        },
    }


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
