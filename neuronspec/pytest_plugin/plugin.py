"""The pytest plugin: every claim of ``spec_*.py`` is a test.

It is imported by every pytest run where neuronspec is installed, so it loads nothing that is not needed until a
claim runs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from neuronspec.errors import NeuronspecError
from neuronspec.ledger import NAME
from neuronspec.pytest_plugin.lock import Unexpected, VanishedItem, check_options, held_of, of_lost_files
from neuronspec.pytest_plugin.run import RunRecorder, check_writable, own_seconds, properties, store_of

if TYPE_CHECKING:
    from neuronspec.collection import Question
    from neuronspec.ledger.changes import Change, LockCheck
    from neuronspec.project import Project
    from neuronspec.runner import Result
    from neuronspec.watcher import Watcher

LETTERS = {"undecided": "u", "unlearnt": "l", "unspecific": "s", "refuted": "r", "error": "E"}
"""How a verdict shows in the row of dots, where the spec says otherwise; upper case for an error."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("neuronspec", "claims about recurrent networks (spec_*.py)")
    group.addoption(
        "--neuronspec-json", metavar="FILE", type=Path, help="write the run to FILE, as `neuronspec verify --json`"
    )
    group.addoption("--neuronspec-seeds", metavar="N|FROM:TO", help="other seeds than the specs name: 5, or 1000:1010")
    group.addoption("--neuronspec-full", action="store_true", help="take every recipe at the size of its source")
    group.addoption("--neuronspec-jobs", metavar="N", type=int, help="processes to use [all cores; 1 with pytest -n]")
    group.addoption("--neuronspec-store", metavar="DIR", type=Path, help="where networks are kept [.neuronspec]")
    group.addoption("--neuronspec-lock", action="store_true", help=f"fail where a claim is not as {NAME} has it")
    group.addoption("--neuronspec-runs", metavar="DIR", type=Path, help="where the run is kept [STORE/runs]")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that would only fail at the end, or never."""
    file, jobs = config.getoption("neuronspec_json"), config.getoption("neuronspec_jobs")
    if jobs is not None and jobs < 1:
        raise pytest.UsageError(f"--neuronspec-jobs {jobs}: expected a whole number above 0")
    if file is not None:
        from neuronspec.files import check_target

        try:
            check_target(file)
        except NeuronspecError as error:
            raise pytest.UsageError(f"--neuronspec-json: {error}") from None
    check_options(config)
    if not _is_worker(config):
        config.pluginmanager.register(RunRecorder(config), "neuronspec-keeper")


def _is_worker(config: pytest.Config) -> bool:
    """Whether this is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, list[Any], list[Any]]:
    """Collect a spec file as one, and only as one: named on the command line, pytest would read it as tests too."""
    collectors = yield
    if file_path.suffix == ".py" and file_path.name.startswith("spec_") and _is_ours(file_path, parent):
        return [SpecFile.from_parent(parent, path=file_path)]
    return collectors


def _is_ours(file: Path, parent: pytest.Collector) -> bool:
    if parent.session.isinitpath(file):
        return True
    project = _project(parent.config, file)
    return any(file.resolve().is_relative_to(folder.resolve()) for folder in project.specs)


def _project(config: pytest.Config, file: Path) -> Project:
    from neuronspec.project import Project

    try:
        project = Project.at(file.parent)
    except NeuronspecError as error:
        raise pytest.UsageError(str(error)) from None
    project = replace(project, store=store_of(config, project))
    return config.stash.setdefault(PROJECTS, {}).setdefault(project.root, project)  # it has read its tasks


PROJECTS = pytest.StashKey[dict[Path, "Project"]]()


