"""What changed since claims were locked: a sentence for each change, with values and intervals before and after."""

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
    """What a claim states, apart from its sentence: a reworded claim is found again by it.

    Args:
        earlier_key: its key in a lock that was written before words in it were renamed.
    """

    key: str
    seeds: str
    earlier_key: str = field(default="", compare=False)


@dataclass(frozen=True)
class Change:
    """Something that differs from what was locked.

    Args:
        id: of the claim, or the name of a network.
        says: what it was and what it is, in one sentence.
        fails: whether a run with the lock fails because of it; otherwise it is only reported.
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
    """Return what specs state, by id; nothing has to run for it."""
    return {
        q.id: Identity(q.claim.key(q.recipe), seeds_as_text(q.seeds), earlier_key(q.recipe, to_json(q.claim)))
        for q in questions
    }


def identity_of(claims: Iterable[Mapping[str, Any]]) -> dict[str, Identity]:
    """Return what the claims of a run state, by id."""
    return {
        claim["id"]: Identity(
            claim["key"],
            seeds_as_text([replicate["seed"] for replicate in claim["replicates"]]),
            earlier_key(claim["recipe"], claim["expression"]),
        )
        for claim in claims
    }


def with_keys_of_today(lock: Lock, specs: Mapping[str, Identity]) -> Lock:
    """Return a lock whose claims have the keys of today's words, wherever specs still state them."""
    today = {identity.earlier_key: identity.key for identity in specs.values() if identity.earlier_key}
    claims = {name: replace(claim, key=today.get(claim.key, claim.key)) for name, claim in lock.claims.items()}
    return replace(lock, claims=claims)


def changes(lock: Lock, claims: Iterable[Mapping[str, Any]], specs: Mapping[str, Identity]) -> list[Change]:
    """Return how judged claims differ from what was locked.

    Args:
        claims: those that were judged, as a run has them.
        specs: what all specs state, see ``stated``; it may be more than was judged.
    """
    claims, lock = list(claims), with_keys_of_today(lock, specs)
    now, was_called, vanished = lock_of(claims), reworded(lock, specs), _lost(lock, specs)
    reasons = {claim["id"]: claim["reason"] for claim in claims}
    networks = {name: otherwise(lock.recipes.get(name, {}), made_of) for name, made_of in now.recipes.items()}
    causes = {
        name: difference and f"is made otherwise than was locked: {difference}" for name, difference in networks.items()
    }
    changed = [Change(name, cause, fails=False) for name, cause in causes.items() if cause]
    for id, new in now.claims.items():
        earlier_id = id if id in lock.claims else was_called.get(id)
        if earlier_id is None:
            changed.append(Change(id, f"is not in the lock: {new.verdict}, {_measured(new)}{_perhaps(new, vanished)}"))
            continue
        if earlier_id != id:
            changed.append(Change(id, f"was locked as {earlier_id}", fails=False))
        cause = causes[new.recipe]
        changed += _of_claim(id, lock.claims[earlier_id], new, reasons[id], cause and f"; {new.recipe} {cause}")
    return changed


def reworded(lock: Lock, specs: Mapping[str, Identity]) -> dict[str, str]:
    """Return the locked id of each claim whose sentence, spec or file was renamed.

    Where several claim the same of the same networks, nobody can tell which of them had which id.
    """
    lost = _lost(with_keys_of_today(lock, specs), specs)
    unlocked = _by_identity((id, identity) for id, identity in specs.items() if id not in lock.claims)
    pairs = [(old, unlocked.get(identity, [])) for identity, old in lost.items()]
    return {new[0]: old[0] for old, new in pairs if len(old) == len(new) == 1}


def _lost(lock: Lock, specs: Mapping[str, Identity]) -> dict[Identity, list[str]]:
    """The locked ids that no spec states any more, by what they claim."""
    return _by_identity((n, Identity(c.key, c.seeds)) for n, c in lock.claims.items() if n not in specs)


def _by_identity(claims: Iterable[tuple[str, Identity]]) -> dict[Identity, list[str]]:
    ids: dict[Identity, list[str]] = {}
    for id, identity in claims:
        ids.setdefault(identity, []).append(id)
    return ids


