"""Claims held to the lock file in pytest: what vanished is a test that fails, under the name it had."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from neuronspec.errors import NeuronspecError
from neuronspec.ledger import NAME

if TYPE_CHECKING:
    from neuronspec.collection import Question
    from neuronspec.ledger.changes import Change, LockCheck
    from neuronspec.ledger.lock import Lock
    from neuronspec.project import Project


class Unexpected(Exception):
    """A claim did not come out as its spec says, or not as it was locked."""


class VanishedItem(pytest.Item):
    """A claim that is locked and that no spec states any more."""

    def __init__(self, *, change: Change, root: Path, **node: Any) -> None:
        super().__init__(**node)
        self.root = root
        self.claim_id, self.change, self.changes = change.id, change, [change]

    def runtest(self) -> None:
        raise Unexpected(f"lock: {self.change.says}; `neuronspec lock --update` accepts it")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.change.id.partition("::")[2]


def check_options(config: pytest.Config) -> None:
    """Refuse what a lock says nothing about."""
    for option in ("seeds", "full"):
        if config.getoption("neuronspec_lock") and config.getoption(f"neuronspec_{option}"):
            raise pytest.UsageError(
                f"--neuronspec-lock holds for the networks that the specs name: leave out --neuronspec-{option}"
            )


def held_of(config: pytest.Config, project: Project, file: Path, questions: Sequence[Question]) -> LockCheck | None:
    """Return what the claims of a file are held to; None where no lock was asked for."""
    if not config.getoption("neuronspec_lock"):
        return None
    from neuronspec.ledger.changes import LockCheck, stated, stated_in

    shown, everywhere = project.shown(file.resolve()), cache(lambda: stated_in(project))
    return LockCheck(_lock(config, project), stated(questions), everywhere, lambda id: id.partition("::")[0] == shown)


def _lock(config: pytest.Config, project: Project) -> Lock:
    """The lock of a project, read once."""
    from neuronspec.ledger.lock import read

    known = config.stash.setdefault(LOCKS, {})
    if project.root not in known:
        known[project.root] = read(project.root / NAME)
    return known[project.root]


LOCKS = pytest.StashKey[dict[Path, "Lock"]]()


def of_lost_files(session: pytest.Session, project: Project, collected: Collection[Path]) -> Sequence[VanishedItem]:
    """Return an item for each locked claim whose file is no spec file any more, where this run would have run it."""
    from neuronspec.collection import is_named, spec_files
    from neuronspec.ledger.changes import LockCheck, stated_in

    if not (project.root / NAME).exists():
        return []
    here, known = session.config.invocation_params.dir, {*spec_files(project, ()), *collected}
    names = [str(here / arg) for arg in session.config.args]

    def lost(name: str) -> bool:
        return project.root / name.partition("::")[0] not in known and is_named(project, names, name)

    held = LockCheck(_lock(session.config, project), {}, cache(lambda: stated_in(project)), lost)
    try:
        return [
            VanishedItem.from_parent(session, name=c.id, nodeid=c.id, change=c, root=project.root) for c in held.gone()
        ]
    except NeuronspecError as error:  # another file may hold what this one lost, and cannot be read
        raise pytest.UsageError(str(error)) from None
