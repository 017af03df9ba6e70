"""Keep what ``neuronspec table`` needs of a run, a file for each spec file: ``keep_run.py RUN [SUFFIX]``.

``SUFFIX`` tells a second run, on other seeds, from the first: ``-other-seeds``.
"""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from neuronspec.collection import collect
from neuronspec.ledger.runs import read
from neuronspec.project import Project

RUNS = Path(__file__).parents[1] / "findings" / "runs"
NOT_SHOWN: dict[str, Any] = {"made_of": {}, "seconds": {}, "shared": {}, "mutants": {}}
NOT_SHOWN_OF_ONE: dict[str, Any] = {
    "interval": [None, None],
    "reason": "",
    "units": {},
    "influences": [],
    "rankings": {},
    "parity": {},
    "controls": {},
}


def kept(claim: dict[str, Any]) -> dict[str, Any]:
    """Return a claim without what no table shows."""
    measure = {"word": claim["expression"]["measure"]["word"]}
    replicates = [rounded(replicate) | NOT_SHOWN_OF_ONE for replicate in claim["replicates"]]
    return claim | NOT_SHOWN | {"expression": {"measure": measure}, "replicates": replicates}


def rounded(replicate: dict[str, Any]) -> dict[str, Any]:
    """Return what one network says with six digits; tables show three."""
    value = replicate["value"]
    return replicate | {"value": None if value is None else float(f"{value:.6g}")}


def file_of(claim: dict[str, Any]) -> str:
    return Path(claim["id"].partition("::")[0]).stem.removeprefix("spec_")


def in_order(claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return claims as the spec files have them; a run has them as they were judged."""
    ids = [question.id for question in collect(Project.at(RUNS.parents[2]))]
    return sorted(claims, key=lambda claim: ids.index(claim["id"]))


def keep(run: dict[str, Any], suffix: str) -> None:
    for name, claims in groupby(in_order(run["claims"]), file_of):
        lines = ",\n".join(json.dumps(kept(claim), ensure_ascii=False, separators=(",", ":")) for claim in claims)
        head = json.dumps({field: value for field, value in run.items() if field != "claims"})
        (RUNS / f"{name}{suffix}.json").write_text(f'{head[:-1]}, "claims": [\n{lines}\n]}}\n', "utf-8")


if __name__ == "__main__":
    keep(read(Path(sys.argv[1])), "".join(sys.argv[2:]))
