"""``draw``: a claim as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import click

from neuronspec.cli.group import main, reported
from neuronspec.cli.options import project_of
from neuronspec.collection import one
from neuronspec.errors import ProjectError
from neuronspec.files import check_target

LONGEST_NAME = 60
"""Characters of a sentence in the name of a file."""


@main.command()
@click.argument("claim")
@click.option("--as", "kind", required=True, metavar="KIND", help="paths, pca, sizes or heat.")
@click.option("--seed", type=click.IntRange(0), help="Which network [default: the first that the spec names].")
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png, .svg or .pdf [default: SENTENCE-KIND-SEED.png].",
)
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Store of networks [.neuronspec].")
@reported
def draw(claim: str, kind: str, seed: int | None, file: Path | None, store: Path | None) -> None:
    """Draw a picture of a claim on one network, and print the name of the file.

    CLAIM is an id as `neuronspec list` prints it, or a part of the sentence that no other claim has. The network is
    trained first where it is not stored. KIND is one of

    \b
      paths   what the claim's units do, step by step, one line for each step that the claim's event is at
      pca     their way over time on two principal components, one line for each value of a symbol
      sizes   the measure under an intervention with one unit kept, with two, and so on, and with random units
      heat    the measure for each value of a symbol and each step of the event, and beside it of random units

    For example:

    \b
      neuronspec draw "one unit knows the letter" --as paths --out letter.png
    """  # noqa: D301  # click's mark for lines that are not to be joined
    from neuronspec import named_networks, terminal
    from neuronspec.pictures import figures
    from neuronspec.pictures.drawn import check_kind, drawn

    project = project_of((claim,) if "::" in claim else (), store)
    question = one(project, claim)
    check_kind(kind, question.claim)
    seed = question.seeds[0] if seed is None else seed
    file = file or Path(f"{_as_file_name(question.sentence)}-{kind}-{seed}.png")
    check_target(file, "the picture")
    figures.check_target_suffix(file)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        subject = named_networks.subject(project, question, seed, watcher)
    shown = drawn(kind, question.claim, subject)
    try:
        figures.write(shown, question.claim, file, [question.sentence, subject.network.shown])
    except OSError as error:
        raise ProjectError(f"cannot write the picture to {file}: {error.strerror}") from None
    click.echo(file)


def _as_file_name(sentence: str) -> str:
    """A sentence as the first part of a file's name: words and hyphens, and not too many."""
    words = re.findall(r"\w+", sentence.lower())
    return "-".join(words)[:LONGEST_NAME].strip("-") or "claim"
