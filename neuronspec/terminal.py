"""Output for the terminal: tables of verdicts, the explanation of a verdict, progress."""

from __future__ import annotations

import io
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from neuronspec.engine.verdicts.judge import Outcome
from neuronspec.ledger.changes import Change
from neuronspec.ledger.compare import Comparison
from neuronspec.ledger.record import PHASES, control_notes
from neuronspec.runner import Result
from neuronspec.watcher import Watcher

COLOURS = {"supported": "green", "refuted": "red", "unspecific": "yellow", "error": "bold red"}
PIPE_WIDTH = 160
"""Columns of piped output: wide enough that a claim stays on one line."""


def console(stderr: bool = False) -> Console:
    """Return a console for stdout or stderr that does not wrap what is piped."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal without check marks shows a question mark
    watched = (stream is not None and stream.isatty()) or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if watched else PIPE_WIDTH, highlight=False, emoji=False)


def number(value: float) -> str:
    """Three significant digits; ``–`` for what could not be measured."""
    return f"{value:.3g}" if math.isfinite(value) else "–"


def span(low: float, high: float) -> str:
    """``0.9 to 1``; nothing where there is no interval."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) and math.isfinite(high) else ""


def table(results: Sequence[Result]) -> Table:
    """Return the verdicts of one spec as a table."""
    spec = results[0].question.spec
    networks = f"[dim]{escape(spec.recipe)}, {_networks(results[0])}[/dim]"
    heading = f"{escape(results[0].question.spec_id)}  {networks}\n{escape(spec.says)}"
    grid = Table(title=heading, title_justify="left", title_style="", header_style="dim", box=None, pad_edge=False)
    for column in ("", "verdict", "claim", "value", "over seeds", "bound", "controls"):
        grid.add_column(column, justify="right" if column == "value" else "left", no_wrap=column in ("value", "bound"))
    for result in results:
        grid.add_row(*_row(result))
    return grid


def print_specs(out: Console, results: Sequence[Result], verbose: bool) -> None:
    """Print a table for each spec, and with ``verbose`` a full explanation of each verdict."""
    for spec_id in dict.fromkeys(result.question.spec_id for result in results):
        judged = [result for result in results if result.question.spec_id == spec_id]
        out.print(table(judged))
        out.print()
        for result in judged if verbose else ():
            out.print(explain(result), markup=False, soft_wrap=True)
            out.print()


def _networks(result: Result) -> str:
    count = len(result.outcomes)
    return f"{count} network{'s' if count != 1 else ''}"


def _row(result: Result) -> list[str]:
    mark = "[green]✓[/green]" if result.as_expected else "[bold red]✗[/bold red]" if result.failed else "–"
    colour = COLOURS.get(result.verdict, "magenta")
    claim = escape(result.question.sentence)
    if not result.as_expected:
        claim += f"\n[dim]{escape(result.settled.reason or 'stated: ' + result.question.claim.expected)}[/dim]"
    controls = ", ".join(f"{name} {number(value)}" for name, value in result.controls.items())
    verdict = f"[{colour}]{result.verdict}[/{colour}]"
    bound = escape(result.question.claim.bound)
    return [mark, verdict, claim, number(result.settled.value), span(*result.settled.interval), bound, escape(controls)]


def summary(results: Sequence[Result], seconds: float) -> str:
    """Return the last lines: how many claims came out as stated, and the seconds of each phase."""
    counts, *failed = verdicts(results).split("\n")
    spent = {phase: sum(result.seconds.get(phase, 0.0) for result in results) for phase in PHASES[:-1]}
    phases = ", ".join(f"{phase} {s:.1f} s" for phase, s in spent.items())
    return "\n".join([f"{counts} in {seconds:.1f} s", f"work: {phases} (added up over processes)", *failed])


def verdicts(results: Sequence[Result]) -> str:
    """Return how many claims came out as stated, and those that did not, a line each."""
    as_stated = sum(result.as_expected for result in results)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in Counter(result.verdict for result in results).most_common())
    failed = [f"  ✗ {headline(result)}  {result.question.id}" for result in results if result.failed]
    return "\n".join([f"{as_stated} of {len(results)} claims came out as their specs say ({counts})", *failed])


