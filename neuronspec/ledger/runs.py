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

from neuronspec import schema
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
    """Return the folder in which a project keeps its runs: beside its networks."""
    return store / "runs"


def new_file(folder: Path) -> Path:
    """Return a file name for a run that begins now: its time, by which runs are sorted, and a random word.

    Two runs that begin in the same microsecond still get two names, and sort in the same order ever after.

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
    """A run in progress. It is written again, whole, whenever claims are judged, so that a crash loses none of them.

    Args:
        file: where it is kept, once there is a claim in it.
        environment: its circumstances.
        copy: where else it is written, even without claims: an older run in that file must not pass for this one.
    """

    file: Path
    environment: dict[str, Any]
    copy: Path | None = None
    began: float = field(default_factory=time.time)
    claims: list[dict[str, Any]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def add(self, claims: Iterable[dict[str, Any]]) -> None:
        """Take claims that were judged, and write the run as one that is not complete."""
        for claim in claims:
            self.claims.append(claim)
            self._lines.append(_as_json(claim))
        self.write(complete=False)

    def write(self, complete: bool) -> None:
        """Write the run; ``complete`` is False for one that was broken off.

        Raises:
            ProjectError: a file cannot be written; the others are.
        """
        document, failures = self.text(complete).encode(), []
        for file in (self.file if self.claims else None, self.copy):
            if file is None:
                continue
            try:
                write_atomically(file, document)
            except OSError as error:
                failures.append(f"cannot write the run to {file}: {error.strerror}")
        if failures:
            raise ProjectError("; ".join(failures))

    def text(self, complete: bool) -> str:
        """Return the run as JSON, a claim per line."""
        head = {
            "schema": SCHEMA,
            "complete": complete,
            "began": f"{datetime.fromtimestamp(self.began, timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(time.time() - self.began, 2),
            "environment": self.environment,
        }
        fields = [f"{json.dumps(name)}: {_as_json(value)}" for name, value in head.items()]
        return "{" + ",\n".join([*fields, '"claims": [\n' + ",\n".join(self._lines) + "\n]"]) + "}\n"


def _as_json(value: Any) -> str:
    """JSON that can be read again: half a character, as in the name of a file that is not UTF-8, becomes ``?``."""
    text = json.dumps(value, allow_nan=False)
    if "\\ud" not in text:  # JSON writes the halves as \ud800 to \udfff, and encoding twice costs time
        return text
    return json.dumps(json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace")))


def recorded(record: Record, judged: Iterable[list[Result]], watcher: Watcher) -> Iterator[list[Result]]:
    """Yield results as they come; before each, the run so far is written, and at the end the complete run.

    Raises:
        ProjectError: the run cannot be written at the end; before that, the watcher is only warned.
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
    """Return a run from its file; a run of an older schema is upgraded to today's.

    Raises:
        ProjectError: there is no such file, or it holds no run.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"cannot read the run {path}: {error.strerror}") from None
    except ValueError:
        raise ProjectError(f"{path} is no run: it is not UTF-8; {WRITES.format(path)}") from None
    try:
        document = schema.loads(content)
    except ValueError as error:
        why = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
        raise ProjectError(f"{path} is no run: {why}; {WRITES.format(path)}") from None
    if not isinstance(document, dict) or not isinstance(document.get("claims"), list) or "schema" not in document:
        raise ProjectError(f"{path} is no run; {WRITES.format(path)}")
    return _checked(document, path)


WRITES = "`neuronspec verify --json {}` writes one"


def _checked(document: dict[str, Any], path: Path) -> dict[str, Any]:
    version = document["schema"]
    if type(version) is not int or not 1 <= version <= SCHEMA:
        newer = "; it was written by a newer one: update this" if type(version) is int and version > SCHEMA else ""
        raise ProjectError(f"{path} has schema {version!r:.60}, and this neuronspec reads 1 to {SCHEMA}{newer}")
    if not document["claims"]:
        raise ProjectError(f"{path} has no claims: the run was broken off before the first")
    try:
        for older in range(version, SCHEMA):  # one step at a time: each upgrade knows only its own schema
            document = UPGRADES[older](document)
        RUN(document, "")
    except schema.Misfit as error:
        raise ProjectError(f"{path}: {error}") from None
    repeated = _repeated(claim["id"] for claim in document["claims"])
    if repeated is not None:
        raise ProjectError(f"{path} has the claim {repeated:.{schema.MOST_OF_AN_ID}} twice")
    return document


def _repeated(values: Iterable[Any]) -> Any:
    """The value that occurs most often, if that is more than once; else None."""
    commonest = Counter(values).most_common(1)
    return commonest[0][0] if commonest and commonest[0][1] > 1 else None


def _from_1(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no intervals of controls, no influences, and nothing about what networks are made of."""

    def claim(old: Any) -> Any:
        if not isinstance(old, dict) or not isinstance(old.get("replicates"), list):
            return old
        replicates = [replicate(network) for network in old["replicates"]]
        # 0.8 is the default of Spec(replication=)
        new = {"made_of": {}, "shared": {}, "mutants": {}, "replicates_key": "", "reported": "", "replication": 0.8}
        return new | old | {"replicates": replicates}

    def replicate(old: Any) -> Any:
        if not isinstance(old, dict) or not isinstance(old.get("controls"), dict):
            return old
        no_interval = {"interval": [None, None]}
        controls = {
            name: no_interval | control if isinstance(control, dict) else control
            for name, control in old["controls"].items()
        }
        return {"influences": [], "units": {}, "rankings": {}, "parity": {}, **old, "controls": controls}

    return {"began": "", "seconds": 0, **document, "claims": [claim(old) for old in document["claims"]]}


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: renamed.run}
"""From each older schema, the step to the next one."""


