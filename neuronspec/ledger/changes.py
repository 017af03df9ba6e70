"""What changed since claims were locked: a sentence for each change, with what it was, what it is and the intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from os.path import commonprefix
from pathlib import Path
from typing import Any

from neuronspec.collection import Question, collect, is_named, matcher, spec_files
from neuronspec.language.expression import to_json
from neuronspec.ledger.lock import Lock, Locked, lock_of, merged, seeds_as_text
from neuronspec.ledger.renamed import earlier_key
from neuronspec.project import Project


@dataclass(frozen=True)
class Identity:
    """What a claim is, whatever its sentence.

    Args:
        earlier_key: the one it has in a lock that was written before words in it were renamed.
    """

    key: str
    seeds: str
    earlier_key: str = field(default="", compare=False)


@dataclass(frozen=True)
class Change:
    """Something that is not as it was locked.

    Args:
        id: of the claim, or the name of a network.
        says: what it was and what it is, in one sentence.
        fails: whether a run that is held to the lock fails for it; else it is only told.
    """

    id: str
    says: str
    fails: bool = True

    def __str__(self) -> str:
        return f"{self.id}: {self.says}"

    @property
    def spec_id(self) -> str:
        return self.id.rpartition("::")[0]


def stated(questions: Iterable[Question]) -> dict[str, Identity]:
    """Return what specs state, by id: nothing has to run to know that."""
    return {
        q.id: Identity(q.claim.key(q.recipe), seeds_as_text(q.seeds), earlier_key(q.recipe, to_json(q.claim)))
        for q in questions
    }


def identity_of(claims: Iterable[Mapping[str, Any]]) -> dict[str, Identity]:
    """Return what the claims of a run are, by id."""
    return {
        claim["id"]: Identity(
            claim["key"],
            seeds_as_text([replicate["seed"] for replicate in claim["replicates"]]),
            earlier_key(claim["recipe"], claim["expression"]),
        )
        for claim in claims
    }


def with_keys_of_today(lock: Lock, specs: Mapping[str, Identity]) -> Lock:
    """Return a lock after the claims in it that specs state got the keys that they have in the words of today."""
    today = {what.earlier_key: what.key for what in specs.values() if what.earlier_key}
    claims = {name: replace(claim, key=today.get(claim.key, claim.key)) for name, claim in lock.claims.items()}
    return replace(lock, claims=claims)


def changes(lock: Lock, claims: Iterable[Mapping[str, Any]], specs: Mapping[str, Identity]) -> list[Change]:
    """Return what is not as it was locked, of claims that were judged.

    Args:
        claims: those that were judged, as a run has them.
        specs: what all specs state, see ``stated``; it may be more than was judged.
    """
    claims, lock = list(claims), with_keys_of_today(lock, specs)
    now, was_called, lost = lock_of(claims), reworded(lock, specs), _lost(lock, specs)
    reasons = {claim["id"]: claim["reason"] for claim in claims}
    networks = {name: otherwise(lock.recipes.get(name, {}), made_of) for name, made_of in now.recipes.items()}
    networks = {name: told and f"is made otherwise than was locked: {told}" for name, told in networks.items()}
    found = [Change(name, told, fails=False) for name, told in networks.items() if told]
    for name, new in now.claims.items():
        old_name = name if name in lock.claims else was_called.get(name)
        if old_name is None:
            found.append(Change(name, f"is not in the lock: {new.verdict}, {_measured(new)}{_perhaps(new, lost)}"))
            continue
        if old_name != name:
            found.append(Change(name, f"was locked as {old_name}", fails=False))
        cause = networks[new.recipe]
        found += _of_claim(name, lock.claims[old_name], new, reasons[name], cause and f"; {new.recipe} {cause}")
    return found


def reworded(lock: Lock, specs: Mapping[str, Identity]) -> dict[str, str]:
    """Return under which ids claims were locked whose sentence, spec or file has another name now.

    Where several say the same of the same networks, nobody can tell which of them was called what.
    """
    lost = _lost(with_keys_of_today(lock, specs), specs)
    new = _by_identity((n, w) for n, w in specs.items() if n not in lock.claims)
    return {new[what][0]: lost[what][0] for what in lost if len(lost[what]) == len(new.get(what, ())) == 1}


def _lost(lock: Lock, specs: Mapping[str, Identity]) -> dict[Identity, list[str]]:
    """The ids that are locked and that no spec states any more, by what they claim."""
    return _by_identity((n, Identity(c.key, c.seeds)) for n, c in lock.claims.items() if n not in specs)


def _by_identity(claims: Iterable[tuple[str, Identity]]) -> dict[Identity, list[str]]:
    found: dict[Identity, list[str]] = {}
    for name, what in claims:
        found.setdefault(what, []).append(name)
    return found


def _perhaps(claim: Locked, lost: Mapping[Identity, Sequence[str]]) -> str:
    """Under which ids a claim may have been locked, where that cannot be told."""
    names = lost.get(Identity(claim.key, claim.seeds), ())
    return f"; {' and '.join(names)} claimed the same, and which of them this was cannot be told" if names else ""


def gone(lock: Lock, specs: Mapping[str, Identity], within: Callable[[str], bool]) -> list[Change]:
    """Return the claims that are locked and that no spec states any more.

    Args:
        within: whether an id belongs to the part of the project that the run is about.
    """
    found_again = set(reworded(lock, specs).values())
    lost = {n: c for n, c in lock.claims.items() if within(n) and n not in specs and n not in found_again}
    return [Change(n, f"vanished: was {c.verdict}, {_measured(c)}, and no spec states it") for n, c in lost.items()]


TOLD = {
    "corpus": "trained on other strings",
    "sequences": "judged on other sequences",
    "sha256": "other weights in the file",
}


def otherwise(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return how networks are made otherwise than they were, e.g. ``units 10 -> 3``; empty where they are not."""
    if not old or not new:
        return ""
    before, after = _recipe(old), _recipe(new)
    otherwise = [n for n in {**before, **after} if before.get(n) != after.get(n)]
    told = [f"{n} {_word(before.get(n))} -> {_word(after.get(n))}" for n in otherwise]
    told += [words for name, words in TOLD.items() if _differ(old.get(name), new.get(name))]
    if not told and old.get("key") != new.get("key"):
        told = ["trained by another version"]
    return ", ".join(told)