class SpecFile(pytest.File):
    """A file of specs."""

    def collect(self) -> Iterable[SpecNode]:
        from neuronspec.collection import read, read_seeds

        project, seeds = _project(self.config, self.path), self.config.getoption("neuronspec_seeds")
        try:
            if not self.config.option.collectonly:
                check_writable(self.config, project)
            found = read(
                project, self.path, read_seeds(seeds) if seeds else None, self.config.getoption("neuronspec_full")
            )
            held = held_of(self.config, project, self.path, found)
            gone = held.gone() if held else []
        except NeuronspecError as error:
            raise self.CollectError(str(error)) from None
        named = [question.spec_id for question in found] + [change.spec_id for change in gone]
        for spec in dict.fromkeys(named):
            mine = [question for question in found if question.spec_id == spec]
            lost = [change for change in gone if change.spec_id == spec]
            name = spec.rpartition("::")[2]
            yield SpecNode.from_parent(self, name=name, questions=mine, project=project, held=held, gone=lost)


class SpecNode(pytest.Collector):
    """One spec."""

    def __init__(
        self, *, questions: list[Question], project: Project, held: LockCheck | None, gone: list[Change], **node: Any
    ) -> None:
        super().__init__(**node)
        self.questions, self.project, self.held, self.gone = questions, project, held, gone

    def collect(self) -> Iterable[pytest.Item]:
        for question in self.questions:
            yield ClaimItem.from_parent(
                self, name=question.sentence, question=question, project=self.project, held=self.held
            )
        for change in self.gone:
            name = change.id.rpartition("::")[2]
            yield VanishedItem.from_parent(self, name=name, change=change, root=self.project.root)


