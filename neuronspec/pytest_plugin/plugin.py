"""The pytest plugin: every claim of ``spec_*.py`` is a test.

Every pytest run imports it where neuronspec is installed. So everything else is imported only once it is needed.
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
from neuronspec.pytest_plugin.lock import Unexpected, VanishedItem, check_of, check_options, vanished_items
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
    """Refuse wrong options now: they would fail only at the end of the run, or never."""
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
        config.pluginmanager.register(RunRecorder(config), "neuronspec-recorder")


def _is_worker(config: pytest.Config) -> bool:
    """Whether this is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, list[Any], list[Any]]:
    """Collect a spec file only as such: named on the command line, pytest would also collect it as a test module."""
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
    # one object per root, so that its tasks are loaded once
    return config.stash.setdefault(PROJECTS, {}).setdefault(project.root, project)


PROJECTS = pytest.StashKey[dict[Path, "Project"]]()


class SpecFile(pytest.File):
    """A file of specs."""

    def collect(self) -> Iterable[SpecNode]:
        from neuronspec.collection import read, read_seeds

        project, seeds = _project(self.config, self.path), self.config.getoption("neuronspec_seeds")
        try:
            if not self.config.option.collectonly:
                check_writable(self.config, project)
            questions = read(
                project, self.path, read_seeds(seeds) if seeds else None, self.config.getoption("neuronspec_full")
            )
            lock_check = check_of(self.config, project, self.path, questions)
            gone = lock_check.gone() if lock_check else []
        except NeuronspecError as error:
            raise self.CollectError(str(error)) from None
        named = [question.spec_id for question in questions] + [change.spec_id for change in gone]
        for spec in dict.fromkeys(named):
            of_spec = [question for question in questions if question.spec_id == spec]
            lost = [change for change in gone if change.spec_id == spec]
            name = spec.rpartition("::")[2]
            yield SpecNode.from_parent(
                self, name=name, questions=of_spec, project=project, lock_check=lock_check, gone=lost
            )


class SpecNode(pytest.Collector):
    """One spec."""

    def __init__(
        self,
        *,
        questions: list[Question],
        project: Project,
        lock_check: LockCheck | None,
        gone: list[Change],
        **node: Any,
    ) -> None:
        super().__init__(**node)
        self.questions, self.project, self.lock_check, self.gone = questions, project, lock_check, gone

    def collect(self) -> Iterable[pytest.Item]:
        for question in self.questions:
            yield ClaimItem.from_parent(
                self, name=question.sentence, question=question, project=self.project, lock_check=self.lock_check
            )
        for change in self.gone:
            name = change.id.rpartition("::")[2]
            yield VanishedItem.from_parent(self, name=name, change=change, root=self.project.root)


class ClaimItem(pytest.Item):
    """One claim."""

    def __init__(self, *, question: Question, project: Project, lock_check: LockCheck | None, **node: Any) -> None:
        super().__init__(**node)
        self.question, self.project, self.lock_check = question, project, lock_check
        self.claim_id, self.root = question.id, project.root
        self.key = (project.root, question.id)
        self.result: Result | None = None
        self.changes: list[Change] = []

    def runtest(self) -> None:
        from neuronspec.terminal import explain, headline

        answers = _answers(self.session)
        self.result = answers.of(self)
        self.user_properties += properties(self.result, answers.as_json[self.key])
        self.changes = self.lock_check.changes([answers.as_json[self.key]]) if self.lock_check else []
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
    """Add locked claims whose spec files are gone; first of all hooks, so that -k applies to them too."""
    if session.config.getoption("neuronspec_lock"):
        for folder in (session.config.rootpath, session.config.invocation_params.dir):
            _project(session.config, folder / NAME)  # a project may have lost all its spec files
        collected = {item.path.resolve() for item in items if isinstance(item, ClaimItem | VanishedItem)}
        for project in session.config.stash.get(PROJECTS, {}).values():
            items += vanished_items(session, project, collected)


