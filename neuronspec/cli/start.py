"""``init``: a project to start from, and a workflow that keeps its claims true."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import click

from neuronspec.cli.group import main, reported
from neuronspec.errors import ProjectError
from neuronspec.ledger import NAME
from neuronspec.project import Project

STARTER = Path(__file__).parents[1] / "starter"
WORKFLOW = Path(".github", "workflows", "claims.yml")


@main.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--ci", is_flag=True, help=f"Also write {WORKFLOW.as_posix()}, for GitHub Actions.")
@reported
def init(folder: Path, ci: bool) -> None:
    """Make tasks/ and specs/ in FOLDER, with a small example that verifies at once.

    --ci adds a workflow that runs `pytest specs/ --neuronspec-lock` for pull requests and pushes to the main branch,
    and keeps trained networks from one run to the next. A project that has its tasks or specs already gets the workflow
    alone.
    """
    files = {} if ci and _has_project(folder) else _example(folder)
    if ci:
        files[folder / WORKFLOW] = STARTER / WORKFLOW.name
    _write(folder, files)
    click.echo("\n".join(f"wrote {target}" for target in files))
    change_folder = "" if folder == Path() else f"cd {folder} && "
    click.echo(_how_to_lock(folder, change_folder) if ci else f"next: {change_folder}neuronspec verify")


def _has_project(folder: Path) -> bool:
    """Whether a folder has tasks or specs of its own, under the names that its settings give them."""
    project = Project.at(folder)
    return project.root == folder.resolve() and any(sub.is_dir() for sub in (*project.tasks, *project.specs))


def _example(folder: Path) -> dict[Path, Path]:
    """Return the files of the example: where each is copied to, and from where."""
    files = [file for file in sorted(STARTER.rglob("*.py")) if "__pycache__" not in file.parts]
    return {folder / file.relative_to(STARTER): file for file in files}


def _write(folder: Path, files: Mapping[Path, Path]) -> None:
    """Copy files where none of the targets exists yet: all of them, or none."""
    for target in files:
        if target.exists():
            raise ProjectError(f"{target} is there already; nothing was written")
    try:
        for target, file in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    except OSError as error:
        raise ProjectError(f"cannot write to {folder}: {error.strerror}") from None


def _how_to_lock(folder: Path, change_folder: str) -> str:
    """The next steps after the workflow was written; without a lock file its first run would fail."""
    project = Project.at(folder)
    folders = [project.shown(subfolder) for subfolder in (*project.tasks, *project.specs) if subfolder.is_dir()]
    steps = [
        f"next: {change_folder}neuronspec lock --update   (verifies all claims and writes {NAME})",
        f"then: git add {' '.join([*folders, NAME, WORKFLOW.parts[0]])}, commit and push; "
        f"{project.shown(project.store)}/ stays out of git",
    ]
    root = next((f for f in folder.resolve().parents if (f / ".git").exists()), None)
    if root and not (folder / ".git").exists():
        steps.append(
            f"note: GitHub reads workflows at the root of a repository only: move {WORKFLOW.parts[0]}/ to {root}, "
            "and let its steps work in this folder"
        )
    return "\n".join(steps)
