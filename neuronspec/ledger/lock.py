"""``claims.lock.json``: the results of claims, a file to commit; later runs are compared with it."""

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

from neuronspec import schema
from neuronspec.engine.verdicts.replicates import median_interval
from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically
from neuronspec.ledger import NAME, renamed
from neuronspec.ledger.record import OVER_SEEDS
from neuronspec.ledger.runs import VERDICTS
from neuronspec.schema import mapping, optional, record

SCHEMA = 2
UPGRADES = {1: renamed.lock}
"""What makes a lock of an older schema one of the next."""
MARGIN = 0.05
"""How far a value may drift: 0.05 up to a value of 1, and 5 % of it above: 0.05 for 0.3, 0.5 for 10."""

DIGITS = 6
"""Significant digits of what is locked: digits beyond are floating-point noise, and would be noise in a diff."""

MADE_OF = ("key", "corpus", "sequences", "recipe", "checkpoint", "sha256")


@dataclass(frozen=True)
class Locked:
    """The result of one claim.

    Args:
        claim: as its spec writes it.
        key: a hash of recipe, measure, bound and expectation, without the sentence: rewording it changes nothing.
        seeds: which networks, ``"0:20"`` or ``"3,5,8"``.
        interval: of one network its own; of six or more that of their median; else the span of all their intervals.
        controls: their values, by name.
        margin: how far the value may drift before it counts as changed.
        replication: the share of learnt networks that had to agree.
        verdicts: the number of networks with each verdict.
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
    """All that is locked: claims by id, and what the networks of their recipes are made of."""

    claims: Mapping[str, Locked] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def locked(claim: Mapping[str, Any]) -> Locked:
    """Return what the lock keeps of a claim of a run."""
    value = _brief(claim["value"])
    return Locked(
        claim=claim["claim"],
        key=claim["key"],
        recipe=claim["recipe"],
        seeds=seeds_as_text([replicate["seed"] for replicate in claim["replicates"]]),
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
    """The interval of the value; of several networks that of their median, which is narrower than their range."""
    judged = [r for r in claim["replicates"] if r["value"] is not None and r["interval"][0] is not None]
    if claim["expression"]["measure"]["word"] in OVER_SEEDS or not judged:
        low, high = claim["interval"]
        return _brief(low), _brief(high)
    low, high = median_interval(np.array([replicate["value"] for replicate in judged]))
    if math.isnan(low):  # below six networks a median has no 95 % interval
        ends = [end for replicate in judged for end in (*replicate["interval"], replicate["value"])]
        low, high = min(ends), max(ends)
    return _brief(low), _brief(high)


def _brief(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def seeds_as_text(seeds: Sequence[int]) -> str:
    """``0:20`` for 0…19, else ``3,5,8``."""
    seeds = sorted(seeds)
    if len(seeds) > 1 and len(set(seeds)) == len(seeds) == seeds[-1] - seeds[0] + 1:
        return f"{seeds[0]}:{seeds[-1] + 1}"
    return ",".join(map(str, seeds))


def lock_of(claims: Iterable[Mapping[str, Any]]) -> Lock:
    """Return the lock that the claims of a run make."""
    claims = list(claims)
    recipes = {c["recipe"]: {n: v for n, v in c["made_of"].items() if n in MADE_OF} for c in claims}
    return Lock({claim["id"]: locked(claim) for claim in claims}, recipes)


def refuse_errors(claims: Iterable[Mapping[str, Any]]) -> None:
    """Raise ProjectError where a claim ended in an error: no run can be compared with that."""
    for claim in claims:
        if claim["verdict"] == "error":
            raise ProjectError(f"{claim['id']} cannot be locked: error: {claim['reason']}")


def merged(old: Lock, new: Lock, dropped: Iterable[str] = (), was_called: Mapping[str, str] | None = None) -> Lock:
    """Return a lock whose claims are replaced by new ones; margins that were set by hand are kept.

    Args:
        dropped: ids to remove from the lock.
        was_called: the locked id of each claim that has another id now.
    """
    earlier = was_called or {}
    remaining = {name: claim for name, claim in old.claims.items() if name not in set(dropped)}
    judged = {name: _with_margin(claim, old.claims.get(earlier.get(name, name))) for name, claim in new.claims.items()}
    claims = dict(sorted({**remaining, **judged}.items()))
    unjudged = {claim.recipe for name, claim in remaining.items() if name not in judged}
    recipes = {
        name: _joined(old.recipes.get(name), new.recipes.get(name), name in unjudged)
        for name in sorted({claim.recipe for claim in claims.values()})
    }
    return Lock(claims, recipes)


def _joined(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, unjudged: bool) -> Mapping[str, Any]:
    """What networks are made of: as locked while claims on them were not judged anew, whose change is still to report.

    Weights are told apart by seed, so seeds that were not locked yet are added.
    """
    if old is None or new is None:
        return old or new or {}
    if unjudged:
        return {**old, "sha256": {**new["sha256"], **old["sha256"]}} if "sha256" in old and "sha256" in new else old
    return new


def _with_margin(new: Locked, old: Locked | None) -> Locked:
    """A margin that differs from the usual one of its value was set by hand, and is kept."""
    set_by_hand = old is not None and old.margin != _usual_margin(old.value)
    return replace(new, margin=old.margin) if old and set_by_hand else new


# The file.


def text_of(lock: Lock) -> str:
    """Return a lock as JSON that reads well in a diff: one field per line, always in the same order."""
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
    """Return the mutex for changing a lock file; the system frees it when the process that holds it ends."""
    store.mkdir(parents=True, exist_ok=True)
    return FileLock(store / f"{NAME}.busy")


def read(path: Path) -> Lock:
    """Return a lock from its file.

    Raises:
        ProjectError: there is no such file, or it holds no lock; the message says what to do.
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
        return _checked(schema.loads(content), path)
    except json.JSONDecodeError as error:
        raise ProjectError(f"{path}:{error.lineno}: it is cut short, or no JSON: {error.msg}; {ANEW}") from None
    except ValueError as error:  # a misfit, or a name that occurs twice
        raise ProjectError(f"{path}: {error}; {ANEW}") from None