def _word(value: object) -> str:
    """A value of a recipe, on one line whatever it is."""
    return value if isinstance(value, str) and value.isprintable() else repr(value)


def _differ(old: object, new: object) -> bool:
    """Whether two values differ; of values by seed, those of the seeds that both have."""
    if isinstance(old, dict) and isinstance(new, dict):
        return any(old[seed] != new[seed] for seed in old.keys() & new.keys())
    return old != new


def _recipe(made_of: Mapping[str, Any]) -> Mapping[str, Any]:
    recipe = made_of.get("recipe")
    return recipe if isinstance(recipe, dict) else {}


def _of_claim(name: str, old: Locked, new: Locked, reason: str, why: str) -> Iterator[Change]:
    because = f" ({reason})" if reason else ""
    measured = f"{_measured(old)} -> {_measured(new)}"
    if old.key != new.key:
        yield Change(name, f"states something else than was locked: {_stated(old, new)}, {new.verdict}")
    elif old.replication != new.replication:
        share = f"{old.replication:g} -> {new.replication:g} of the networks have to agree"
        yield Change(name, f"is settled otherwise than was locked: {share}, {new.verdict}")
    elif old.seeds != new.seeds:
        yield Change(name, f"is of other networks than was locked: seeds {old.seeds} -> {new.seeds}, {measured}")
    elif old.verdict != new.verdict and new.verdict == new.expected:
        yield Change(name, f"was {old.verdict}, and is {new.verdict} as its spec states: {measured}", fails=False)
    elif old.verdict != new.verdict:
        yield Change(name, f"was {old.verdict}, is {new.verdict}{because}: {measured}{why}")
    elif drifted(old, new):
        yield Change(
            name, f"is {new.verdict} as before, but drifted beyond its margin of {old.margin:g}: {measured}{why}"
        )
    elif _fewer(old, new):
        yield Change(name, f"is {new.verdict} as before, in fewer networks: {_fewer(old, new)}{why}", fails=False)


