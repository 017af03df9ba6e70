"""The files of runs: one JSON document each, a claim per line, under ``.neuronspec/runs/``."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from neuronspec import schema as shape
from neuronspec.errors import ProjectError, nearest
from neuronspec.files import check_target, write_atomically
from neuronspec.ledger import renamed
from neuronspec.ledger.record import claim_json
from neuronspec.runner import Result
from neuronspec.schema import listing, mapping, optional, record
from neuronspec.watcher import Watcher

SCHEMA = 3
VERDICTS = ("supported", "refuted", "unspecific", "undecided", "unlearnt", "not applicable", "error")


def folder_of(store: Path) -> Path:
    """Return where the runs of a project are kept: beside its networks."""
    return store / "runs"


def new_file(folder: Path) -> Path:
    """Return the name of a run that begins now: by its time, which orders them, and a word at random.

    Two that begin in the same microsecond have two names and one order, whichever of them it puts first.

    Raises:
        ProjectError: no file could be written there.
    """
    file = folder / f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S.%f}-{secrets.token_hex(4)}.json"
    try:
        check_target(file)
    except ProjectError as error:
        why = str(error).rpartition(": ")[2]
        raise ProjectError(f"runs cannot be kept in {folder}: {why}; name another folder with --runs") from None
    return file


@dataclass
class Record:
    """A run that goes on. It is written again, whole, whenever claims are judged, so that a crash loses none of them.

    Args:
        kept: where it is kept, once there is a claim in it.
        environment: its circumstances.
        copy: where else it is written; even where it is empty, lest somebody take an older one for it.
    """

    kept: Path
    environment: dict[str, Any]
    copy: Path | None = None
    began: float = field(default_factory=time.time)
    claims: list[dict[str, Any]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def add(self, claims: Iterable[dict[str, Any]]) -> None:
        """Take claims that were judged, and write the run as one that is not complete."""
        for claim in claims:
            self.claims.append(claim)
            self._lines.append(_told(claim))
        self.write(complete=False)

    def write(self, complete: bool) -> None:
        """Write the run; ``complete`` is False for one that was broken off.

        Raises:
            ProjectError: a file cannot be written; the others are.
        """
        told, wrong = self.text(complete).encode(), []
        for file in (self.kept if self.claims else None, self.copy):
            if file is None:
                continue
            try:
                write_atomically(file, told)
            except OSError as error:
                wrong.append(f"cannot write the run to {file}: {error.strerror}")
        if wrong:
            raise ProjectError("; ".join(wrong))

    def text(self, complete: bool) -> str:
        """Return the run as JSON, a claim per line."""
        head = {
            "schema": SCHEMA,
            "complete": complete,
            "began": f"{datetime.fromtimestamp(self.began, timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(time.time() - self.began, 2),
            "environment": self.environment,
        }
        fields = [f"{json.dumps(name)}: {_told(value)}" for name, value in head.items()]
        return "{" + ",\n".join([*fields, '"claims": [\n' + ",\n".join(self._lines) + "\n]"]) + "}\n"


def _told(value: Any) -> str:
    """JSON that can be read again: half a character, as in the name of a file that is not UTF-8, becomes ``?``."""
    told = json.dumps(value, allow_nan=False)
    if "\\ud" not in told:
        return told
    return json.dumps(json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace")))


def recorded(record: Record, judged: Iterable[list[Result]], watcher: Watcher) -> Iterator[list[Result]]:
    """Pass results on as they come, each time after the run so far was written down; in the end, whole.

    Raises:
        ProjectError: in the end it cannot be written; before that, the watcher is warned.
    """
    complete = False
    try:
        for results in judged:
            try:
                record.add(map(claim_json, results))
            except ProjectError as error:
                watcher.warn(str(error))
            yield results
        complete = True
    finally:
        record.write(complete)


# Reading.


def read(path: Path) -> dict[str, Any]:
    """Return a run that was written to a file; one of an older schema as today's would have it.

    Raises:
        ProjectError: there is none, or what is there is no run.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"cannot read the run {path}: {error.strerror}") from None
    except ValueError:
        raise ProjectError(f"{path} is no run: it is not UTF-8; {WRITES.format(path)}") from None
    try:
        told = shape.loads(content)
    except ValueError as error:
        why = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
        raise ProjectError(f"{path} is no run: {why}; {WRITES.format(path)}") from None
    if not isinstance(told, dict) or not isinstance(told.get("claims"), list) or "schema" not in told:
        raise ProjectError(f"{path} is no run; {WRITES.format(path)}")
    return _checked(told, path)


WRITES = "`neuronspec verify --json {}` writes one"


def _checked(told: dict[str, Any], path: Path) -> dict[str, Any]:
    schema = told["schema"]
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        newer = "; it was written by a newer one: update this" if type(schema) is int and schema > SCHEMA else ""
        raise ProjectError(f"{path} has schema {schema!r:.60}, and this neuronspec reads 1 to {SCHEMA}{newer}")
    if not told["claims"]:
        raise ProjectError(f"{path} has no claims: the run was broken off before the first")
    try:
        for older in range(schema, SCHEMA):
            told = UPGRADES[older](told)
        RUN(told, "")
    except shape.Misfit as error:
        raise ProjectError(f"{path}: {error}") from None
    twice = _twice(claim["id"] for claim in told["claims"])
    if twice is not None:
        raise ProjectError(f"{path} has the claim {twice:.{shape.MOST_OF_AN_ID}} twice")
    return told