ANEW = "restore it, or remove it and make it anew by `neuronspec lock --update`"


def _checked(document: Any, path: Path) -> Lock:
    schema.record({})(document, path.name)
    version = document.get("schema")
    if type(version) is int and version > SCHEMA:
        raise ProjectError(
            f"{path} has schema {version!r:.60}, and this neuronspec reads 1 to {SCHEMA}: it is older; update it"
        )
    if type(version) is not int or version < 1:
        raise schema.misfit(version, "schema", f"1 to {SCHEMA}")
    for older in range(version, SCHEMA):
        document = UPGRADES[older](document)
    LOCK(document, "")
    claims = {name: _claim(claim) for name, claim in document["claims"].items()}
    for name, claim in claims.items():
        if claim.recipe not in document["recipes"]:
            raise schema.misfit(claim.recipe, f"claims[{name!r:.60}].recipe", "one of recipes")
    return Lock(claims, document["recipes"])


def _claim(document: Mapping[str, Any]) -> Locked:
    known = {f.name: document[f.name] for f in fields(Locked)}  # a newer version may have written others
    return Locked(**known | {"interval": tuple(document["interval"])})


def _holds_its_value(claim: Any, at: str) -> None:
    CLAIM(claim, at)
    (low, high), value = claim["interval"], claim["value"]
    if low is not None and value is not None and not low <= value <= high:
        raise schema.misfit(value, f"{at}.value", f"a number within its interval, {low:g} to {high:g}")


CLAIM = record({
    "claim": schema.name, "key": schema.name, "recipe": schema.name, "seeds": schema.line,
    "expected": schema.one_of(*VERDICTS), "verdict": schema.one_of(*VERDICTS), "value": optional(schema.number),
    "interval": schema.pair, "controls": mapping(optional(schema.number)), "margin": schema.positive,
    "replication": schema.positive, "verdicts": mapping(schema.whole),
})  # fmt: skip
MADE = record({}, maybe={"recipe": mapping(schema.anything)})


def _made(value: Any, at: str) -> None:
    """What networks are made of."""
    mapping(schema.anything)(value, at)
    MADE(value, at)


LOCK = record({"recipes": mapping(_made), "claims": mapping(_holds_its_value)})
