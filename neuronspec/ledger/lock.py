"""``claims.lock.json``: what claims came to, made for committing; a run is held to it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from neuronspec import schema as shape
from neuronspec.engine.verdicts.replicates import median_interval
from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically
from neuronspec.ledger import NAME, renamed
from neuronspec.ledger.record import OVER_SEEDS
from neuronspec.ledger.runs import VERDICTS
from neuronspec.schema import mapping, optional, record

SCHEMA = 2
MARGIN = 0.05
"""How far a value may go: so much, or this share of it where it is above one."""

DIGITS = 6
"""Significant digits of what is locked: what lies below is float noise, and would be noise in a diff."""

MADE_OF = ("key", "corpus", "sequences", "recipe", "checkpoint", "sha256")


@dataclass(frozen=True)
class Locked:
    """What one claim came to.

    Args:
        claim: as its spec writes it.
        key: of recipe, measure, bound and expectation; the sentence is no part of it.
        seeds: which networks, ``"0:20"`` or ``"3,5,8"``.
        interval: of the value: of one network its own; of six and more that of their median; else all their intervals.
        controls: their values, by name.
        margin: how far the value may go before it counts as another.
        replication: the share of learnt networks that had to agree.
        verdicts: of how many networks, by verdict.
    """

    claim: str
    key: str
    recipe: str
    seeds: str
    expected: str
    verdict: str
    value: float | None
    interval: tuple[float | None, float | None]
    controls: Mapping[str, float | None]
    margin: float
    replication: float
    verdicts: Mapping[str, int]


@dataclass(frozen=True)
class Lock:
    """All that is locked: claims by id, and what networks of the recipes they are about are made of."""

    claims: Mapping[str, Locked] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def locked(claim: Mapping[str, Any]) -> Locked:
    """Return what is to be locked of a claim of a run."""
    value = _brief(claim["value"])
    return Locked(
        claim=claim["claim"],
        key=claim["key"],
        recipe=claim["recipe"],
        seeds=told_seeds([replicate["seed"] for replicate in claim["replicates"]]),
        expected=claim["expected"],
        verdict=claim["verdict"],
        value=value,
        interval=_interval(claim),
        controls={name: _brief(control["value"]) for name, control in claim["controls"].items()},
        margin=_usual_margin(value),
        replication=claim["replication"],
        verdicts=dict(sorted(Counter(replicate["verdict"] for replicate in claim["replicates"]).items())),
    )


def _usual_margin(value: float | None) -> float:
    return float(f"{MARGIN * max(1.0, abs(value or 0.0)):.{DIGITS}g}")


def _interval(claim: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Where the value may lie, as far as is known; over some networks their range says little of their median."""
    judged = [r for r in claim["replicates"] if r["value"] is not None and r["interval"][0] is not None]
    if claim["expression"]["measure"]["word"] in OVER_SEEDS or not judged:
        low, high = claim["interval"]
        return _brief(low), _brief(high)
    low, high = median_interval(np.array([replicate["value"] for replicate in judged]))
    if math.isnan(low):  # they are too few for that
        ends = [end for replicate in judged for end in (*replicate["interval"], replicate["value"])]
        low, high = min(ends), max(ends)
    return _brief(low), _brief(high)


def _brief(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def told_seeds(seeds: Sequence[int]) -> str:
    """``0:20`` for 0…19, else one by one."""
    seeds = sorted(seeds)
    if len(seeds) > 1 and len(set(seeds)) == len(seeds) == seeds[-1] - seeds[0] + 1:
        return f"{seeds[0]}:{seeds[-1] + 1}"
    return ",".join(map(str, seeds))


def lock_of(claims: Iterable[Mapping[str, Any]]) -> Lock:
    """Return the lock that a run would make."""
    claims = list(claims)
    recipes = {c["recipe"]: {n: v for n, v in c["made_of"].items() if n in MADE_OF} for c in claims}
    return Lock({claim["id"]: locked(claim) for claim in claims}, recipes)


def refuse_errors(claims: Iterable[Mapping[str, Any]]) -> None:
    """Raise ProjectError where a claim came to an error, which is no verdict to hold a run to."""
    for claim in claims:
        if claim["verdict"] == "error":
            raise ProjectError(f"{claim['id']} cannot be locked: error: {claim['reason']}")


def merged(old: Lock, new: Lock, dropped: Iterable[str] = (), was_called: Mapping[str, str] | None = None) -> Lock:
    """Return a lock with new claims in the place of old ones; margins that somebody set are kept.

    Args:
        dropped: ids that are to be locked no more.
        was_called: under which ids claims were locked that have another one now.
    """
    names = was_called or {}
    kept = {name: claim for name, claim in old.claims.items() if name not in set(dropped)}
    both = {name: _with_margin(claim, old.claims.get(names.get(name, name))) for name, claim in new.claims.items()}
    claims = dict(sorted({**kept, **both}.items()))
    about = {claim.recipe for claim in claims.values()}
    still = {claim.recipe for name, claim in kept.items() if name not in both}
    recipes = {name: _joined(old.recipes.get(name), new.recipes.get(name), name in still) for name in sorted(about)}
    return Lock(claims, recipes)


def _joined(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, still: bool) -> Mapping[str, Any]:
    """What networks are made of; as it was while claims rest on that, so that a change is told of those."""
    if old is None or new is None:
        return old or new or {}
    if still:
        return {**old, "sha256": {**new["sha256"], **old["sha256"]}} if "sha256" in old and "sha256" in new else old
    return new


def _with_margin(new: Locked, old: Locked | None) -> Locked:
    """A margin that is not the one that the value brings was set by hand."""
    by_hand = old is not None and old.margin != _usual_margin(old.value)
    return replace(new, margin=old.margin) if old and by_hand else new


# The file.


def text_of(lock: Lock) -> str:
    """Return a lock as JSON that reads well in a diff: one field per line, always in one order."""
    recipes = _object({n: _object(_lines(made_of), 2) for n, made_of in lock.recipes.items()}, 1)
    claims = _object({name: _object(_lines(asdict(claim)), 2) for name, claim in lock.claims.items()}, 1)
    return _object({"schema": str(SCHEMA), "recipes": recipes, "claims": claims}, 0) + "\n"


def _lines(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value, ensure_ascii=False, allow_nan=False) for name, value in values.items()}


