"""What the pytest plugin keeps of a run: one file for all workers, and the seconds that claims share."""

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
    """Writes down the claims that come with reports, from this process or from workers of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.records: dict[Path, Record] = {}
        """By the root of the project: each keeps its own runs."""
        self.shared: dict[tuple[str, str], dict[str, float]] = {}
        """By project, recipe and phase, the seconds that its claims share."""
        self.claims: set[tuple[str, str]] = set()
        """Those that were judged, by project and id."""
        self.trouble = ""
        """Why a run could not be written; it goes on all the same."""
        self.changes: list[Change] = []
        """What is not as it was locked."""
        self.wrong: list[tuple[str, str, str]] = []
        """Claims that failed: the root of their project, their id, and why in a line."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._take_changes(report)
        claims: Sequence[dict[str, Any]] = getattr(report, "neuronspec_claims", ())
        if not claims:
            return
        with self._told_of_trouble():
            self._recorded(Path(report.neuronspec_root)).add(claims)
        for claim in claims:
            self.claims.add((report.neuronspec_root, claim["id"]))
            spent = self.shared.setdefault((report.neuronspec_root, claim["recipe"]), {})
            for phase, seconds in claim["shared"].items():
                spent[phase] = spent.get(phase, 0.0) + seconds

    def _take_changes(self, report: pytest.TestReport) -> None:
        told = getattr(report, "neuronspec_changes", ())
        if told:
            from neuronspec.ledger.changes import Change

            self.changes += [change for change in (Change(*one) for one in told) if change not in self.changes]
        if hasattr(report, "neuronspec_wrong"):
            self.wrong.append(tuple(report.neuronspec_wrong))

    @contextmanager
    def _told_of_trouble(self) -> Iterator[None]:
        """Go on where a run cannot be written: what is verified is still shown, and the end says so."""
        try:
            yield
        except NeuronspecError as error:
            self.trouble = str(error)

    def _recorded(self, root: Path) -> Record:
        if root not in self.records:
            from neuronspec.files import keep_out_of_git
            from neuronspec.ledger.circumstances import environment
            from neuronspec.ledger.runs import Record, new_file
            from neuronspec.project import Project

            file, jobs = (self.config.getoption(f"neuronspec_{option}") for option in ("json", "jobs"))
            if file and self.records:
                raise ProjectError(f"{file} holds the run of {next(iter(self.records))}: {root} is another project")
            kept = new_file(runs_folder(self.config, Project.at(root)))
            keep_out_of_git(store_of(self.config, Project.at(root)))
            self.records[root] = Record(kept, environment(root, jobs=jobs), copy=file)
        return self.records[root]

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        whole = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        complete = whole and not session.shouldfail and not session.shouldstop
        for record in self.records.values():
            with self._told_of_trouble():
                record.write(complete)
        if self.trouble:
            session.exitstatus = pytest.ExitCode.INTERRUPTED  # 2, as the command

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None]:
        """Let ``--durations`` show shared work as such: no claim is charged with it; and say what changed."""
        told = [self._told(recipe, spent) for (_, recipe), spent in self.shared.items()]
        passed_quietly = terminalreporter.stats.setdefault("", [])
        passed_quietly += told
        yield
        del passed_quietly[len(passed_quietly) - len(told) :]
        self._say_changes(terminalreporter)

    def _say_changes(self, terminalreporter: Any) -> None:
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
            told = [github.annotation(Path(root), id, says) for root, id, says in self.wrong]
            terminalreporter.write_line("\n".join(told))

    def _told(self, recipe: str, spent: Mapping[str, float]) -> SimpleNamespace:
        phases = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in spent.items())
        return SimpleNamespace(when="shared", duration=sum(spent.values()), nodeid=f"{recipe}: {phases}")


def own_seconds(result: Result) -> float:
    """Return the seconds of work that a claim did not share with others."""
    return result.seconds["total"] - sum(result.shared.values())


def properties(result: Result, claim: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return what JUnit is to know of a claim: verdict, value, interval (as a lock has it), controls and seconds."""
    from neuronspec.ledger.lock import locked

    settled = result.settled
    told: dict[str, object] = {"verdict": result.verdict, "value": settled.value}
    told |= {"interval": "{} to {}".format(*locked(claim).interval)}
    told |= {"over seeds": "{} to {}".format(*settled.interval), "bound": result.question.claim.bound}
    told |= {f"control {name}": value for name, value in result.controls.items()}
    told |= {"seconds": round(own_seconds(result), 4), "shared seconds": round(sum(result.shared.values()), 4)}
    return [(f"neuronspec {name}", value) for name, value in told.items()]


def runs_folder(config: pytest.Config, project: Project) -> Path:
    """Return where runs are kept."""
    from neuronspec.ledger.runs import folder_of

    named: Path | None = config.getoption("neuronspec_runs")
    return named or folder_of(store_of(config, project))


def store_of(config: pytest.Config, project: Project) -> Path:
    """Return where networks are kept."""
    store: Path | None = config.getoption("neuronspec_store")
    return store.resolve() if store else project.store


def check_writable(config: pytest.Config, project: Project) -> None:
    """Raise ProjectError, before any work is done, where the run could not be kept."""
    from neuronspec.ledger.runs import new_file

    new_file(runs_folder(config, project))