def _perhaps(claim: Locked, lost: Mapping[Identity, Sequence[str]]) -> str:
    """The ids that a claim may have had in the lock, where several are possible."""
    names = lost.get(Identity(claim.key, claim.seeds), ())
    return f"; {' and '.join(names)} claimed the same, and which of them this was cannot be told" if names else ""


def gone(lock: Lock, specs: Mapping[str, Identity], within: Callable[[str], bool]) -> list[Change]:
    """Return the locked claims that no spec states any more.

    Args:
        within: whether an id belongs to the part of the project that the run is about.
    """
    found_again = set(reworded(lock, specs).values())
    lost = {n: c for n, c in lock.claims.items() if within(n) and n not in specs and n not in found_again}
    return [Change(n, f"vanished: was {c.verdict}, {_measured(c)}, and no spec states it") for n, c in lost.items()]


CAUSES = {
    "corpus": "trained on other strings",
    "sequences": "judged on other sequences",
    "sha256": "other weights in the file",
}


def otherwise(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return how the making of networks changed, e.g. ``units 10 -> 3``; empty where it did not."""
    if not old or not new:
        return ""
    before, after = _recipe(old), _recipe(new)
    differing = [n for n in {**before, **after} if before.get(n) != after.get(n)]
    differences = [f"{n} {_word(before.get(n))} -> {_word(after.get(n))}" for n in differing]
    differences += [words for name, words in CAUSES.items() if _differ(old.get(name), new.get(name))]
    if not differences and old.get("key") != new.get("key"):
        differences = ["trained by another version"]
    return ", ".join(differences)


def _word(value: object) -> str:
    """A value of a recipe, always on one line."""
    return value if isinstance(value, str) and value.isprintable() else repr(value)


def _differ(old: object, new: object) -> bool:
    """Whether two values differ; of values by seed, those of the seeds that both have."""
    if isinstance(old, dict) and isinstance(new, dict):
        return any(old[seed] != new[seed] for seed in old.keys() & new.keys())
    return old != new


def _recipe(made_of: Mapping[str, Any]) -> Mapping[str, Any]:
    recipe = made_of.get("recipe")
    return recipe if isinstance(recipe, dict) else {}


def _of_claim(id: str, old: Locked, new: Locked, reason: str, cause: str) -> Iterator[Change]:
    because = f" ({reason})" if reason else ""
    measured = f"{_measured(old)} -> {_measured(new)}"
    if old.key != new.key:
        yield Change(id, f"states something else than was locked: {_stated(old, new)}, {new.verdict}")
    elif old.replication != new.replication:
        share = f"{old.replication:g} -> {new.replication:g} of the networks have to agree"
        yield Change(id, f"is settled otherwise than was locked: {share}, {new.verdict}")
    elif old.seeds != new.seeds:
        yield Change(id, f"is of other networks than was locked: seeds {old.seeds} -> {new.seeds}, {measured}")
    elif old.verdict != new.verdict and new.verdict == new.expected:
        yield Change(id, f"was {old.verdict}, and is {new.verdict} as its spec states: {measured}", fails=False)
    elif old.verdict != new.verdict:
        yield Change(id, f"was {old.verdict}, is {new.verdict}{because}: {measured}{cause}")
    elif drifted(old, new):
        yield Change(
            id, f"is {new.verdict} as before, but drifted beyond its margin of {old.margin:g}: {measured}{cause}"
        )
    elif _fewer(old, new):
        yield Change(id, f"is {new.verdict} as before, in fewer networks: {_fewer(old, new)}{cause}", fails=False)


def _fewer(old: Locked, new: Locked) -> str:
    """``20 supported -> 18 supported, 2 unlearnt`` where fewer networks say what was locked; else empty."""
    if old.verdicts.get(old.verdict, 0) <= new.verdicts.get(old.verdict, 0):
        return ""
    before, after = (", ".join(f"{n} {verdict}" for verdict, n in claim.verdicts.items()) for claim in (old, new))
    return f"{before} -> {after}"


def drifted(old: Locked, new: Locked) -> bool:
    """Whether a value left both the locked margin and the locked interval, or one of the two values is missing.

    Locked as 0.90 [0.80, 0.95] with a margin of 0.05, 0.82 has not drifted (inside the interval), and 0.78 has.
    """
    if old.value is None or new.value is None:
        return old.value is not new.value
    low, high = old.interval
    inside = low is not None and high is not None and low <= new.value <= high
    return not inside and abs(new.value - old.value) > old.margin


def _stated(old: Locked, new: Locked) -> str:
    """What was stated and what is stated now, from the word before the first difference.

    ``toy/lstm: a > 0.5`` and ``toy/lstm: a > 0.9`` give ``... > 0.5 -> > 0.9``.
    """
    before, after = (f"{claim.recipe}: {claim.claim}" for claim in (old, new))
    shared = commonprefix([before, after])  # noqa: RUF071  # these are no paths
    start = shared.rfind(" ", 0, max(shared.rfind(" "), 0)) + 1  # with the word before: an operator, or a name
    return f"{'... ' * (start > 0)}{before[start:]} -> {after[start:]}"


def _measured(claim: Locked) -> str:
    """``0.998 [0.99, 1]``."""
    if claim.value is None:
        return "no value"
    low, high = claim.interval
    return f"{claim.value:.3g}" + (f" [{low:.3g}, {high:.3g}]" if low is not None and high is not None else "")


@dataclass(frozen=True)
class LockCheck:
    """A lock, and the specs of a run that is checked against it.

    Args:
        specs: what is stated in the part of the project that the run is about.
        everywhere: returns what the whole project states: a claim may have moved to another file.
        within: whether an id belongs to the part that the run is about.
    """

    lock: Lock
    specs: Mapping[str, Identity]
    everywhere: Callable[[], Mapping[str, Identity]]
    within: Callable[[str], bool]

    def changes(self, claims: Iterable[Mapping[str, Any]]) -> list[Change]:
        """Return how judged claims differ from what was locked."""
        claims = list(claims)
        all_locked = all(claim["id"] in self.lock.claims for claim in claims)
        return changes(self.lock, claims, self.specs if all_locked else self._all)

    def read_ahead(self) -> None:
        """Read the other specs of the project now, where the check will need to know what they state."""
        if self._lost(self.lock) or not self.specs.keys() <= self.lock.claims.keys():
            self.everywhere()

    def gone(self) -> list[Change]:
        """Return the claims that no spec states any more; reworded claims are not among them."""
        return gone(self.lock, self._all, self.within) if self._lost(self.lock) else []

    def updated(self, lock: Lock, claims: Iterable[Mapping[str, Any]]) -> Lock:
        """Return the lock after claims were judged: with their results, and without claims that no spec states."""
        now, was_called = lock_of(claims), reworded(lock, self._all)
        moved = set(was_called.values())  # such a claim keeps its old id until it is judged under the new one
        renamed = [old for new, old in was_called.items() if new in now.claims]
        lock = with_keys_of_today(lock, self._all)
        return merged(lock, now, [*(set(self._lost(lock)) - moved), *renamed], was_called)

    def _lost(self, lock: Lock) -> list[str]:
        return [name for name in lock.claims if self.within(name) and name not in self.specs]

    @property
    def _all(self) -> Mapping[str, Identity]:
        return {**self.everywhere(), **self.specs}


def held_to(lock: Lock, project: Project, names: Sequence[str], keyword: str | None = None) -> LockCheck:
    """Return the check of a run against the lock, for claims named by files, folders, ids and a ``-k`` expression."""
    files = [Path(name.partition("::")[0]) for name in names]
    matches = matcher(keyword) if keyword else lambda name: True
    within: Callable[[str], bool] = lambda name: is_named(project, names, name) and matches(name)  # noqa: E731
    return LockCheck(lock, stated(collect(project, files)), cache(lambda: stated_in(project)), within)


def stated_in(project: Project) -> dict[str, Identity]:
    """Return what all specs of a project state; nothing where it has no specs left."""
    return stated(collect(project)) if spec_files(project, ()) else {}
