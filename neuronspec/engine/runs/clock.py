"""Where the time of an examination goes: by phase, and by claim."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Seconds: TypeAlias = dict[str, float]
"""By phase."""


@dataclass
class Clock:
    """Seconds by phase; a phase inside another is counted once, as the inner one.

    Work whose result several claims use is *shared*: it has a name, and its seconds are split equally between them.
    Example: two claims need a trace of 4 s, so that each bears 2 s, though only the first waited for it.
    """

    claim: int = -1
    """Which claim is being judged; -1 before the first."""
    _spent: dict[Hashable, Seconds] = field(default_factory=dict)
    _askers: dict[Hashable, set[Hashable]] = field(default_factory=dict)
    """Of each shared work: the claims, and the other shared works, that use it."""
    _open: list[tuple[str, Hashable]] = field(default_factory=list)
    _since: float = 0.0

    @contextmanager
    def phase(self, name: str, shared: Hashable = None) -> Iterator[None]:
        """Charge the time inside the block to a phase: of the current claim, or of the named shared work."""
        asker = self._open[-1][1] if self._open else self.claim
        account = asker if shared is None else ("shared", shared)
        if account != asker:
            self._askers.setdefault(account, set()).add(asker)
        self._charge()
        self._open.append((name, account))
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        """Charge the time up to now to the innermost phase."""
        now = time.perf_counter()
        if self._open:
            name, account = self._open[-1]
            spent = self._spent.setdefault(account, {})
            spent[name] = spent.get(name, 0.0) + now - self._since
        self._since = now

    def own(self, claim: int) -> Seconds:
        """Return the seconds that a claim took by itself."""
        return dict(self._spent.get(claim, {}))

    def shares(self, claims: int) -> list[Seconds]:
        """Return each claim's part of the shared work; work that none of them used is split between all."""
        parts: list[Seconds] = [{} for _ in range(claims)]
        for account, spent in self._spent.items():
            if isinstance(account, int) and account >= 0:
                continue
            bearers = [claim for claim in self._bearers(account, set()) if 0 <= claim < claims] or range(claims)
            for claim in bearers:
                for phase, seconds in spent.items():
                    parts[claim][phase] = parts[claim].get(phase, 0.0) + seconds / len(bearers)
        return parts

    def _bearers(self, account: Hashable, seen: set[Hashable]) -> set[int]:
        """The claims that used a work, or another work that needed it."""
        if isinstance(account, int):
            return {account}
        seen.add(account)
        askers = self._askers.get(account, set()) - seen
        return {claim for asker in askers for claim in self._bearers(asker, seen)}
