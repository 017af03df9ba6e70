"""Claims held to the lock file in pytest: what vanished is a test that fails, under the name it had."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from neuronspec.ledger import NAME

if TYPE_CHECKING:
    from neuronspec.ledger.changes import Change, Held
    from neuronspec.project import Project


class Unexpected(Exception):
    """A claim did not come out as its spec says, or not as it was locked."""


class GoneItem(pytest.Item):
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


def held_of(config: pytest.Config, project: Project, file: Path) -> Held | None:
    """Return what the claims of a file are held to; None where no lock was asked for."""
    if not config.getoption("neuronspec_lock"):
        return None
    from neuronspec.ledger.changes import held_to
    from neuronspec.ledger.lock import read

    known = config.stash.setdefault(HELD, {})
    if project.root not in known:
        known[project.root] = held_to(read(project.root / NAME), project, [])
    shown = project.shown(file.resolve())
    ours = held_to(known[project.root].lock, project, [str(file)]) if shown.startswith("/") else known[project.root]
    return replace(ours, within=lambda name: name.partition("::")[0] == shown)


HELD = pytest.StashKey[dict[Path, "Held"]]()


def of_lost_files(session: pytest.Session, project: Project) -> Sequence[GoneItem]:
    """Return an item for each locked claim whose file is not there any more, where this run would have run it."""
    from neuronspec.collection import is_named

    known = session.config.stash.get(HELD, {}).get(project.root)
    if known is None:
        return []
    here = session.config.invocation_params.dir
    names = [str(here / arg) for arg in session.config.args]
    lost = [c for c in known.gone() if not os.path.exists(project.root / c.id.partition("::")[0])]
    named = [change for change in lost if is_named(project, names, change.id)]
    return [
        GoneItem.from_parent(session, name=change.id, nodeid=change.id, change=change, root=project.root)
        for change in named
    ]