ACCEPT = "`neuronspec lock --run last --update` accepts it"


def changes(changed: Sequence[Change], judged: int, accept: str = ACCEPT) -> str:
    """Return what differs from the lock, of ``judged`` claims in all, and how to accept it."""
    ids = {change.id for change in changed if change.fails}
    sentences = [f"  {'✗' if change.fails else '–'} {change}" for change in changed]
    if not ids:
        claims_are = f"all {judged} claims that were judged are" if judged != 1 else "the claim that was judged is"
        return "\n".join([f"lock: {claims_are} as locked", *sentences])
    claims_are = f"{len(ids)} claims are not as they were" if len(ids) > 1 else "1 claim is not as it was"
    return "\n".join([f"lock: {claims_are} locked", *sentences, *([accept] if accept else [])])


def comparison(runs: Comparison, names: tuple[str, str], everything: bool) -> Table:
    """Return the claims whose verdicts, values or seconds differ in two runs, or all claims, as a table."""
    title = f"{escape(names[0])} -> {escape(names[1])}"
    grid = Table(title=title, title_justify="left", title_style="", header_style="dim", box=None, pad_edge=False)
    for column in ("claim", "verdict", "before", "after", "difference", "interval", "paired by", "seconds"):
        grid.add_column(column, no_wrap=column not in ("claim", "verdict"))
    for difference in runs.differences:
        changed = difference.verdicts[0] != difference.verdicts[1]
        if not (everything or changed or difference.apart or difference.slower):
            continue
        verdict = f"{difference.verdicts[0]} -> {difference.verdicts[1]}" if changed else difference.verdicts[0]
        seconds = "{:.2f} -> {:.2f}".format(*difference.seconds) if difference.slower or everything else ""
        gap = f"{difference.gap:+.3g}" if math.isfinite(difference.gap) else "–"
        sentence = difference.id.rpartition("::")[2]
        cells = [sentence, verdict, *map(number, difference.values), gap]
        grid.add_row(*map(escape, [*cells, span(*difference.interval), difference.paired, seconds]))
    return grid


def compared(comparison: Comparison) -> str:
    """Return the last lines of a comparison: how many claims differ, and the seconds of each phase."""
    pairs, only_in = comparison.differences, zip(comparison.only, ("first", "second"), strict=True)
    higher, lower = (sum(pair.apart and (pair.gap > 0) == up for pair in pairs) for up in (True, False))
    changed = sum(pair.verdicts[0] != pair.verdicts[1] for pair in pairs)
    counts = [f"{len(pairs)} claims in both: {higher} higher, {lower} lower, the others not apart"]
    counts += [f"{changed} verdicts changed", *(f"{len(ids)} only in the {which}" for ids, which in only_in if ids)]
    phases = [f"{phase} {before:.1f} -> {after:.1f} s" for phase, (before, after) in comparison.phases.items()]
    slower = sum(pair.slower for pair in pairs)
    return f"{'; '.join(counts)}\nwork: {', '.join(phases)}; {slower} claims much slower"


def mutants(results: Sequence[Result]) -> str:
    """Return how many mutants of supported claims were killed, and list those that survived."""
    holding = [result for result in results if result.verdict == "supported" and result.mutants]
    judged = [mutant for result in holding for mutant in result.mutants.values() if mutant.verdict != "not applicable"]
    survived = [f"  survived: {name}  {result.question.id}" for result in holding for name in result.survivors]
    failed = [
        f"  could not be judged: {name}: {mutant.reason}  {result.question.id}"
        for result in holding
        for name, mutant in result.mutants.items()
        if mutant.verdict == "error"
    ]
    killed = len(judged) - len(survived) - len(failed)
    return "\n".join(
        [f"mutants: {killed} of {len(judged)} killed, of {len(holding)} claims that hold", *survived, *failed, ""]
    )


