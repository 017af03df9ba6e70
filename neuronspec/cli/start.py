"""``init``: a project to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from neuronspec.cli.group import main, reported
from neuronspec.errors import ProjectError


@main.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@reported
def init(folder: Path) -> None:
    """Make tasks/ and specs/ in FOLDER, with a small example that verifies at once."""
    starter = Path(__file__).parents[1] / "starter"
    files = [file for file in sorted(starter.rglob("*.py")) if "__pycache__" not in file.parts]
    targets = [folder / file.relative_to(starter) for file in files]
    for target in targets:
        if target.exists():
            raise ProjectError(f"{target} is there already; nothing was written")
    try:
        for file, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    except OSError as error:
        raise ProjectError(f"cannot write to {folder}: {error.strerror}") from None
    click.echo("\n".join(f"wrote {target}" for target in targets))
    there = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"next: {there}neuronspec verify")