def _bound(value: Any, at: str) -> None:
    record({"low": optional(schema.number), "high": optional(schema.number)})(value, at)
    if value["low"] is None and value["high"] is None:
        raise schema.misfit(value, at, "low or high, or both")
    if None not in (value["low"], value["high"]) and value["low"] > value["high"]:
        raise schema.misfit(value, at, "the lower end in low")


def _replicates(value: Any, at: str) -> None:
    """The results of single networks; seeds tell them apart, so none occurs twice."""
    listing(REPLICATE)(value, at)
    repeated = _repeated(replicate["seed"] for replicate in value)
    if repeated is not None:
        raise schema.misfit(repeated, f"{at}: seed", "no seed twice")


UNIT = record({
    "site": schema.name, "layer": schema.whole, "index": schema.whole, "sign": schema.number,
}, maybe={"of": mapping(schema.text)})  # fmt: skip
BEST = listing(record({"index": schema.whole, "sign": schema.number, "score": schema.number}))


def _ranking(value: Any, at: str) -> None:
    """What a pick was chosen by: the best scores. A pick for each value of a symbol has those of each value."""
    record({}, maybe={"best": BEST})(value, at)
    if value.get("best"):
        record({"median": schema.number, "units": schema.whole})(value, at)


CONTROL = record({
    "value": optional(schema.number), "interval": schema.pair, "difference": schema.pair, "draws": schema.whole,
    "p": optional(schema.number), "note": schema.text,
})  # fmt: skip
REPLICATE = record({
    "seed": schema.whole, "verdict": schema.one_of(*VERDICTS), "reason": schema.text, "value": optional(schema.number),
    "interval": schema.pair, "sequences": schema.whole, "influences": listing(schema.number),
    "controls": mapping(CONTROL), "units": mapping(listing(UNIT)), "rankings": mapping(_ranking),
    "parity": mapping(optional(schema.number)),
})  # fmt: skip
CLAIM = record({
    "id": schema.name, "says": schema.name, "claim": schema.name, "recipe": schema.name, "key": schema.name,
    "evidence_key": schema.name, "replicates_key": schema.text, "reported": schema.text, "reason": schema.text,
    "expression": record({"measure": record({"word": schema.name})}), "made_of": mapping(schema.anything),
    "verdict": schema.one_of(*VERDICTS), "expected": schema.one_of(*VERDICTS), "value": optional(schema.number),
    "interval": schema.pair, "bound": _bound, "replication": schema.positive,
    "controls": mapping(record({"value": optional(schema.number), "note": schema.text})),
    "mutants": mapping(record({"verdict": schema.one_of(*VERDICTS), "value": optional(schema.number)})),
    "replicates": _replicates, "seconds": mapping(schema.positive), "shared": mapping(schema.positive),
})  # fmt: skip
COMMIT = record({"id": schema.name, "dirty": schema.flag})
RUN = record({
    "complete": schema.flag, "began": schema.text, "seconds": schema.positive,
    "environment": record({"versions": mapping(schema.text)}, maybe={"commit": optional(COMMIT)}),
    "claims": listing(CLAIM),
})  # fmt: skip


# Finding.


def kept_runs(folder: Path) -> list[Path]:
    """Return the runs of a folder, the latest first: sorted by their names, which begin with the time."""
    return sorted((file for file in folder.glob("*.json") if file.is_file()), reverse=True)


def find(folder: Path, name: str) -> Path:
    """Return the file of a run by its path, by ``last`` or ``last~2``, or by the beginning of its name.

    Raises:
        ProjectError: there is no such run, or several names begin like that.
    """
    if Path(name).exists() or "/" in name or name.endswith(".json"):
        return Path(name)
    runs = kept_runs(folder)
    if not runs:
        raise ProjectError(f"no run {name!r}: none is kept in {folder} yet; `neuronspec verify` keeps one")
    counted_back = re.fullmatch(r"last(?:~(\d{1,6}))?", name)
    if counted_back:
        number = int(counted_back[1] or 0)
        if number >= len(runs):
            raise ProjectError(f"no run {name!r}: {folder} keeps {len(runs)}")
        return runs[number]
    matches = [file for file in runs if file.name.startswith(name)]
    if len(matches) != 1:
        problem = f"{len(matches)} runs begin like that" if matches else f"no such run in {folder}"
        suggestion = nearest(name, [file.stem for file in runs]) if not matches else ""
        raise ProjectError(f"{name}: {problem}{suggestion}; `neuronspec runs` lists them")
    return matches[0]
