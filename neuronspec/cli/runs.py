"""``runs`` and ``table``: what is kept of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronspec.cli.group import main, reported
from neuronspec.cli.options import project_of
from neuronspec.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping


@main.command()
@click.option("--runs", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where they are [STORE/runs].")
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Store of networks [.neuronspec].")
@reported
def runs(folder: Path | None, store: Path | None) -> None:
    """List the runs that are kept, the latest first.

    A run has the name of its file; wherever a RUN is asked for, the beginning of that name will do, or `last`, or
    `last~1` for the one before.
    """
    from neuronspec.ledger.runs import folder_of, kept_runs, read

    for file in kept_runs(folder or folder_of(project_of((), store).store)):
        try:
            click.echo(f"{file.stem}\t{_in_a_line(read(file))}")
        except ProjectError as error:
            click.echo(f"{file.stem}\t{error}")


def _in_a_line(run: Mapping[str, Any]) -> str:
    """The outcome of a run in one line."""
    claims, commit = run["claims"], run["environment"].get("commit")
    as_stated = sum(claim["verdict"] == claim["expected"] for claim in claims)
    parts = [f"{as_stated} of {len(claims)} as stated", f"{run['seconds']:.1f} s"]
    if commit is not None:
        parts.append(f"commit {commit['id'][:9]}{' and changes' if commit['dirty'] else ''}")
    return ", ".join(parts if run["complete"] else [*parts, "broken off"])


@main.command()
@click.argument("run")
@click.argument("other", required=False)
@click.option("--across", is_flag=True, help="One row for each network, one column for each sentence.")
@reported
def table(run: str, other: str | None, across: bool) -> None:
    """Print a run as Markdown: a table for each spec, with values, intervals, controls and verdicts.

    RUN is what `neuronspec verify --json RUN` wrote, or one that is kept, e.g. `last`. With OTHER, a second run of
    the same claims, e.g. on other seeds, its values stand in the last column. --across sets side by side what is
    said of several networks in the same words; what is supported is bold. For example:

    \b
      neuronspec verify specs/spec_kinds.py
      neuronspec table last --across
    """  # noqa: D301  # click's mark for lines that are not to be joined
    from neuronspec import tables

    if across and other is not None:
        raise ProjectError("--across shows one run: leave out the other")
    claims = read_run(run)["claims"]
    markdown = tables.across(claims) if across else tables.per_spec(claims, read_run(other)["claims"] if other else ())
    click.echo(markdown, nl=False)


def read_run(name: str) -> dict[str, Any]:
    """Return the run of this name, with a warning where it was broken off."""
    from neuronspec.ledger.runs import find, folder_of, read

    file = find(folder_of(project_of((), None).store), name)
    run = read(file)
    if not run["complete"]:
        click.echo(f"{file} was broken off: some claims are missing", err=True)
    return run
