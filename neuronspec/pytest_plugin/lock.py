"""The lock file in pytest: a claim that vanished is a failing test under its locked name."""

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
    """A claim did not come out as its spec says, or differs from the lock."""


class VanishedItem(pytest.Item):
    """A locked claim that no spec states any more."""

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
    """Refuse options under which a run cannot be compared with the lock."""
    for option in ("seeds", "full"):
        if config.getoption("neuronspec_lock") and config.getoption(f"neuronspec_{option}"):
            raise pytest.UsageError(
                f"--neuronspec-lock holds for the networks that the specs name: leave out --neuronspec-{option}"
            )


def check_of(config: pytest.Config, project: Project, file: Path, questions: Sequence[Question]) -> LockCheck | None:
    """Return the check of a file's claims against the lock; None without ``--neuronspec-lock``."""
    if not config.getoption("neuronspec_lock"):
        return None
    from neuronspec.ledger.changes import LockCheck, stated, stated_in

    shown, everywhere = project.shown(file.resolve()), cache(lambda: stated_in(project))
    return LockCheck(_lock(config, project), stated(questions), everywhere, lambda id: id.partition("::")[0] == shown)


def _lock(config: pytest.Config, project: Project) -> Lock:
    """The lock of a project, read once per session."""
    from neuronspec.ledger.lock import read

    locks = config.stash.setdefault(LOCKS, {})
    if project.root not in locks:
        locks[project.root] = read(project.root / NAME)
    return locks[project.root]


LOCKS = pytest.StashKey[dict[Path, "Lock"]]()


def vanished_items(session: pytest.Session, project: Project, collected: Collection[Path]) -> Sequence[VanishedItem]:
    """Return an item for each locked claim that this run names and whose spec file is gone."""
    from neuronspec.collection import is_named, spec_files
    from neuronspec.ledger.changes import LockCheck, stated_in

    if not (project.root / NAME).exists():
        return []
    here, spec_files_left = session.config.invocation_params.dir, {*spec_files(project, ()), *collected}
    names = [str(here / arg) for arg in session.config.args]

    def vanished(name: str) -> bool:
        return project.root / name.partition("::")[0] not in spec_files_left and is_named(project, names, name)

    check = LockCheck(_lock(session.config, project), {}, cache(lambda: stated_in(project)), vanished)
    try:
        return [
            VanishedItem.from_parent(session, name=c.id, nodeid=c.id, change=c, root=project.root) for c in check.gone()
        ]
    except NeuronspecError as error:  # a claim may have moved to another file, and that file cannot be read
        raise pytest.UsageError(str(error)) from None