def _object(fields: Mapping[str, str], depth: int) -> str:
    inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(name, ensure_ascii=False)}: {v}" for name, v in fields.items())
    return f"{{\n{inner}\n{' ' * depth}}}" if fields else "{}"


def write(path: Path, lock: Lock) -> None:
    """Write a lock, whole or not at all.

    Raises:
        ProjectError: it cannot be written.
    """
    try:
        write_atomically(path, text_of(lock).encode())
    except OSError as error:
        raise ProjectError(f"cannot write {path}: {error.strerror}") from None
    except UnicodeEncodeError as error:  # the name of a spec file that is not UTF-8
        raise ProjectError(f"cannot write {path}: {error.object[error.start]!r} is half a character") from None


def while_written(store: Path) -> FileLock:
    """Return what two processes that change a lock file wait for; it goes with the process that holds it."""
    store.mkdir(parents=True, exist_ok=True)
    return FileLock(store / f"{NAME}.busy")


def read(path: Path) -> Lock:
    """Return what is locked.

    Raises:
        ProjectError: there is no such file, or what is there is no lock; it says what to do.
    """
    try:
        content = path.read_text("utf-8")
    except FileNotFoundError:
        raise ProjectError(f"there is no {path.name} in {path.parent}; `neuronspec lock --update` makes one") from None
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ProjectError(f"{path} is no lock: it is not UTF-8; {ANEW}") from None
    conflict = next((n for n, line in enumerate(content.split("\n"), 1) if line.startswith("<<<<<<<")), None)
    if conflict:
        raise ProjectError(
            f"{path}:{conflict}: a merge conflict; take either side (git checkout --ours {path.name}), "
            "then `neuronspec lock --update`"
        )
    try:
        return _checked(shape.loads(content), path)
    except json.JSONDecodeError as error:
        raise ProjectError(f"{path}:{error.lineno}: it is cut short, or no JSON: {error.msg}; {ANEW}") from None
    except ValueError as error:  # a misfit, or a name that is there twice
        raise ProjectError(f"{path}: {error}; {ANEW}") from None


ANEW = "restore it, or remove it and make it anew by `neuronspec lock --update`"


def _checked(told: Any, path: Path) -> Lock:
    shape.record({})(told, path.name)
    schema = told.get("schema")
    if type(schema) is int and schema > SCHEMA:
        raise ProjectError(
            f"{path} has schema {schema!r:.60}, and this neuronspec reads 1 to {SCHEMA}: it is older; update it"
        )
    if type(schema) is not int or schema < 1:
        raise shape.misfit(schema, "schema", f"1 to {SCHEMA}")
    if schema == 1:
        told = renamed.lock(told)
    LOCK(told, "")
    claims = {name: _claim(claim) for name, claim in told["claims"].items()}
    for name, claim in claims.items():
        if claim.recipe not in told["recipes"]:
            raise shape.misfit(claim.recipe, f"claims[{name!r:.60}].recipe", "one of recipes")
    return Lock(claims, told["recipes"])


def _claim(told: Mapping[str, Any]) -> Locked:
    known = {f.name: told[f.name] for f in fields(Locked)}
    return Locked(**known | {"interval": tuple(told["interval"])})


def _holds_its_value(claim: Any, at: str) -> None:
    CLAIM(claim, at)
    (low, high), value = claim["interval"], claim["value"]
    if low is not None and value is not None and not low <= value <= high:
        raise shape.misfit(value, f"{at}.value", f"a number within its interval, {low:g} to {high:g}")


CLAIM = record({
    "claim": shape.name, "key": shape.name, "recipe": shape.name, "seeds": shape.line,
    "expected": shape.one_of(*VERDICTS), "verdict": shape.one_of(*VERDICTS), "value": optional(shape.number),
    "interval": shape.pair, "controls": mapping(optional(shape.number)), "margin": shape.positive,
    "replication": shape.positive, "verdicts": mapping(shape.whole),
})  # fmt: skip
MADE = record({}, maybe={"recipe": mapping(shape.anything)})


def _made(value: Any, at: str) -> None:
    """What networks are made of."""
    mapping(shape.anything)(value, at)
    MADE(value, at)


LOCK = record({"recipes": mapping(_made), "claims": mapping(_holds_its_value)})
