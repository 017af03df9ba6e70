"""``verify`` and ``list``: the claims of a project, judged or only listed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuronspec import github
from neuronspec.cli.group import INTERRUPTED, main, reported
from neuronspec.cli.options import common_options, corpus_option, project_of, record_of, runs_option, seeds_option
from neuronspec.collection import Question, chosen, matching, named, read_seeds
from neuronspec.errors import ProjectError
from neuronspec.files import check_target
from neuronspec.ledger import NAME
from neuronspec.project import Project

if TYPE_CHECKING:
    from neuronspec.ledger.changes import LockCheck
    from neuronspec.ledger.runs import Record
    from neuronspec.runner import Result


@main.command()
@click.argument("paths", nargs=-1)
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@seeds_option
@click.option("--full", is_flag=True, help="Take every recipe at the size of its source.")
@corpus_option
@common_options
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the run; - for stdout."
)
@runs_option
@click.option("-v", "--verbose", is_flag=True, help="Explain every verdict: claim, controls, each network.")
@click.option("--lock", "held", is_flag=True, help=f"Fail where a claim is not as {NAME} has it.")
@click.option("--mutate", is_flag=True, help="Also judge each claim with something wrong on purpose.")
@reported
def verify(
    paths: tuple[str, ...],
    keyword: str | None,
    seeds: str | None,
    full: bool,
    corpora: tuple[str, ...],
    jobs: int | None,
    store: Path | None,
    json_file: Path | None,
    runs: Path | None,
    verbose: bool,
    held: bool,
    mutate: bool,
) -> None:
    """Verify the claims of spec files, folders or ids (all of the project's, without PATHS).

    Networks that are not in the store are trained first. The exit code is 0 when every claim came out as its
    spec says, 1 when one did not, 2 for an error in a spec, a task or an option.

    --lock holds the run to what `neuronspec lock --update` wrote. It fails too, with exit code 1, where a
    verdict changed (but to what its spec states), a value drifted beyond its margin and its interval, a claim
    vanished or is not in the lock yet.

    --mutate judges each claim that holds once more with other units, with shuffled labels, with the step in
    place of the signal, and on the untrained network. A claim that is supported all the same could not fail:
    that mutant survived, and the exit code is 1.
    """
    project = project_of(paths, store, corpora)
    questions = chosen(project, paths, keyword, read_seeds(seeds) if seeds else None, full)
    if json_file is not None and str(json_file) != "-":
        check_target(json_file)
    if held and (seeds or full or corpora):
        option = "--seeds" if seeds else "--full" if full else "--corpus"
        raise ProjectError(f"--lock holds for the networks that the specs name: leave out {option}, or --lock")
    lock = lock_for(project, paths, keyword) if held else None
    record = record_of(project, runs, jobs, json_file)
    sys.exit(_verify(project, questions, jobs, record, lock, json_file, verbose, mutate))


def lock_for(project: Project, paths: Sequence[str], keyword: str | None) -> LockCheck:
    """Return the check against the lock before the run begins: a spec that cannot be read is reported now."""
    from neuronspec.ledger.changes import held_to
    from neuronspec.ledger.lock import read

    check = held_to(read(project.root / NAME), project, paths, keyword)
    check.read_ahead()
    return check


def _verify(
    project: Project,
    questions: list[Question],
    jobs: int | None,
    record: Record,
    lock: LockCheck | None,
    json_file: Path | None,
    verbose: bool,
    mutate: bool,
) -> int:
    from neuronspec import runner, terminal
    from neuronspec.ledger.runs import recorded

    to_stdout = json_file is not None and str(json_file) == "-"
    out, began = terminal.console(stderr=to_stdout), time.perf_counter()
    results: list[Result] = []
    code, complete = INTERRUPTED, False
    try:
        with terminal.Live(terminal.console(stderr=True)) as watcher:
            judged = runner.verify(project, questions, jobs, watcher, mutate)
            for about_one_recipe in recorded(record, judged, watcher):
                results += about_one_recipe
                terminal.print_specs(out, about_one_recipe, verbose)
        failed, complete = [result for result in results if result.failed or result.survivors], True
        changed = lock.changes(record.claims) + lock.gone() if lock else []
        code = int(bool(failed) or any(change.fails for change in changed))
        if mutate:
            out.print(terminal.mutants(results), soft_wrap=True, markup=False)
        out.print(terminal.summary(results, time.perf_counter() - began), soft_wrap=True)
        if lock:
            out.print(terminal.changes(changed, len(results)), soft_wrap=True, markup=False)
        if github.wanted():
            annotations = [(result.question.id, terminal.headline(result)) for result in failed]
            annotations += [(change.id, change.says) for change in changed if change.fails]
            for id, says in annotations:
                click.echo(github.annotation(project.root, id, says), err=to_stdout)
    except KeyboardInterrupt:
        out.print(f"interrupted after {len(results)} of {len(questions)} claims; finished networks are kept")
    if to_stdout:
        click.echo(record.text(complete), nl=False)
    return code


@main.command("list")
@click.argument("paths", nargs=-1)
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@click.option("-v", "--verbose", is_flag=True, help="Show what each sentence claims.")
@click.option("--networks", is_flag=True, help="List the recipes of the project's tasks instead.")
@corpus_option
@reported
def list_(paths: tuple[str, ...], keyword: str | None, verbose: bool, networks: bool, corpora: tuple[str, ...]) -> None:
    """List claims, one id per line; nothing is trained."""
    project = project_of(paths, None, corpora)
    if networks:
        for name in project.task_files():
            for recipe_name, recipe in project.task(name).recipes.items():
                click.echo(f"{name}/{recipe_name}\t{recipe.shown}")
        return
    questions = named(project, paths)
    for question in matching(questions, keyword) if keyword else questions:
        click.echo(question.id)
        if verbose:
            click.echo(f"    {question.claim}")
