"""``calibrate``: how often verdicts are right."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from neuronspec.cli.group import INTERRUPTED, main, reported
from neuronspec.files import check_target


@main.command()
@click.option("--cases", type=click.IntRange(1), default=500, show_default=True, help="How many of each kind.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything that is drawn.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes to use [default: all cores].")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all rates; - for stdout."
)
@reported
def calibrate(cases: int, seed: int, jobs: int | None, json_file: Path | None) -> None:
    """Find out how often verdicts are right, on planted networks with claims known to be true or null.

    Tells how many null claims are supported, how many true ones are, how verdicts firm up as data grow, and how often
    intervals hold the true value.
    """
    if json_file is not None and str(json_file) != "-":
        check_target(json_file, "the rates")
    sys.exit(_calibrate(cases, seed, jobs, json_file))


def _calibrate(cases: int, seed: int, jobs: int | None, json_file: Path | None) -> int:
    from neuronspec import terminal
    from neuronspec.calibration import report, run

    to_stdout = json_file is not None and str(json_file) == "-"
    out, began = terminal.console(stderr=to_stdout), time.perf_counter()
    judged: list[run.PopulationResult] = []
    complete = False
    try:
        with terminal.Live(terminal.console(stderr=True)) as watcher:
            judged.extend(run.calibrate(cases, seed, jobs, watcher))
        complete = True
    except KeyboardInterrupt:
        out.print("interrupted; what is done is told")
    finally:
        document = report.document(judged, cases, seed, complete)
        if to_stdout:
            click.echo(json.dumps(document, indent=1))
        elif json_file is not None:
            report.write(json_file, document)
    out.print(report.table(document))
    out.print(f"\n{report.headline(document)}\nin {time.perf_counter() - began:.1f} s", soft_wrap=True)
    return 0 if complete else INTERRUPTED
