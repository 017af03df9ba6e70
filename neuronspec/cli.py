"""The command ``neuronspec``."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuronspec.collection import Question, matching, named, one, read_seeds
from neuronspec.errors import NeuronspecError, ProjectError
from neuronspec.files import check_target
from neuronspec.project import Project

if TYPE_CHECKING:
    from neuronspec.runner import Result

INTERRUPTED = 130
BUG = 3
LONGEST_NAME = 60
"""Characters of a sentence in the name of a file."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="neuronspec")
def main() -> None:
    """State what you believe about the units of a recurrent network, and verify it.

    A spec file, specs/spec_NAME.py, ties sentences to claims; a task file, tasks/NAME.py, says what networks
    learn. Networks are trained once and kept in .neuronspec/. Start with:

    \b
      neuronspec init my-project     a task and a spec to change
      neuronspec verify              train what is missing, verify every claim
      pytest specs/                  the same, one test per claim
    """  # noqa: D301  # click's mark for lines that are not to be joined


def _stop(number: int, frame: object) -> None:
    """End as on Ctrl-C, so that no process is left behind."""
    raise KeyboardInterrupt


def reported(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what a user can put right into one message and exit code 2, and a request to stop into 130."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            return command(*args, **kwargs)
        except NeuronspecError as error:
            click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted; finished networks are kept", err=True)
            sys.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception:  # exit code 1 would say that a claim did not hold
            traceback.print_exc()
            click.echo("this is a fault of neuronspec: please report it with the lines above", err=True)
            sys.exit(BUG)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run


def _seeds_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Other seeds than the specs name: how many (5), or from:to (1000:1010)."
    return click.option("--seeds", metavar="N|FROM:TO", help=text)(command)


def _common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    jobs = click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes to use [default: all cores].")
    store = click.option(
        "--store", type=click.Path(path_type=Path), metavar="DIR", help="Store of networks [.neuronspec]."
    )
    return jobs(store(command))


def _corpus_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Make a task from the lines of a text file, e.g. positioning=lines.txt."
    return click.option("--corpus", "corpora", multiple=True, metavar="TASK=FILE", help=text)(command)


def _read_corpora(told: Sequence[str]) -> dict[str, Path]:
    """``positioning=lines.txt`` -> the file of each task."""
    corpora: dict[str, Path] = {}
    for option in told:
        name, equals, file = option.partition("=")
        if not (name and equals and file):
            raise ProjectError(f"--corpus {option}: expected TASK=FILE, e.g. positioning=lines.txt")
        if name in corpora:
            raise ProjectError(f"--corpus {option}: {name} has a corpus already, {corpora[name]}")
        corpora[name] = Path(file)
    return corpora


def _project(names: Sequence[str], store: Path | None, corpora: Sequence[str] = ()) -> Project:
    """Return the project that files, folders and ids lie in; that of this folder for none."""
    paths = [Path(name.partition("::")[0]) for name in names]
    starts = [path if path.is_dir() else path.parent for path in paths] or [Path()]
    project, *others = [Project.at(start) for start in starts]
    for other in others:
        if other.root != project.root:
            raise ProjectError(f"{project.root} and {other.root} are two projects: verify them one by one")
    if corpora:
        project = project.with_corpora(_read_corpora(corpora))
    return replace(project, store=store.resolve()) if store else project


@main.command()
@click.argument("paths", nargs=-1)
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@_seeds_option
@click.option("--full", is_flag=True, help="Take every recipe at the size of its source.")
@_corpus_option
@_common_options
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the run; - for stdout."
)
@click.option("-v", "--verbose", is_flag=True, help="Explain every verdict: claim, controls, each network.")
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
    verbose: bool,
    mutate: bool,
) -> None:
    """Verify the claims of spec files, folders or ids (all of the project's, without PATHS).

    Networks that are not in the store are trained first. The exit code is 0 when every claim came out as its
    spec says, 1 when one did not, 2 for an error in a spec, a task or an option.

    --mutate judges each claim that holds once more with other units, with shuffled labels, with the step in
    place of the signal, and on the untrained network. A claim that is supported all the same could not fail:
    that mutant survived, and the exit code is 1.
    """
    project = _project(paths, store, corpora)
    questions = named(project, paths, read_seeds(seeds) if seeds else None, full)
    if json_file is not None and str(json_file) != "-":
        check_target(json_file)
    if keyword:
        questions = matching(questions, keyword)
        if not questions:
            raise ProjectError(f"-k {keyword!r} matches no claim; `neuronspec list` shows them all")
    sys.exit(_verify(project, questions, jobs, json_file, verbose, mutate))


def _verify(
    project: Project,
    questions: list[Question],
    jobs: int | None,
    json_file: Path | None,
    verbose: bool,
    mutate: bool,
) -> int:
    from neuronspec import runner, terminal

    to_stdout = json_file is not None and str(json_file) == "-"
    out, began = terminal.console(stderr=to_stdout), time.perf_counter()
    results: list[Result] = []
    code = INTERRUPTED
    try:
        with terminal.Live(terminal.console(stderr=True)) as watcher:
            for result in runner.verify(project, questions, jobs, watcher, mutate):
                results.append(result)
                _print_spec(out, questions, results, verbose)
        code = 1 if any(result.failed or result.survivors for result in results) else 0
        if mutate:
            out.print(terminal.mutants(results), soft_wrap=True, markup=False)
        out.print(terminal.summary(results, time.perf_counter() - began), soft_wrap=True)
    except KeyboardInterrupt:
        out.print(f"interrupted after {len(results)} of {len(questions)} claims; finished networks are kept")
    finally:
        if json_file is not None:
            _write_json(json_file, results, len(results) == len(questions), project)
    return code


