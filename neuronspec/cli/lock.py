"""``lock``: the results of claims, with which later runs are compared."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronspec.cli.group import main, reported
from neuronspec.cli.options import common_options, project_of, runs_option, verified
from neuronspec.cli.runs import read_run
from neuronspec.collection import Question, matching, named, no_match
from neuronspec.errors import ProjectError
from neuronspec.ledger import NAME
from neuronspec.project import Project

if TYPE_CHECKING:
    from neuronspec.ledger.changes import LockCheck
    from neuronspec.ledger.lock import Lock


@main.command()
@click.argument("paths", nargs=-1)
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@click.option("--update", is_flag=True, help=f"Write {NAME}; else only show what is not as it was locked.")
@click.option("--run", "run", metavar="RUN", help="Take the evidence of a run that is kept, e.g. last.")
@common_options
@runs_option
@reported
def lock(
    paths: tuple[str, ...],
    keyword: str | None,
    update: bool,
    run: str | None,
    jobs: int | None,
    store: Path | None,
    runs: Path | None,
) -> None:
    """Show what is not as it was locked, of all claims or of those in PATHS; with --update, lock it as it is.

    The claims are verified first, or judged by the evidence of a run. What they came to stands in claims.lock.json, a
    file to commit; `neuronspec verify --lock` and `pytest --neuronspec-lock` fail where claims are not like that any
    more. A margin in it may be set by hand and is kept. The exit code is 1 where something is not as it was locked and
    is not updated.

    \b
      neuronspec lock --update             verify everything, and lock it
      neuronspec lock --run last           what the last run would change
      neuronspec lock --update -k quotes   lock some claims anew
    """  # noqa: D301  # click's mark for lines that are not to be joined
    from neuronspec import terminal
    from neuronspec.ledger.changes import held_to

    project = project_of(paths, store)
    questions = named(project, paths)
    questions = matching(questions, keyword) if keyword else questions
    before = held_to(_locked(project), project, paths, keyword)
    before.read_ahead()  # a spec elsewhere that cannot be read must not end hours of verifying
    if not questions and not before.gone():
        raise no_match(keyword)
    claims = _judged(project, questions, run, jobs, runs)
    changed = before.changes(claims) + before.gone()
    accept = "" if update else "`--update` accepts it; with `--run last`, what was verified just now"
    click.echo(terminal.changes(changed, len(claims), accept) if before.lock.claims else _first(claims))
    if update:
        click.echo(_write(project, before, claims))
    sys.exit(int(any(change.fails for change in changed) and not update))


def _locked(project: Project) -> Lock:
    from neuronspec.ledger.lock import Lock, read

    return read(project.root / NAME) if (project.root / NAME).exists() else Lock()


def _first(claims: Sequence[Mapping[str, Any]]) -> str:
    return f"there is no {NAME} yet: {'1 claim is' if len(claims) == 1 else f'{len(claims)} claims are'} new"


def _judged(
    project: Project, questions: Sequence[Question], run: str | None, jobs: int | None, runs: Path | None
) -> list[dict[str, Any]]:
    """The results of claims as JSON data: from a run that is kept, or verified now."""
    from neuronspec.ledger.record import claim_json
    from neuronspec.ledger.rejudge import refuse_other_networks, rejudge

    if run is None:
        return verified(project, questions, runs, jobs)
    judged = rejudge(read_run(run), questions)
    for id, why in judged.unanswered.items():
        raise ProjectError(f"the run does not answer {id}: {why}; verify it, or lock others")
    refuse_other_networks(project, judged.results)
    return [claim_json(result) for result in judged.results]


def _write(project: Project, before: LockCheck, claims: Sequence[Mapping[str, Any]]) -> str:
    """Write the lock, and return a message; what another process locked in the meantime stays."""
    from neuronspec.ledger.lock import refuse_errors, while_written, write

    refuse_errors(claims)
    with while_written(project.store):
        lock = before.updated(_locked(project), claims)  # read again: another process may have written it
        write(project.root / NAME, lock)
    unexpected = [claim["id"] for claim in claims if claim["verdict"] not in (claim["expected"], "not applicable")]
    warnings = "".join(f"\n  locked though it is not as its spec states: {id}" for id in unexpected)
    size = f"{_number(lock.claims, 'claim')} of {_number(lock.recipes, 'recipe')}"  # each of as many networks as seeds
    return f"wrote {NAME}: {size}{warnings}"


def _number(things: Sized, word: str) -> str:
    """``1 claim``, ``2 claims``."""
    return f"{len(things)} {word}{'s' * (len(things) != 1)}"