def _fewer(old: Locked, new: Locked) -> str:
    """``20 supported -> 18 supported, 2 unlearnt`` where fewer networks say what was locked; else empty."""
    if old.verdicts.get(old.verdict, 0) <= new.verdicts.get(old.verdict, 0):
        return ""
    before, after = (", ".join(f"{n} {v}" for v, n in one.verdicts.items()) for one in (old, new))
    return f"{before} -> {after}"


def drifted(old: Locked, new: Locked) -> bool:
    """Whether a value left both the margin and the interval that were locked; or is one where there was none."""
    if old.value is None or new.value is None:
        return old.value is not new.value
    low, high = old.interval
    inside = low is not None and high is not None and low <= new.value <= high
    return not inside and abs(new.value - old.value) > old.margin


def _stated(old: Locked, new: Locked) -> str:
    """What was stated and what is, from the word before the first that differs."""
    before, after = (f"{claim.recipe}: {claim.claim}" for claim in (old, new))
    alike = commonprefix([before, after])  # noqa: RUF071  # these are no paths
    start = alike.rfind(" ", 0, max(alike.rfind(" "), 0)) + 1  # with the word before: an operator, or a name
    return f"{'... ' * (start > 0)}{before[start:]} -> {after[start:]}"


def _measured(claim: Locked) -> str:
    """``0.998 [0.99, 1]``."""
    if claim.value is None:
        return "no value"
    low, high = claim.interval
    return f"{claim.value:.3g}" + (f" [{low:.3g}, {high:.3g}]" if low is not None and high is not None else "")


@dataclass(frozen=True)
class LockCheck:
    """What a run is held to.

    Args:
        specs: what is stated in the part of the project that the run is about.
        everywhere: returns what is stated in all of it: a claim may have gone to another file.
        within: whether an id belongs to that part.
    """

    lock: Lock
    specs: Mapping[str, Identity]
    everywhere: Callable[[], Mapping[str, Identity]]
    within: Callable[[str], bool]

    def changes(self, claims: Iterable[Mapping[str, Any]]) -> list[Change]:
        """Return what is not as it was locked, of claims that were judged."""
        claims = list(claims)
        known = all(claim["id"] in self.lock.claims for claim in claims)
        return changes(self.lock, claims, self.specs if known else self._all)

    def read_ahead(self) -> None:
        """Read the specs elsewhere, where it will be asked what they state."""
        if self._lost(self.lock) or not self.specs.keys() <= self.lock.claims.keys():
            self.everywhere()

    def gone(self) -> list[Change]:
        """Return the claims that no spec states any more; those that were only reworded are still there."""
        return gone(self.lock, self._all, self.within) if self._lost(self.lock) else []

    def updated(self, lock: Lock, claims: Iterable[Mapping[str, Any]]) -> Lock:
        """Return a lock as it is to be after claims were judged: with them, and without those that no spec states."""
        now, was_called = lock_of(claims), reworded(lock, self._all)
        elsewhere = set(was_called.values())  # until it is judged under its new name, it keeps the old one
        renamed = [old for new, old in was_called.items() if new in now.claims]
        lock = with_keys_of_today(lock, self._all)
        return merged(lock, now, [*(set(self._lost(lock)) - elsewhere), *renamed], was_called)

    def _lost(self, lock: Lock) -> list[str]:
        return [name for name in lock.claims if self.within(name) and name not in self.specs]

    @property
    def _all(self) -> Mapping[str, Identity]:
        return {**self.everywhere(), **self.specs}


def held_to(lock: Lock, project: Project, names: Sequence[str], keyword: str | None = None) -> LockCheck:
    """Return what a run of the claims that files, folders, ids and a ``-k`` expression name is held to."""
    files = [Path(name.partition("::")[0]) for name in names]
    matches = matcher(keyword) if keyword else lambda name: True
    within: Callable[[str], bool] = lambda name: is_named(project, names, name) and matches(name)  # noqa: E731
    return LockCheck(lock, stated(collect(project, files)), cache(lambda: stated_in(project)), within)


def stated_in(project: Project) -> dict[str, Identity]:
    """Return what all specs of a project state; nothing where it has none any more."""
    return stated(collect(project)) if spec_files(project, ()) else {}