def _print_spec(out: Any, questions: list[Question], results: list[Result], verbose: bool) -> None:
    """Print a spec as soon as its last claim is judged."""
    from neuronspec import terminal

    spec_id = results[-1].question.spec_id
    judged = [result for result in results if result.question.spec_id == spec_id]
    if len(judged) < sum(question.spec_id == spec_id for question in questions):
        return
    out.print(terminal.table(judged))
    out.print()
    if verbose:
        for result in judged:
            out.print(terminal.explain(result), markup=False, soft_wrap=True)
            out.print()


def _write_json(file: Path, results: list[Result], complete: bool, project: Project) -> None:
    from neuronspec import ledger

    claims = [ledger.claim_json(result) for result in results]
    if str(file) == "-":
        click.echo(json.dumps(ledger.document(claims, complete, project.corpora), indent=1))
    else:
        ledger.write(file, claims, complete, project.corpora)


@main.command("list")
@click.argument("paths", nargs=-1)
@click.option("-k", "keyword", metavar="EXPR", help="Only claims whose id matches: words, and, or, not.")
@click.option("-v", "--verbose", is_flag=True, help="Show what each sentence claims.")
@click.option("--networks", is_flag=True, help="List the recipes of the project's tasks instead.")
@_corpus_option
@reported
def list_(paths: tuple[str, ...], keyword: str | None, verbose: bool, networks: bool, corpora: tuple[str, ...]) -> None:
    """List claims, one id per line; nothing is trained."""
    project = _project(paths, None, corpora)
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


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option("--across", is_flag=True, help="One row for each network, one column for each sentence.")
@reported
def table(run: Path, other: Path | None, across: bool) -> None:
    """Print a run as Markdown: a table for each spec, with values, intervals, controls and verdicts.

    RUN is what `neuronspec verify --json RUN` wrote. With OTHER, a second run of the same claims, e.g. on other
    seeds, its values stand in the last column. --across sets side by side what is said of several networks in the
    same words; what is supported is bold. For example:

    \b
      neuronspec verify specs/spec_kinds.py --json run.json
      neuronspec table run.json --across
    """  # noqa: D301  # click's mark for lines that are not to be joined
    from neuronspec import ledger, tables

    if across and other is not None:
        raise ProjectError("--across shows one run: leave out the other")
    document = ledger.read(run)
    claims = document["claims"]
    if not document.get("complete"):
        click.echo(f"{run} was broken off: some claims are missing", err=True)
    told = tables.across(claims) if across else tables.per_spec(claims, ledger.read(other)["claims"] if other else ())
    click.echo(told, nl=False)


@main.command()
@click.argument("networks", nargs=-1, required=True)
@_seeds_option
@_corpus_option
@_common_options
@reported
def train(
    networks: tuple[str, ...], seeds: str | None, corpora: tuple[str, ...], jobs: int | None, store: Path | None
) -> None:
    """Train networks, e.g. counting/lstm, and keep them in the store; seed 0 unless --seeds is given."""
    from neuronspec import runner, terminal

    project = _project((), store, corpora)
    chosen = read_seeds(seeds) if seeds else (0,)
    for name in networks:
        runner.trainable(project, name)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        for name in networks:
            began = time.perf_counter()
            found = runner.provide(project, name, chosen, jobs or runner.cores(), watcher)
            stored = [file for file in found.values() if isinstance(file, Path)]
            where = stored[0].parent if stored else "nowhere"
            click.echo(f"{name}: {len(stored)} networks in {where} ({time.perf_counter() - began:.1f} s)")


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
    from neuronspec import picture, runner, show, terminal

    text = sys.stdin.read() if text == "-" else text
    for file in files:
        check_target(file, "the picture")
        picture.check_suffix(file)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        read = runner.network(_project((), store), network, seed, watcher)
    shown = show.series(read, text, site, layer, units, gates)
    for file in files:
        try:
            picture.draw(text, shown, file, title=read.shown)
        except OSError as error:
            raise ProjectError(f"cannot write the picture to {file}: {error.strerror}") from None
        click.echo(f"wrote {file}", err=True)
    if sys.stdout is not None and sys.stdout.isatty():
        for one in shown:
            click.echo(f"{one.name}, {one.low:.3g} to {one.high:.3g}\n{picture.coloured(text, one)}\n")
    else:
        click.echo(picture.table(text, shown))


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
    from neuronspec import figures, runner, terminal
    from neuronspec.engine.drawn import check_kind, drawn

    project = _project((claim,) if "::" in claim else (), store)
    question = one(project, claim)
    check_kind(kind, question.claim)
    seed = question.seeds[0] if seed is None else seed
    file = file or Path(f"{_as_file_name(question.sentence)}-{kind}-{seed}.png")
    check_target(file, "the picture")
    figures.check_target_suffix(file)
    with terminal.Live(terminal.console(stderr=True)) as watcher:
        subject = runner.subject(project, question, seed, watcher)
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
    found: list[run.Found] = []
    complete = False
    try:
        with terminal.Live(terminal.console(stderr=True)) as watcher:
            found.extend(run.calibrate(cases, seed, jobs, watcher))
        complete = True
    except KeyboardInterrupt:
        out.print("interrupted; what is done is told")
    finally:
        told = report.document(found, cases, seed, complete)
        if to_stdout:
            click.echo(json.dumps(told, indent=1))
        elif json_file is not None:
            report.write(json_file, told)
    out.print(report.table(told))
    out.print(f"\n{report.headline(told)}\nin {time.perf_counter() - began:.1f} s", soft_wrap=True)
    return 0 if complete else INTERRUPTED


@main.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@reported
def init(folder: Path) -> None:
    """Make tasks/ and specs/ in FOLDER, with a small example that verifies at once."""
    starter = Path(__file__).parent / "starter"
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
