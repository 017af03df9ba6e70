"""The record of a pytest run: one file for all workers, and the seconds of work that claims share."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from neuronspec.errors import NeuronspecError, ProjectError
from neuronspec.ledger import NAME

if TYPE_CHECKING:
    from neuronspec.ledger.changes import Change
    from neuronspec.ledger.runs import Record
    from neuronspec.project import Project
    from neuronspec.runner import Result


class RunRecorder:
    """Records the claims that reports carry, from this process or from workers of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.records: dict[Path, Record] = {}
        """By project root: each project keeps its own runs."""
        self.shared: dict[tuple[str, str], dict[str, float]] = {}
        """Seconds that claims share, by project and recipe, then by phase."""
        self.claims: set[tuple[str, str]] = set()
        """The claims that were judged, by project and id."""
        self.trouble = ""
        """Why a run could not be written; pytest goes on all the same."""
        self.changes: list[Change] = []
        """How claims differ from the lock."""
        self.wrong: list[tuple[str, str, str]] = []
        """Claims that failed: project root, id, and the reason in one line."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._take_changes(report)
        claims: Sequence[dict[str, Any]] = getattr(report, "neuronspec_claims", ())
        if not claims:
            return
        with self._noting_trouble():
            self._record_of(Path(report.neuronspec_root)).add(claims)
        for claim in claims:
            self.claims.add((report.neuronspec_root, claim["id"]))
            spent = self.shared.setdefault((report.neuronspec_root, claim["recipe"]), {})
            for phase, seconds in claim["shared"].items():
                spent[phase] = spent.get(phase, 0.0) + seconds

    def _take_changes(self, report: pytest.TestReport) -> None:
        changes = getattr(report, "neuronspec_changes", ())
        if changes:
            from neuronspec.ledger.changes import Change

            self.changes += [change for change in (Change(*fields) for fields in changes) if change not in self.changes]
        if hasattr(report, "neuronspec_wrong"):
            self.wrong.append(tuple(report.neuronspec_wrong))

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        """Go on where a run cannot be written: results are still shown, and the trouble at the end."""
        try:
            yield
        except NeuronspecError as error:
            self.trouble = str(error)

    def _record_of(self, root: Path) -> Record:
        if root not in self.records:
            from neuronspec.files import keep_out_of_git
            from neuronspec.ledger.circumstances import environment
            from neuronspec.ledger.runs import Record, new_file
            from neuronspec.project import Project

            file, jobs = (self.config.getoption(f"neuronspec_{option}") for option in ("json", "jobs"))
            if file and self.records:
                raise ProjectError(f"{file} holds the run of {next(iter(self.records))}: {root} is another project")
            run_file = new_file(runs_folder(self.config, Project.at(root)))
            keep_out_of_git(store_of(self.config, Project.at(root)))
            self.records[root] = Record(run_file, environment(root, jobs=jobs), copy=file)
        return self.records[root]

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        whole = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        complete = whole and not session.shouldfail and not session.shouldstop
        for record in self.records.values():
            with self._noting_trouble():
                record.write(complete)
        if self.trouble:
            session.exitstatus = pytest.ExitCode.INTERRUPTED  # 2, as the command

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None]:
        """List shared work by itself in ``--durations``, charged to no claim, and print changes since the lock.

        pytest keeps reports that it neither counts nor shows under "". The rows stay while it lists durations.
        """
        shared_rows = [self._shared_row(recipe, spent) for (_, recipe), spent in self.shared.items()]
        unlisted = terminalreporter.stats.setdefault("", [])
        unlisted += shared_rows
        yield
        del unlisted[len(unlisted) - len(shared_rows) :]
        self._print_changes(terminalreporter)

    def _print_changes(self, terminalreporter: Any) -> None:
        if self.config.getoption("neuronspec_lock") and self.changes:
            from neuronspec.terminal import changes

            terminalreporter.section(f"held to {NAME}")
            terminalreporter.write_line(changes(self.changes, len(self.claims)))
        elif self.config.getoption("neuronspec_lock") and not self.records and not self.config.option.collectonly:
            terminalreporter.write_line("lock: no claim was held to it")
        if self.trouble:
            terminalreporter.write_line(f"neuronspec: {self.trouble}", red=True)
        if self.wrong:
            self._annotate(terminalreporter)

    def _annotate(self, terminalreporter: Any) -> None:
        from neuronspec import github

        if github.wanted():
            annotations = [github.annotation(Path(root), id, says) for root, id, says in self.wrong]
            terminalreporter.write_line("\n".join(annotations))

    def _shared_row(self, recipe: str, spent: Mapping[str, float]) -> SimpleNamespace:
        phases = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in spent.items())
        return SimpleNamespace(when="shared", duration=sum(spent.values()), nodeid=f"{recipe}: {phases}")


def own_seconds(result: Result) -> float:
    """Return the seconds of work that a claim shared with no other."""
    return result.seconds["total"] - sum(result.shared.values())


def properties(result: Result, claim: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the JUnit properties of a claim: verdict, value, interval (as in a lock), controls and seconds."""
    from neuronspec.ledger.lock import locked

    settled = result.settled
    values: dict[str, object] = {"verdict": result.verdict, "value": settled.value}
    values |= {"interval": "{} to {}".format(*locked(claim).interval)}
    values |= {"over seeds": "{} to {}".format(*settled.interval), "bound": result.question.claim.bound}
    values |= {f"control {name}": value for name, value in result.controls.items()}
    values |= {"seconds": round(own_seconds(result), 4), "shared seconds": round(sum(result.shared.values()), 4)}
    return [(f"neuronspec {name}", value) for name, value in values.items()]


def runs_folder(config: pytest.Config, project: Project) -> Path:
    """Return the folder of runs."""
    from neuronspec.ledger.runs import folder_of

    folder: Path | None = config.getoption("neuronspec_runs")
    return folder or folder_of(store_of(config, project))


def store_of(config: pytest.Config, project: Project) -> Path:
    """Return the folder of stored networks."""
    store: Path | None = config.getoption("neuronspec_store")
    return store.resolve() if store else project.store


def check_writable(config: pytest.Config, project: Project) -> None:
    """Raise ProjectError, before any work is done, where the run could not be kept."""
    from neuronspec.ledger.runs import new_file

    new_file(runs_folder(config, project))