class ClaimItem(pytest.Item):
    """One claim."""

    def __init__(self, *, question: Question, project: Project, held: LockCheck | None, **node: Any) -> None:
        super().__init__(**node)
        self.question, self.project, self.held = question, project, held
        self.claim_id, self.root = question.id, project.root
        self.place = (project.root, question.id)
        self.result: Result | None = None
        self.changes: list[Change] = []

    def runtest(self) -> None:
        from neuronspec.terminal import explain, headline

        answers = _answers(self.session)
        self.result = answers.of(self)
        self.user_properties += properties(self.result, answers.told[self.place])
        self.changes = self.held.changes([answers.told[self.place]]) if self.held else []
        wrong = [headline(self.result)] if self.result.failed else []
        wrong += [f"lock: {change.says}" for change in self.changes if change.fails]
        if wrong:
            raise Unexpected(f"{'; '.join(wrong)}\n{explain(self.result)}")
        if not self.result.as_expected:
            pytest.skip(self.result.settled.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Unexpected | NeuronspecError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        spec = self.question.spec_id.rpartition("::")[2]
        return self.path, None, f"{spec}: {self.question.sentence}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add what was locked of files that are not there any more, before -k chooses."""
    if session.config.getoption("neuronspec_lock"):
        for folder in (session.config.rootpath, session.config.invocation_params.dir):
            _project(session.config, folder / NAME)  # one of which all spec files are gone
        collected = {item.path.resolve() for item in items if isinstance(item, ClaimItem | VanishedItem)}
        for project in session.config.stash.get(PROJECTS, {}).values():
            items += of_lost_files(session, project, collected)


class Answers:
    """What has been verified in this session: each recipe once, with all of its selected claims."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session
        self.results: dict[tuple[Path, str], Result] = {}
        """By project and id: two projects may have the same ids."""
        self.errors: dict[tuple[Path, str], NeuronspecError] = {}
        self.told: dict[tuple[Path, str], dict[str, Any]] = {}
        """The same as JSON."""
        self.to_report: list[dict[str, Any]] = []
        """What was found and goes with the next report: so it reaches the run's file from every worker."""

    def of(self, item: ClaimItem) -> Result:
        """Return the answer to an item's question, after verifying all selected claims about its networks."""
        about = (item.project.root, item.question.recipe)
        if about in self.errors:
            raise self.errors[about]
        if item.place not in self.results:
            try:
                self._verify(item)
            except NeuronspecError as error:
                self.errors[about] = error
                raise
        return self.results[item.place]

    def _verify(self, item: ClaimItem) -> None:
        from neuronspec.ledger.record import claim_json
        from neuronspec.runner import verify

        watcher = _told_about(item)
        together = [
            other.question
            for other in self.session.items
            if isinstance(other, ClaimItem)
            and other.project == item.project
            and other.question.recipe == item.question.recipe
        ]
        for results in verify(item.project, together, _jobs(self.session.config), watcher):
            self.results |= {(item.project.root, result.question.id): result for result in results}
            told = {(item.project.root, result.question.id): claim_json(result) for result in results}
            self.told |= told
            self.to_report += told.values()


ANSWERS = pytest.StashKey[Answers]()


def _answers(session: pytest.Session) -> Answers:
    return session.stash.setdefault(ANSWERS, Answers(session))


def _told_about(item: ClaimItem) -> Watcher:
    """A watcher that says in the terminal when networks begin to train: the first run can take a while."""
    from neuronspec.watcher import Watcher

    config = item.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")

    class Terminal(Watcher):
        said = ""

        def training(self, recipe: str, done: int, total: int) -> None:
            if recipe != self.said and reporter is not None and reporter.verbosity >= 0:
                self.said = recipe
                with capture.global_and_fixture_disabled() if capture else nullcontext():
                    reporter.ensure_newline()
                    reporter.write_line(f"neuronspec: training {recipe}, once")
                    if reporter.showfspath:  # begin the row of letters anew
                        reporter.write_fspath_result(item.nodeid, "")

    return Terminal()


def _jobs(config: pytest.Config) -> int | None:
    """As asked; else all cores, or one in each worker of pytest-xdist."""
    asked: int | None = config.getoption("neuronspec_jobs")
    return asked or (1 if _is_worker(config) else None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report: Any = yield
    if isinstance(item, ClaimItem | VanishedItem) and report.when == "call":
        report.neuronspec_changes = [(change.id, change.says, change.fails) for change in item.changes]
        if call.excinfo is not None and report.failed:
            says = str(call.excinfo.value).partition("\n")[0]
            report.neuronspec_wrong = str(item.root), item.claim_id, says
    if isinstance(item, ClaimItem) and item.result is not None and report.when == "call":
        report.neuronspec_verdict = item.result.verdict
        report.duration = own_seconds(item.result)
        answers = _answers(item.session)
        report.neuronspec_claims, answers.to_report = answers.to_report, []
        report.neuronspec_root = str(item.project.root)
    return report


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Show undecided, unlearnt, unspecific and refuted by their own letter and word; they are failures all the same."""
    verdict = getattr(report, "neuronspec_verdict", "")
    if report.failed and verdict in LETTERS:
        return "failed", LETTERS[verdict], verdict.upper()
    return None


# With pytest-xdist.


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the claims of one recipe on one worker, so that its networks are examined once."""
    if config.getvalue("dist") != "load" or not _names_specs(config):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByRecipe(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _recipe_of(config, nodeid) or nodeid

    return ByRecipe(config, log)


def _names_specs(config: pytest.Config) -> bool:
    """Whether this run may hold specs; other runs keep pytest-xdist's own scheduling."""
    from neuronspec.project import Project

    folders = Project.at(config.rootpath).specs
    named = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(
        path.name.startswith("spec_") or any(f.is_relative_to(path) or path.is_relative_to(f) for f in folders)
        for path in named
    )


def _recipe_of(config: pytest.Config, nodeid: str) -> str:
    """The recipe that a claim is about; empty for any other test."""
    from neuronspec.collection import read

    file = config.rootpath / nodeid.partition("::")[0]
    if not file.name.startswith("spec_") or nodeid.count("::") < 2:
        return ""
    known = config.stash.setdefault(RECIPES, {})
    if file not in known:
        try:
            questions = read(_project(config, file), file)
        except NeuronspecError:
            questions = []
        known[file] = {question.spec_id.rpartition("::")[2]: question.recipe for question in questions}
    return known[file].get(nodeid.split("::")[1], "")


RECIPES = pytest.StashKey[dict[Path, dict[str, str]]]()
