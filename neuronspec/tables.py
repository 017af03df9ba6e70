"""Runs as Markdown: a table per spec, or one that sets side by side what several specs say in the same words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from neuronspec.engine.verdicts.controls import CONTROLS
from neuronspec.errors import ProjectError
from neuronspec.ledger.record import OVER_SEEDS

COLUMNS = [control.name for control in CONTROLS if control.column]
"""Controls with a column of their own; the others share one."""
Claim = Mapping[str, Any]
"""A claim as a run has it, see ``ledger.claim_json``."""


def per_spec(claims: Sequence[Claim], other: Sequence[Claim] = ()) -> str:
    """Return a table for each spec, with bounds, values, intervals, controls and verdicts.

    Args:
        other: claims of a second run, whose values and verdicts stand in the last column, of those that are the same.

    Raises:
        ProjectError: none is.
    """
    asked = {_same(claim) for claim in claims}
    again = {claim["id"]: claim for claim in other if _same(claim) in asked}
    if other and not again:
        raise ProjectError("the two runs have no claim in common")
    return "\n".join(_spec(spec, list(its), again) for spec, its in groupby(claims, _spec_of))


def _spec(spec: str, claims: Sequence[Claim], again: Mapping[str, Claim]) -> str:
    columns = {
        "claim": [str(claim["says"]) for claim in claims],
        "source": [str(claim.get("reported", "")) for claim in claims],
        "bound": [_bound(claim) for claim in claims],
        "value": [_value(claim) for claim in claims],
        **{name: [_control(claim, name) for claim in claims] for name in COLUMNS},
        "other controls": [_others(claim) for claim in claims],
        "verdict": [_verdict(claim) for claim in claims],
    }
    for name in ("source", "other controls"):
        if not any(columns[name]):
            del columns[name]
    if again:
        columns[_seeds(list(again.values()))] = [_short(again.get(claim["id"])) for claim in claims]
    rows = list(zip(*columns.values(), strict=True))
    return f"**{spec}**, {claims[0]['recipe']}, {_seeds(claims)}\n\n{_markdown(list(columns), rows)}"


def across(claims: Sequence[Claim]) -> str:
    """Return one table of values: a row for each network, a column for each sentence that is said of more than one.

    Raises:
        ProjectError: there is no such sentence.
    """
    said = dict.fromkeys(map(_plain, claims))
    often = Counter(_numbered(_plain(claim))[0] for claim in claims)
    sentences = sorted((says for says in said if often[_numbered(says)[0]] > 1), key=_numbered_last)
    if not sentences:
        raise ProjectError("nothing is said of two networks in the same words: leave out --across")
    rows = []
    for _, its in groupby(claims, _spec_of):
        own = {_plain(claim): claim for claim in its}
        recipe = next(iter(own.values()))["recipe"]
        rows.append([recipe, *(_marked(own.get(says)) for says in sentences)])
    return _markdown(["network", *sentences], rows)


def _plain(claim: Claim) -> str:
    """The sentence as such, whether it is stated as true or as refuted."""
    return str(claim["says"].removeprefix(f"{claim['expected']}: "))


def _numbered(sentence: str) -> tuple[str, int]:
    """``("units: ", 2)`` of "units: 2"; the sentence and -1 where it does not end like that."""
    found = re.fullmatch(r"(.*: )(\d{1,9})", sentence)
    return (found[1], int(found[2])) if found else (sentence, -1)


def _numbered_last(sentence: str) -> int:
    """Sentences stay in their order, but those that end with a number go by it, and come last."""
    return _numbered(sentence)[1]


def _spec_of(claim: Claim) -> str:
    return str(claim["id"].rpartition("::")[0])


def _same(claim: Claim) -> tuple[str, str, str]:
    """What two claims share that are the same, with the same bound."""
    return claim["id"], claim["evidence_key"], _bound(claim)


def _seeds(claims: Sequence[Claim]) -> str:
    """``seeds 1000–1009``, of the first claim."""
    seeds = [replicate["seed"] for replicate in claims[0]["replicates"]]
    if not seeds:
        return "no network"
    return f"seeds {min(seeds)}–{max(seeds)}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def _exact(value: float) -> str:
    """A number as its author wrote it."""
    return f"{value:.15g}".replace("-", "−")


def _bound(claim: Claim) -> str:
    low, high = claim["bound"]["low"], claim["bound"]["high"]
    if low is not None and high is not None:
        return f"{_exact(low)} to {_exact(high)}"
    return f"≥ {_exact(low)}" if high is None else f"≤ {_exact(high)}"


NETWORKS_SHOWN = 3
"""So many networks have their values listed, one by one."""


def _value(claim: Claim) -> str:
    each = [replicate.get("value") for replicate in claim["replicates"]]
    if 1 < len(each) <= NETWORKS_SHOWN and any(value is not None for value in each):
        return ", ".join(map(_number, each))
    low, high = claim["interval"]
    spread = "" if low is None or high is None else f" ({_number(low)} to {_number(high)})"
    return _number(claim["value"]) + spread


def _control(claim: Claim, name: str) -> str:
    control = claim["controls"].get(name)
    return "" if control is None else _number(control["value"])


def _others(claim: Claim) -> str:
    rest = {name: c for name, c in claim["controls"].items() if name not in COLUMNS}
    return ", ".join(f"{name.removeprefix('rival ')} {_number(control['value'])}" for name, control in rest.items())


def _verdict(claim: Claim) -> str:
    """The verdict, bold where it is not *supported*, and in how many networks the claim came out as stated."""
    told = claim["verdict"] if claim["verdict"] == "supported" else f"**{claim['verdict']}**"
    if claim["expression"]["measure"]["word"] in OVER_SEEDS:
        return told
    verdicts = [replicate["verdict"] for replicate in claim["replicates"] if replicate["verdict"] != "unlearnt"]
    return f"{told} {verdicts.count(claim['expected'])}/{len(verdicts)}" if len(verdicts) > 1 else told


def _short(claim: Claim | None) -> str:
    return "" if claim is None else f"{_verdict(claim)}, {_number(claim['value'])}"


def _marked(claim: Claim | None) -> str:
    """A value, in bold where the claim is supported."""
    if claim is None:
        return ""
    return f"**{_number(claim['value'])}**" if claim["verdict"] == "supported" else _number(claim["value"])


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