def _twice(values: Iterable[Any]) -> Any:
    """A value that is there more than once, or None."""
    most = Counter(values).most_common(1)
    return most[0][0] if most and most[0][1] > 1 else None


def _from_1(told: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 knew no intervals of controls, no influences and nothing of what networks are made of."""

    def claim(old: Any) -> Any:
        if not isinstance(old, dict) or not isinstance(old.get("replicates"), list):
            return old
        replicates = [replicate(one) for one in old["replicates"]]
        new = {"made_of": {}, "shared": {}, "mutants": {}, "replicates_key": "", "reported": "", "replication": 0.8}
        return new | old | {"replicates": replicates}

    def replicate(old: Any) -> Any:
        if not isinstance(old, dict) or not isinstance(old.get("controls"), dict):
            return old
        none = {"interval": [None, None]}
        controls = {name: none | c if isinstance(c, dict) else c for name, c in old["controls"].items()}
        return {"influences": [], "units": {}, "rankings": {}, "parity": {}, **old, "controls": controls}

    return {"began": "", "seconds": 0, **told, "claims": [claim(old) for old in told["claims"]]}


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: renamed.run}
"""From each older schema to the next."""


def _bound(value: Any, at: str) -> None:
    record({"low": optional(shape.number), "high": optional(shape.number)})(value, at)
    if value["low"] is None and value["high"] is None:
        raise shape.misfit(value, at, "low or high, or both")
    if None not in (value["low"], value["high"]) and value["low"] > value["high"]:
        raise shape.misfit(value, at, "the lower end in low")


def _replicates(value: Any, at: str) -> None:
    """What single networks say, each once: seeds tell them apart."""
    listing(REPLICATE)(value, at)
    twice = _twice(replicate["seed"] for replicate in value)
    if twice is not None:
        raise shape.misfit(twice, f"{at}: seed", "no seed twice")


UNIT = record({
    "site": shape.name, "layer": shape.whole, "index": shape.whole, "sign": shape.number,
}, maybe={"of": mapping(shape.text)})  # fmt: skip
BEST = listing(record({"index": shape.whole, "sign": shape.number, "score": shape.number}))


def _ranking(value: Any, at: str) -> None:
    """What a pick went by: the best scores; or of a pick for each value of a symbol, those of each."""
    record({}, maybe={"best": BEST})(value, at)
    if value.get("best"):
        record({"median": shape.number, "units": shape.whole})(value, at)


CONTROL = record({
    "value": optional(shape.number), "interval": shape.pair, "difference": shape.pair, "draws": shape.whole,
    "p": optional(shape.number), "note": shape.text,
})  # fmt: skip
REPLICATE = record({
    "seed": shape.whole, "verdict": shape.one_of(*VERDICTS), "reason": shape.text, "value": optional(shape.number),
    "interval": shape.pair, "sequences": shape.whole, "influences": listing(shape.number),
    "controls": mapping(CONTROL), "units": mapping(listing(UNIT)), "rankings": mapping(_ranking),
    "parity": mapping(optional(shape.number)),
})  # fmt: skip
CLAIM = record({
    "id": shape.name, "says": shape.name, "claim": shape.name, "recipe": shape.name, "key": shape.name,
    "evidence_key": shape.name, "replicates_key": shape.text, "reported": shape.text, "reason": shape.text,
    "expression": record({"measure": record({"word": shape.name})}), "made_of": mapping(shape.anything),
    "verdict": shape.one_of(*VERDICTS), "expected": shape.one_of(*VERDICTS), "value": optional(shape.number),
    "interval": shape.pair, "bound": _bound, "replication": shape.positive,
    "controls": mapping(record({"value": optional(shape.number), "note": shape.text})),
    "mutants": mapping(record({"verdict": shape.one_of(*VERDICTS), "value": optional(shape.number)})),
    "replicates": _replicates, "seconds": mapping(shape.positive), "shared": mapping(shape.positive),
})  # fmt: skip
COMMIT = record({"id": shape.name, "dirty": shape.flag})
RUN = record({
    "complete": shape.flag, "began": shape.text, "seconds": shape.positive,
    "environment": record({"versions": mapping(shape.text)}, maybe={"commit": optional(COMMIT)}),
    "claims": listing(CLAIM),
})  # fmt: skip


# Finding.


def kept(folder: Path) -> list[Path]:
    """Return the runs of a folder, the latest first: by their names, which begin with the time."""
    return sorted((file for file in folder.glob("*.json") if file.is_file()), reverse=True)


def find(folder: Path, name: str) -> Path:
    """Return the file that somebody means: a file, ``last``, ``last~2``, or the beginning of a run's name.

    Raises:
        ProjectError: there is no such run, or more than one.
    """
    if Path(name).exists() or "/" in name or name.endswith(".json"):
        return Path(name)
    runs = kept(folder)
    if not runs:
        raise ProjectError(f"no run {name!r}: none is kept in {folder} yet; `neuronspec verify` keeps one")
    back = re.fullmatch(r"last(?:~(\d{1,6}))?", name)
    if back:
        number = int(back[1] or 0)
        if number >= len(runs):
            raise ProjectError(f"no run {name!r}: {folder} keeps {len(runs)}")
        return runs[number]
    named = [file for file in runs if file.name.startswith(name)]
    if len(named) != 1:
        what = f"{len(named)} runs begin like that" if named else f"no such run in {folder}"
        near = nearest(name, [file.stem for file in runs]) if not named else ""
        raise ProjectError(f"{name}: {what}{near}; `neuronspec runs` lists them")
    return named[0]
