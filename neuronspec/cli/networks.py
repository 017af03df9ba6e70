"""``train`` and ``trace``: networks without claims."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from neuronspec.cli.group import main, reported
from neuronspec.cli.options import common_options, corpus_option, project_of, seeds_option
from neuronspec.collection import read_seeds
from neuronspec.errors import ProjectError
from neuronspec.files import check_target


@main.command()
@click.argument("networks", nargs=-1, required=True)
@seeds_option
@corpus_option
@common_options
@reported
def train(
    networks: tuple[str, ...], seeds: str | None, corpora: tuple[str, ...], jobs: int | None, store: Path | None
) -> None:
    """Train networks, e.g. counting/lstm, and keep them in the store; seed 0 unless --seeds is given."""
    from neuronspec import named_networks, runner, terminal

    project = project_of((), store, corpora)
    chosen = read_seeds(seeds) if seeds else (0,)
    for name in networks:
        named_networks.trainable(project, name)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        for name in networks:
            began = time.perf_counter()
            weights = named_networks.provide(project, name, chosen, jobs or runner.cores(), watcher)
            stored = [file for file in weights.values() if isinstance(file, Path)]
            folder = stored[0].parent if stored else "nowhere"
            click.echo(f"{name}: {len(stored)} networks in {folder} ({time.perf_counter() - began:.1f} s)")


@main.command()
@click.argument("network")
@click.option("--text", required=True, metavar="TEXT", help="What it is to read; - for standard input.")
@click.option("--site", metavar="SITE", help="cell, hidden or a gate [default: cell, where there is one].")
@click.option("--layer", type=click.IntRange(0), default=0, help="Counted from 0.")
@click.option(
    "--unit", "units", type=click.IntRange(0), multiple=True, help="One or more [default: the 4 that vary most]."
)
@click.option("--gates", is_flag=True, help="Show the gates of the units beside them.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Which network of a recipe.")
@click.option(
    "--out",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Draw a .png or .svg: a heat map over the characters, and the values under it.",
)
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Store of networks [.neuronspec].")
@reported
def trace(
    network: str,
    text: str,
    site: str | None,
    layer: int,
    units: tuple[int, ...],
    gates: bool,
    seed: int,
    files: tuple[Path, ...],
    store: Path | None,
) -> None:
    """Show what units of a network do while it reads a text.

    In a terminal the text is coloured by the value of each unit; through a pipe come columns of numbers. For example:

    neuronspec trace counting/lstm --text aaaXbbb --unit 3 --gates --out counter.png
    """
    from neuronspec import named_networks, terminal
    from neuronspec.pictures import picture, show

    text = sys.stdin.read() if text == "-" else text
    for file in files:
        check_target(file, "the picture")
        picture.check_suffix(file)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        loaded = named_networks.network(project_of((), store), network, seed, watcher)
    shown = show.series(loaded, text, site, layer, units, gates)
    for file in files:
        try:
            picture.draw(text, shown, file, title=loaded.shown)
        except OSError as error:
            raise ProjectError(f"cannot write the picture to {file}: {error.strerror}") from None
        click.echo(f"wrote {file}", err=True)
    if sys.stdout is not None and sys.stdout.isatty():
        for series in shown:
            click.echo(f"{series.name}, {series.low:.3g} to {series.high:.3g}\n{picture.coloured(text, series)}\n")
    else:
        click.echo(picture.table(text, shown))