def headline(result: Result) -> str:
    """Return the verdict and its reason in one line."""
    settled = result.settled
    measured = f"{number(settled.value)}, bound {result.question.claim.bound}"
    return f"{settled.verdict}: {settled.reason or measured}"


def explain(result: Result) -> str:
    """Return a full explanation of a verdict: claim, bound, value, interval, controls and every network."""
    claim, settled = result.question.claim, result.settled
    reason = f": {settled.reason}" if settled.reason else ""
    interval = span(*settled.interval) or "nothing"
    lines = [
        result.question.sentence,
        f"  claim      {claim}",
        f"  verdict    {settled.verdict} (stated: {claim.expected}){reason}",
        f"  measured   {number(settled.value)}, over {_networks(result)} {interval}; bound {claim.bound}",
    ]
    notes = control_notes(result)
    for name, value in result.controls.items():
        note = f" ({notes[name]})" if name in notes else ""
        lines.append(f"  control    {name} {number(value)}{note}")
    for name, mutant in result.mutants.items():
        lines.append(f"  mutant     {name}: {mutant.verdict}, {number(mutant.value)}")
    lines += [f"  seed {seed:<5} {_seed(outcome)}" for seed, outcome in result.outcomes.items()]
    return "\n".join(lines)


def _seed(outcome: Outcome) -> str:
    parts = [f"{outcome.verdict:<11}", f"{number(outcome.value):>7}"]
    low, high = outcome.interval
    if low != high and math.isfinite(low):
        parts.append(f"[{number(low)}, {number(high)}]")
    parts += [f"{name} {number(control.value)}" for name, control in outcome.controls.items()]
    for name, units in outcome.units.items():
        parts.append(_unit_names(units))
        parts += _ranked(outcome.rankings.get(name), len(units))
    return "  ".join([*parts, outcome.reason]).rstrip()


def _unit_names(units: Sequence[Mapping[str, Any]]) -> str:
    """The units by name; where each value of a symbol has its own units, their mean number."""
    values = {tuple(unit["of"].items()) for unit in units if "of" in unit}
    if not values:
        return " ".join(f"{'-' if u['sign'] < 0 else ''}{u['site']}[{u['index']}]" for u in units)
    names = ", ".join(dict(next(iter(values))))
    return f"{units[0]['site']}: {len(units) / len(values):.3g} units for each of {len(values)} values of {names}"


def _ranked(ranking: Mapping[str, Any] | None, picked: int) -> list[str]:
    """The score of the last unit picked, of the next best, and the median score: how clear the choice was."""
    if ranking is None or "best" not in ranking or not 0 < picked < len(ranking["best"]):
        return []
    last, following = (number(ranking["best"][n]["score"]) for n in (picked - 1, picked))
    return [f"(score {last}, next {following}, median of {ranking['units']} {number(ranking['median'])})"]


class Live(Watcher):
    """A progress bar on stderr: live in a terminal; elsewhere a line now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        bar = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self.progress = Progress(*bar, TimeElapsedColumn(), console=console, transient=True)
        self.last = time.monotonic()

    def __enter__(self) -> Live:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.console.is_terminal:
            self.progress.stop()

    def training(self, recipe: str, done: int, total: int) -> None:
        self._show(f"training {recipe}", done, total)

    def examined(self, recipe: str, done: int, total: int) -> None:
        self._show(f"examining {recipe}", done, total)

    def warn(self, message: str) -> None:
        self.console.print(f"[yellow]warning:[/yellow] {escape(message)}", soft_wrap=True)

    def _show(self, label: str, done: int, total: int) -> None:
        if not self.console.is_terminal:
            self._line(label, done, total)
            return
        task_id = next((task.id for task in self.progress.tasks if task.description == label), None)
        task = self.progress.add_task(label, total=total) if task_id is None else task_id
        self.progress.update(task, completed=done, visible=done < total)

    def _line(self, label: str, done: int, total: int) -> None:
        """Print at most one line in ten seconds, which suits a log file."""
        now = time.monotonic()
        if now - self.last > 10:
            self.console.print(f"{label}: {100 * done // total} %", soft_wrap=True)
            self.last = now
