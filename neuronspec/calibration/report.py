"""What a calibration found: rates with their intervals, as JSON data and as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from neuronspec.calibration.cases import Case
from neuronspec.calibration.coverage import Trial
from neuronspec.calibration.run import Found
from neuronspec.engine.measures.estimates import wilson
from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically
from neuronspec.ledger.circumstances import environment
from neuronspec.ledger.record import plain

SCHEMA = 1
FALSE_SUPPORT = 0.05
"""The target: at most so many null claims are supported."""

POWER = 0.95
"""The target: at least so many true claims are supported."""

AHEAD = 2.0
"""Standard errors by which a claimed value lies ahead of what stands in for it, if it is not level with it."""

Rate = dict[str, Any]
"""``{"rate", "interval", "cases"}``: a share, its Wilson interval, of how many; ``None`` where there are none."""


def document(found: Sequence[Found], cases: int, seed: int, complete: bool = True) -> dict[str, Any]:
    """Return a calibration as JSON data; ``complete`` is False for one that was broken off.

    ``false_support`` and ``power`` are the headline; the others break it down, and list every case that went wrong.
    """
    judged = [case for one in found for case in one.cases]
    trials = [trial for one in found for trial in one.trials]
    null, true, near, growth = ([c for c in judged if c.group == group] for group in ("null", "true", "near", "growth"))
    return {
        "schema": SCHEMA,
        "complete": complete,
        "command": f"neuronspec calibrate --cases {cases} --seed {seed}",
        "seed": seed,
        "cases": cases,
        "false_support": supported(null),
        "power": supported(true),
        "null": _split(null, family=_family, distance=_distance, **EACH),
        "true": _split(true, distance=_distance, **EACH),
        "power_by_standard_errors": _by(near, lambda case: f"{case.distance:g}", supported),
        "undecided_by_sequences": _by(growth, _sequences, undecided),
        "coverage": {name: _by(of, _sequences, covered) for name, of in _grouped(trials, lambda t: t.measure)},
        "false_supports": [case_json(case) for case in null if case.verdict == "supported"],
        "missed": [case_json(case) for case in true if case.verdict != "supported"],
        "environment": environment(),
    }


def write(path: Path, told: Mapping[str, Any]) -> None:
    """Write a calibration to a file, whole or not at all."""
    try:
        write_atomically(path, (json.dumps(told, indent=1) + "\n").encode())
    except OSError as error:
        raise ProjectError(f"cannot write the rates to {path}: {error.strerror}") from None


def rate(yes: int, cases: int) -> Rate:
    """Return a share with its Wilson interval."""
    if not cases:
        return {"rate": None, "interval": None, "cases": 0}
    return {"rate": yes / cases, "interval": list(wilson(yes, cases)), "cases": cases}


def supported(cases: Sequence[Case]) -> Rate:
    """Return how many of some cases are supported, and what becomes of all."""
    verdicts = Counter(case.verdict for case in cases)
    return rate(verdicts["supported"], len(cases)) | {"verdicts": dict(verdicts.most_common())}


def undecided(cases: Sequence[Case]) -> Rate:
    """Return how many of some cases are undecided, and what becomes of all."""
    verdicts = Counter(case.verdict for case in cases)
    return rate(verdicts["undecided"], len(cases)) | {"verdicts": dict(verdicts.most_common())}


def covered(trials: Sequence[Trial]) -> Rate:
    """Return how many of some intervals hold the value; ``without`` counts the samples that gave no interval."""
    held = [trial.held for trial in trials if trial.held is not None]
    return rate(sum(held), len(held)) | {"without": len(trials) - len(held)}


def case_json(case: Case) -> dict[str, Any]:
    """Return a case as JSON data."""
    return {name: _plain(value) for name, value in asdict(case).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return plain(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value


# Breakdowns.


def _family(case: Case) -> str:
    return f"{case.claimed}: {case.family}"


def _distance(case: Case) -> str:
    """How far from the bound the value lies that makes a claim what it is; whether the claimed one is ahead of that."""
    whole = int(case.distance)
    if case.claimed == "true":
        return f"true, by {whole} to {whole + 1} standard errors"
    if case.claimed == "false":
        return "false, by 0 to 1 standard errors"
    ahead = "ahead" if case.lead > AHEAD else "level"
    return f"unspecific, by {whole} to {whole + 1}, the claimed value {ahead}"


def _sequences(found: Case | Trial) -> str:
    return f"{found.sequences:>3}"


EACH: Mapping[str, Callable[[Case], str]] = {
    "measure": lambda case: case.measure,
    "kind": lambda case: case.kind,
    "sequences": _sequences,
}
"""What null and true cases alike are broken down by."""


def _split(cases: Sequence[Case], **ways: Callable[[Case], str]) -> dict[str, Any]:
    return {way: _by(cases, of, supported) for way, of in ways.items()}


def _by(items: Sequence[Any], of: Callable[[Any], str], rated: Callable[[Any], Rate]) -> dict[str, Rate]:
    return {name.strip(): rated(group) for name, group in _grouped(items, of)}


def _grouped(items: Sequence[Any], of: Callable[[Any], str]) -> Iterator[tuple[str, list[Any]]]:
    for name in sorted({of(item) for item in items}):
        yield name, [item for item in items if of(item) == name]


# For the terminal.


def headline(found: Mapping[str, Any]) -> str:
    """Return the two rates beside their targets."""
    wrong, power = found["false_support"], found["power"]
    return (
        f"false support {shown(wrong)} of {wrong['cases']} null claims (target: at most {FALSE_SUPPORT:.0%})\n"
        f"power         {shown(power)} of {power['cases']} true claims (target: at least {POWER:.0%})"
    )


def shown(found: Rate) -> str:
    """``1.2 % (0.6 to 2.6)``; ``–`` where there were no cases."""
    if found["rate"] is None:
        return "–"
    low, high = found["interval"]
    return f"{100 * found['rate']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def table(found: Mapping[str, Any]) -> Table:
    """Return all rates, with 95 % intervals."""
    drawn = Table(header_style="dim", box=None, pad_edge=False)
    for column in ("", "", "rate (95 % interval)", "cases", "verdicts"):
        drawn.add_column(column, justify="right" if column == "cases" else "left", no_wrap=column != "verdicts")
    for title, rows in _sections(found):
        for row, (name, of) in enumerate(rows.items()):
            said = ", ".join(f"{n} {verdict}" for verdict, n in of.get("verdicts", {}).items())
            drawn.add_row("" if row else title, name, shown(of), str(of["cases"]), said)
        drawn.add_section()
    return drawn


def _sections(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Rate]]]:
    for way, rows in found["null"].items():
        yield f"false support by {way}", rows
    for way, rows in found["true"].items():
        yield f"power by {way}", rows
    yield "power by standard errors", found["power_by_standard_errors"]
    yield "undecided by sequences", found["undecided_by_sequences"]
    for measure, rows in found["coverage"].items():
        yield f"coverage, {measure}, by sequences", rows
