"""Runs as Markdown: a table per spec, or one table that compares the sentences that several specs share."""

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
"""Controls that have their own column; the others share one."""
Claim = Mapping[str, Any]
"""A claim as JSON data, see ``ledger.record.claim_json``."""


def per_spec(claims: Sequence[Claim], other: Sequence[Claim] = ()) -> str:
    """Return a table for each spec, with bounds, values, intervals, controls and verdicts.

    Args:
        other: claims of a second run; where they measure the same, the last column has their verdicts and values.

    Raises:
        ProjectError: the two runs have no claim in common.
    """
    wanted = {_same(claim) for claim in claims}
    second = {claim["id"]: claim for claim in other if _same(claim) in wanted}
    if other and not second:
        raise ProjectError("the two runs have no claim in common")
    return "\n".join(_spec(spec, list(of_spec), second) for spec, of_spec in groupby(claims, _spec_of))


def _spec(spec: str, claims: Sequence[Claim], second: Mapping[str, Claim]) -> str:
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
    if second:
        columns[_seeds(list(second.values()))] = [_short(second.get(claim["id"])) for claim in claims]
    rows = list(zip(*columns.values(), strict=True))
    return f"**{spec}**, {claims[0]['recipe']}, {_seeds(claims)}\n\n{_markdown(list(columns), rows)}"


def across(claims: Sequence[Claim]) -> str:
    """Return one table of values: a row for each spec, a column for each sentence that more than one spec has.

    Raises:
        ProjectError: there is no such sentence.
    """
    distinct = dict.fromkeys(map(_plain, claims))
    counts = Counter(_numbered(_plain(claim))[0] for claim in claims)
    sentences = sorted((s for s in distinct if counts[_numbered(s)[0]] > 1), key=_numbered_last)
    if not sentences:
        raise ProjectError("nothing is said of two networks in the same words: leave out --across")
    rows = []
    for _, of_spec in groupby(claims, _spec_of):
        by_sentence = {_plain(claim): claim for claim in of_spec}
        recipe = next(iter(by_sentence.values()))["recipe"]
        rows.append([recipe, *(_marked(by_sentence.get(sentence)) for sentence in sentences)])
    return _markdown(["network", *sentences], rows)


def _plain(claim: Claim) -> str:
    """The sentence without the verdict that may precede it."""
    return str(claim["says"].removeprefix(f"{claim['expected']}: "))


def _numbered(sentence: str) -> tuple[str, int]:
    """``("units: ", 2)`` for "units: 2"; the sentence and -1 where it does not end in a number."""
    match = re.fullmatch(r"(.*: )(\d{1,9})", sentence)
    return (match[1], int(match[2])) if match else (sentence, -1)


def _numbered_last(sentence: str) -> int:
    """A sort key: numbered sentences last and by their number; as sorting is stable, the others keep their order."""
    return _numbered(sentence)[1]


def _spec_of(claim: Claim) -> str:
    return str(claim["id"].rpartition("::")[0])


def _same(claim: Claim) -> tuple[str, str, str]:
    """What is equal of a claim in two runs: its id, its measure and its bound."""
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
"""Up to this number of networks, each value is shown; above, median and interval."""


def _value(claim: Claim) -> str:
    values = [replicate.get("value") for replicate in claim["replicates"]]
    if 1 < len(values) <= NETWORKS_SHOWN and any(value is not None for value in values):
        return ", ".join(map(_number, values))
    low, high = claim["interval"]
    spread = "" if low is None or high is None else f" ({_number(low)} to {_number(high)})"
    return _number(claim["value"]) + spread


def _control(claim: Claim, name: str) -> str:
    control = claim["controls"].get(name)
    return "" if control is None else _number(control["value"])


def _others(claim: Claim) -> str:
    others = {name: control for name, control in claim["controls"].items() if name not in COLUMNS}
    return ", ".join(f"{name.removeprefix('rival ')} {_number(control['value'])}" for name, control in others.items())


def _verdict(claim: Claim) -> str:
    """The verdict, bold where it is not *supported*, and the number of networks that came out as stated."""
    word = claim["verdict"] if claim["verdict"] == "supported" else f"**{claim['verdict']}**"
    if claim["expression"]["measure"]["word"] in OVER_SEEDS:
        return word
    verdicts = [replicate["verdict"] for replicate in claim["replicates"] if replicate["verdict"] != "unlearnt"]
    return f"{word} {verdicts.count(claim['expected'])}/{len(verdicts)}" if len(verdicts) > 1 else word


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
