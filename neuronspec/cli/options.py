"""What several commands share: options and their reading, and verifying claims into a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronspec.collection import Question
from neuronspec.errors import ProjectError
from neuronspec.files import keep_out_of_git
from neuronspec.project import Project

if TYPE_CHECKING:
    from neuronspec.ledger.runs import Record


def seeds_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Other seeds than the specs name: how many (5), or from:to (1000:1010)."
    return click.option("--seeds", metavar="N|FROM:TO", help=text)(command)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    jobs = click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes to use [default: all cores].")
    store = click.option(
        "--store", type=click.Path(path_type=Path), metavar="DIR", help="Store of networks [.neuronspec]."
    )
    return jobs(store(command))


def corpus_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Make a task from the lines of a text file, e.g. positioning=lines.txt."
    return click.option("--corpus", "corpora", multiple=True, metavar="TASK=FILE", help=text)(command)


def runs_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Where the run is kept [STORE/runs]."
    return click.option("--runs", type=click.Path(path_type=Path), metavar="DIR", help=text)(command)


def record_of(project: Project, runs: Path | None, jobs: int | None, json_file: Path | None = None) -> Record:
    """Return the record of a run that begins now, kept with the other runs and in a file that the user names."""
    from neuronspec.ledger.circumstances import environment
    from neuronspec.ledger.runs import Record, folder_of, new_file

    keep_out_of_git(project.store)
    copy = None if str(json_file) == "-" else json_file
    return Record(new_file(runs or folder_of(project.store)), environment(project.root, project.corpora, jobs), copy)


def verified(
    project: Project, questions: Sequence[Question], runs: Path | None, jobs: int | None
) -> list[dict[str, Any]]:
    """Verify claims, keep the run, and return its claims as JSON data."""
    from neuronspec import runner, terminal
    from neuronspec.ledger.runs import recorded

    record = record_of(project, runs, jobs)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        for _ in recorded(record, runner.verify(project, questions, jobs, watcher), watcher):
            pass
    return record.claims


def read_corpora(options: Sequence[str]) -> dict[str, Path]:
    """``positioning=lines.txt`` -> the file of each task."""
    corpora: dict[str, Path] = {}
    for option in options:
        name, equals, file = option.partition("=")
        if not (name and equals and file):
            raise ProjectError(f"--corpus {option}: expected TASK=FILE, e.g. positioning=lines.txt")
        if name in corpora:
            raise ProjectError(f"--corpus {option}: {name} has a corpus already, {corpora[name]}")
        corpora[name] = Path(file)
    return corpora


def project_of(names: Sequence[str], store: Path | None, corpora: Sequence[str] = ()) -> Project:
    """Return the project of files, folders and ids; without any, the project of the current folder."""
    paths = [Path(name.partition("::")[0]) for name in names]
    starts = [path if path.is_dir() else path.parent for path in paths] or [Path()]
    project, *others = [Project.at(start) for start in starts]
    for other in others:
        if other.root != project.root:
            raise ProjectError(f"{project.root} and {other.root} are two projects: verify them one by one")
    if corpora:
        project = project.with_corpora(read_corpora(corpora))
    return replace(project, store=store.resolve()) if store else project