class Answers:
    """The results of this session: each recipe is verified once, with all of its selected claims."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session
        self.results: dict[tuple[Path, str], Result] = {}
        """By project root and id: two projects may have the same ids."""
        self.errors: dict[tuple[Path, str], NeuronspecError] = {}
        self.as_json: dict[tuple[Path, str], dict[str, Any]] = {}
        """The results as JSON data."""
        self.to_report: list[dict[str, Any]] = []
        """Results that travel with the next report: only so they reach the run's file from a worker."""

    def of(self, item: ClaimItem) -> Result:
        """Return the result of an item, after verifying all selected claims about the same networks."""
        recipe = (item.project.root, item.question.recipe)
        if recipe in self.errors:
            raise self.errors[recipe]
        if item.key not in self.results:
            try:
                self._verify(item)
            except NeuronspecError as error:
                self.errors[recipe] = error
                raise
        return self.results[item.key]

    def _verify(self, item: ClaimItem) -> None:
        from neuronspec.ledger.record import claim_json
        from neuronspec.runner import verify

        watcher = _watcher_for(item)
        selected = [
            candidate.question
            for candidate in self.session.items
            if isinstance(candidate, ClaimItem)
            and candidate.project == item.project
            and candidate.question.recipe == item.question.recipe
        ]
        for results in verify(item.project, selected, _jobs(self.session.config), watcher):
            self.results |= {(item.project.root, result.question.id): result for result in results}
            as_json = {(item.project.root, result.question.id): claim_json(result) for result in results}
            self.as_json |= as_json
            self.to_report += as_json.values()


ANSWERS = pytest.StashKey[Answers]()


def _answers(session: pytest.Session) -> Answers:
    return session.stash.setdefault(ANSWERS, Answers(session))


def _watcher_for(item: ClaimItem) -> Watcher:
    """A watcher that announces training in the terminal, as a first run can take a while."""
    from neuronspec.watcher import Watcher

    config = item.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")

    class Terminal(Watcher):
        announced = ""

        def training(self, recipe: str, done: int, total: int) -> None:
            if recipe != self.announced and reporter is not None and reporter.verbosity >= 0:
                self.announced = recipe
                with capture.global_and_fixture_disabled() if capture else nullcontext():
                    reporter.ensure_newline()
                    reporter.write_line(f"neuronspec: training {recipe}, once")
                    if reporter.showfspath:  # start the row of letters again
                        reporter.write_fspath_result(item.nodeid, "")

    return Terminal()


def _jobs(config: pytest.Config) -> int | None:
    """The number given by option; else all cores (None), or one in each worker of pytest-xdist."""
    jobs: int | None = config.getoption("neuronspec_jobs")
    return jobs or (1 if _is_worker(config) else None)


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
    """Show failures by verdict: undecided, unlearnt, unspecific and refuted have a letter and a word of their own."""
    verdict = getattr(report, "neuronspec_verdict", "")
    if report.failed and verdict in LETTERS:
        return "failed", LETTERS[verdict], verdict.upper()
    return None


# With pytest-xdist.


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run the claims of one recipe on one worker, so that its networks are examined once."""
    if config.getvalue("dist") != "load" or not _names_specs(config):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByRecipe(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _recipe_of(config, nodeid) or nodeid

    return ByRecipe(config, log)


def _names_specs(config: pytest.Config) -> bool:
    """Whether this run may collect specs; other runs keep the scheduling of pytest-xdist."""
    from neuronspec.project import Project

    folders = Project.at(config.rootpath).specs
    paths = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(
        path.name.startswith("spec_") or any(f.is_relative_to(path) or path.is_relative_to(f) for f in folders)
        for path in paths
    )


def _recipe_of(config: pytest.Config, nodeid: str) -> str:
    """The recipe that a claim is about; empty for any other test."""
    from neuronspec.collection import read

    file = config.rootpath / nodeid.partition("::")[0]
    if not file.name.startswith("spec_") or nodeid.count("::") < 2:
        return ""
    recipes = config.stash.setdefault(RECIPES, {})
    if file not in recipes:
        try:
            questions = read(_project(config, file), file)
        except NeuronspecError:
            questions = []
        recipes[file] = {question.spec_id.rpartition("::")[2]: question.recipe for question in questions}
    return recipes[file].get(nodeid.split("::")[1], "")


RECIPES = pytest.StashKey[dict[Path, dict[str, str]]]()
