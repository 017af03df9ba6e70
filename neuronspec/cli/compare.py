"""``compare`` and ``rejudge``: new conclusions from evidence that was kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronspec.cli.group import main, reported
from neuronspec.cli.options import common_options, project_of, verified
from neuronspec.cli.runs import read_run
from neuronspec.collection import chosen, collect, matching, under
from neuronspec.errors import NeuronspecError, ProjectError
from neuronspec.ledger import NAME
from neuronspec.project import Project

if TYPE_CHECKING:
    from neuronspec.ledger.changes import Change


@main.command()
@click.argument("one")
@click.argument("other")
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@click.option("-v", "--verbose", is_flag=True, help="Show all claims, not only those that are apart.")
@common_options
@reported
def compare(one: str, other: str, keyword: str | None, verbose: bool, jobs: int | None, store: Path | None) -> None:
    """Set two runs against each other: values, verdicts and seconds, each difference with its interval.

    ONE and OTHER are runs that are kept (`last`, `last~1`, the beginning of a name) or files. OTHER may be `lock`,
    for what is not as it was locked. Or they are two recipes, e.g. counting/lstm and counting/gru: then what the specs
    say of the first is verified of both. Networks that both runs have are compared one by one, and one network with
    another sequence by sequence where both were judged on the same ones.

    \b
      neuronspec compare last~1 last
      neuronspec compare last lock
      neuronspec compare counting/lstm counting/gru -k unit
    """  # noqa: D301  # click's mark for lines that are not to be joined
    from neuronspec import terminal
    from neuronspec.ledger.compare import compare as compared

    project = project_of((), store)
    if "lock" in (one, other):
        changed, judged = _since_locked(project, other if one == "lock" else one, keyword)
        click.echo(terminal.changes(changed, judged))
        return
    recipes = [_is_recipe(project, name) for name in (one, other)]
    if all(recipes):
        before, after = _of_recipes(project, (one, other), keyword, jobs)
    elif any(recipes):
        raise ProjectError(f"{one} and {other}: expected two runs, a run and `lock`, or two recipes")
    else:
        before, after = (_matching(read_run(name)["claims"], keyword) for name in (one, other))
    comparison = compared(before, after)
    out = terminal.console()
    out.print(terminal.comparison(comparison, (one, other), verbose))
    out.print(terminal.compared(comparison), soft_wrap=True, markup=False)


def _matching(claims: Sequence[dict[str, Any]], keyword: str | None) -> list[dict[str, Any]]:
    from neuronspec.collection import matcher

    matches = [claim for claim in claims if keyword is None or matcher(keyword)(claim["id"])]
    if not matches:
        raise ProjectError(f"-k {keyword!r} matches no claim of the run")
    return matches


def _since_locked(project: Project, run: str, keyword: str | None) -> tuple[list[Change], int]:
    """How the claims of a run differ from the lock, and how many there are; the specs of now play no part."""
    from neuronspec.ledger.changes import changes, identity_of
    from neuronspec.ledger.lock import read

    claims = _matching(read_run(run)["claims"], keyword)
    return changes(read(project.root / NAME), claims, identity_of(claims)), len(claims)


def _is_recipe(project: Project, name: str) -> bool:
    from neuronspec.named_networks import task_and_recipe

    if name.count("/") != 1 or name.endswith(".json") or Path(name).exists():
        return False
    try:
        task_and_recipe(project, name)
    except NeuronspecError as error:
        raise ProjectError(f"{name}: no such file, and no recipe: {error}") from None
    return True


def _of_recipes(
    project: Project, names: tuple[str, str], keyword: str | None, jobs: int | None
) -> list[list[dict[str, Any]]]:
    """The claims on the first recipe, verified on the networks of both; each is a run of its own."""
    questions = [question for question in collect(project) if question.recipe == names[0]]
    questions = matching(questions, keyword) if keyword else questions
    if not questions:
        raise ProjectError(
            f"no spec says anything of {names[0]}" + (f" that matches -k {keyword!r}" if keyword else "")
        )
    of_each = [under(project, questions, name) for name in names]  # both are known to fit before one is verified
    return [verified(project, questions, None, jobs) for questions in of_each]


@main.command()
@click.argument("run")
@click.argument("paths", nargs=-1)
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@click.option("-v", "--verbose", is_flag=True, help="Explain every verdict: claim, controls, each network.")
@reported
def rejudge(run: str, paths: tuple[str, ...], keyword: str | None, verbose: bool) -> None:
    """Judge the claims of the specs as they are now by the evidence of RUN; no network is touched.

    After a bound was edited this says in a second what it comes to. A claim that the run has no evidence for, since
    its measure was edited, is named; so is one that the sequences looked at leave undecided, and that `verify` may
    decide by looking at more. The exit code is 0 when every claim comes out as its spec says, else 1.
    """
    from neuronspec import terminal
    from neuronspec.ledger.rejudge import refuse_other_networks
    from neuronspec.ledger.rejudge import rejudge as rejudged

    project = project_of(paths, None)
    questions = chosen(project, paths, keyword)
    judged, out = rejudged(read_run(run), questions), terminal.console()
    refuse_other_networks(project, judged.results)
    for recipe in dict.fromkeys(result.question.recipe for result in judged.results):
        about = [result for result in judged.results if result.question.recipe == recipe]
        terminal.print_specs(out, about, verbose)
    out.print(terminal.verdicts(judged.results), soft_wrap=True)
    for id, why in judged.unanswered.items():
        click.echo(f"  not judged: {id}: {why}; verify it")
    for id in judged.perhaps:
        click.echo(f"  verify may decide it, on more sequences: {id}")
    sys.exit(int(bool(judged.unanswered) or any(result.failed for result in judged.results)))
