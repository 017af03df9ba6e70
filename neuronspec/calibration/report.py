"""The results of a calibration: rates with their intervals, as JSON data and as a table."""

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
from neuronspec.calibration.run import PopulationResult
from neuronspec.engine.measures.estimates import wilson
from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically
from neuronspec.ledger.circumstances import environment
from neuronspec.ledger.record import plain

SCHEMA = 1
FALSE_SUPPORT = 0.05
"""The target: at most this share of null claims is supported."""

POWER = 0.95
"""The target: at least this share of true claims is supported."""

AHEAD = 2.0
"""From this many standard errors on, a claimed value counts as ahead of its best stand-in, and not as level."""

Rate = dict[str, Any]
"""``{"rate", "interval", "cases"}``: a share, its Wilson interval, the number of cases; ``None`` without cases."""


def document(results: Sequence[PopulationResult], cases: int, seed: int, complete: bool = True) -> dict[str, Any]:
    """Return a calibration as JSON data; ``complete`` is False for one that was interrupted.

    ``false_support`` and ``power`` are the headline; the others break it down, and list every case that went wrong.
    """
    judged = [case for result in results for case in result.cases]
    trials = [trial for result in results for trial in result.trials]
    null, true, near, growth = ([c for c in judged if c.group == group] for group in ("null", "true", "near", "growth"))
    return {
        "schema": SCHEMA,
        "complete": complete,
        "command": f"neuronspec calibrate --cases {cases} --seed {seed}",
        "seed": seed,
        "cases": cases,
        "false_support": supported(null),
        "power": supported(true),
        "null": _split(null, family=_family, distance=_distance, **BREAKDOWNS),
        "true": _split(true, distance=_distance, **BREAKDOWNS),
        "power_by_standard_errors": _by(near, lambda case: f"{case.distance:g}", supported),
        "undecided_by_sequences": _by(growth, _sequences, undecided),
        "coverage": {name: _by(group, _sequences, covered) for name, group in _grouped(trials, lambda t: t.measure)},
        "false_supports": [case_json(case) for case in null if case.verdict == "supported"],
        "missed": [case_json(case) for case in true if case.verdict != "supported"],
        "environment": environment(),
    }


def write(path: Path, rates: Mapping[str, Any]) -> None:
    """Write a calibration to a file, whole or not at all."""
    try:
        write_atomically(path, (json.dumps(rates, indent=1) + "\n").encode())
    except OSError as error:
        raise ProjectError(f"cannot write the rates to {path}: {error.strerror}") from None


def rate(yes: int, cases: int) -> Rate:
    """Return a share with its Wilson interval."""
    if not cases:
        return {"rate": None, "interval": None, "cases": 0}
    return {"rate": yes / cases, "interval": list(wilson(yes, cases)), "cases": cases}


def supported(cases: Sequence[Case]) -> Rate:
    """Return the rate of supported cases, with the number of each verdict."""
    verdicts = Counter(case.verdict for case in cases)
    return rate(verdicts["supported"], len(cases)) | {"verdicts": dict(verdicts.most_common())}


def undecided(cases: Sequence[Case]) -> Rate:
    """Return the rate of undecided cases, with the number of each verdict."""
    verdicts = Counter(case.verdict for case in cases)
    return rate(verdicts["undecided"], len(cases)) | {"verdicts": dict(verdicts.most_common())}


def covered(trials: Sequence[Trial]) -> Rate:
    """Return the rate of intervals that cover the value; ``without`` counts the samples that gave no interval."""
    covers = [trial.covers for trial in trials if trial.covers is not None]
    return rate(sum(covers), len(covers)) | {"without": len(trials) - len(covers)}


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
    """A case by its distance from the bound, and an unspecific one by whether the value is ahead of its stand-ins."""
    whole = int(case.distance)
    if case.claimed == "true":
        return f"true, by {whole} to {whole + 1} standard errors"
    if case.claimed == "false":
        return "false, by 0 to 1 standard errors"
    ahead = "ahead" if case.lead > AHEAD else "level"
    return f"unspecific, by {whole} to {whole + 1}, the claimed value {ahead}"


def _sequences(item: Case | Trial) -> str:
    return f"{item.sequences:>3}"  # padded, so that sizes sort as numbers


BREAKDOWNS: Mapping[str, Callable[[Case], str]] = {
    "measure": lambda case: case.measure,
    "kind": lambda case: case.kind,
    "sequences": _sequences,
}
"""Breakdowns of null and of true cases."""


def _split(cases: Sequence[Case], **keys: Callable[[Case], str]) -> dict[str, Any]:
    return {name: _by(cases, key, supported) for name, key in keys.items()}


def _by(items: Sequence[Any], key: Callable[[Any], str], rate_of: Callable[[Any], Rate]) -> dict[str, Rate]:
    return {name.strip(): rate_of(group) for name, group in _grouped(items, key)}


def _grouped(items: Sequence[Any], key: Callable[[Any], str]) -> Iterator[tuple[str, list[Any]]]:
    for name in sorted({key(item) for item in items}):
        yield name, [item for item in items if key(item) == name]


# For the terminal.


def headline(rates: Mapping[str, Any]) -> str:
    """Return the two rates beside their targets."""
    wrong, power = rates["false_support"], rates["power"]
    return (
        f"false support {shown(wrong)} of {wrong['cases']} null claims (target: at most {FALSE_SUPPORT:.0%})\n"
        f"power         {shown(power)} of {power['cases']} true claims (target: at least {POWER:.0%})"
    )


def shown(rate: Rate) -> str:
    """``1.2 % (0.6 to 2.6)``; ``–`` where there were no cases."""
    if rate["rate"] is None:
        return "–"
    low, high = rate["interval"]
    return f"{100 * rate['rate']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def table(rates: Mapping[str, Any]) -> Table:
    """Return all rates, with 95 % intervals."""
    report = Table(header_style="dim", box=None, pad_edge=False)
    for column in ("", "", "rate (95 % interval)", "cases", "verdicts"):
        report.add_column(column, justify="right" if column == "cases" else "left", no_wrap=column != "verdicts")
    for title, rows in _sections(rates):
        for row, (name, rate) in enumerate(rows.items()):
            verdicts = ", ".join(f"{n} {verdict}" for verdict, n in rate.get("verdicts", {}).items())
            report.add_row("" if row else title, name, shown(rate), str(rate["cases"]), verdicts)
        report.add_section()
    return report


def _sections(rates: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Rate]]]:
    for way, rows in rates["null"].items():
        yield f"false support by {way}", rows
    for way, rows in rates["true"].items():
        yield f"power by {way}", rows
    yield "power by standard errors", rates["power_by_standard_errors"]
    yield "undecided by sequences", rates["undecided_by_sequences"]
    for measure, rows in rates["coverage"].items():
        yield f"coverage, {measure}, by sequences", rows
