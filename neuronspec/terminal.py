"""What a person reads in the terminal: tables of verdicts, an explanation of one, progress."""

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
"""Columns where nobody watches: wide enough that a claim stays on one line."""


def console(stderr: bool = False) -> Console:
    """Return a console for stdout or stderr that does not wrap what is piped."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal that knows no check mark shows a question mark
    watched = (stream is not None and stream.isatty()) or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if watched else PIPE_WIDTH, highlight=False, emoji=False)


def number(value: float) -> str:
    """Three significant digits; ``–`` for what could not be measured."""
    return f"{value:.3g}" if math.isfinite(value) else "–"


def span(low: float, high: float) -> str:
    """``0.9 to 1``; nothing where there is no interval."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) and math.isfinite(high) else ""


def table(results: Sequence[Result]) -> Table:
    """Return the verdicts of one spec."""
    spec = results[0].question.spec
    about = f"[dim]{escape(spec.recipe)}, {_networks(results[0])}[/dim]"
    heading = f"{escape(results[0].question.spec_id)}  {about}\n{escape(spec.says)}"
    drawn = Table(title=heading, title_justify="left", title_style="", header_style="dim", box=None, pad_edge=False)
    for column in ("", "verdict", "claim", "value", "over seeds", "bound", "controls"):
        drawn.add_column(column, justify="right" if column == "value" else "left", no_wrap=column in ("value", "bound"))
    for result in results:
        drawn.add_row(*_row(result))
    return drawn


def print_specs(out: Console, results: Sequence[Result], verbose: bool) -> None:
    """Print a table for each spec, and where asked for, all there is to say about each verdict."""
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
    said = escape(result.question.sentence)
    if not result.as_expected:
        said += f"\n[dim]{escape(result.settled.reason or 'stated: ' + result.question.claim.expected)}[/dim]"
    controls = ", ".join(f"{name} {number(value)}" for name, value in result.controls.items())
    verdict = f"[{colour}]{result.verdict}[/{colour}]"
    bound = escape(result.question.claim.bound)
    return [mark, verdict, said, number(result.settled.value), span(*result.settled.interval), bound, escape(controls)]


def summary(results: Sequence[Result], seconds: float) -> str:
    """Return the last lines: how many claims came out as stated, and where the time went."""
    told, *failed = verdicts(results).split("\n")
    spent = {phase: sum(result.seconds.get(phase, 0.0) for result in results) for phase in PHASES[:-1]}
    phases = ", ".join(f"{phase} {s:.1f} s" for phase, s in spent.items())
    return "\n".join([f"{told} in {seconds:.1f} s", f"work: {phases} (added up over processes)", *failed])


def verdicts(results: Sequence[Result]) -> str:
    """Return how many claims came out as stated, and those that did not, a line each."""
    as_stated = sum(result.as_expected for result in results)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in Counter(result.verdict for result in results).most_common())
    failed = [f"  ✗ {headline(result)}  {result.question.id}" for result in results if result.failed]
    return "\n".join([f"{as_stated} of {len(results)} claims came out as their specs say ({counts})", *failed])


ACCEPT = "`neuronspec lock --run last --update` accepts it"


def changes(changed: Sequence[Change], judged: int, accept: str = ACCEPT) -> str:
    """Return what is not as it was locked, of so many claims that were judged, and how to accept it."""
    ids = {change.id for change in changed if change.fails}
    told = [f"  {'✗' if change.fails else '–'} {change}" for change in changed]
    if not ids:
        many = f"all {judged} claims that were judged are" if judged != 1 else "the claim that was judged is"
        return "\n".join([f"lock: {many} as locked", *told])
    many = f"{len(ids)} claims are not as they were" if len(ids) > 1 else "1 claim is not as it was"
    return "\n".join([f"lock: {many} locked", *told, *([accept] if accept else [])])


def comparison(found: Comparison, names: tuple[str, str], everything: bool) -> Table:
    """Return the claims of two runs that are apart, or all of them."""
    title = f"{escape(names[0])} -> {escape(names[1])}"
    drawn = Table(title=title, title_justify="left", title_style="", header_style="dim", box=None, pad_edge=False)
    for column in ("claim", "verdict", "before", "after", "difference", "interval", "paired by", "seconds"):
        drawn.add_column(column, no_wrap=column not in ("claim", "verdict"))
    for one in found.differences:
        changed = one.verdicts[0] != one.verdicts[1]
        if not (everything or changed or one.apart or one.slower):
            continue
        verdict = f"{one.verdicts[0]} -> {one.verdicts[1]}" if changed else one.verdicts[0]
        seconds = "{:.2f} -> {:.2f}".format(*one.seconds) if one.slower or everything else ""
        gap = f"{one.gap:+.3g}" if math.isfinite(one.gap) else "–"
        cells = [one.id.rpartition("::")[2], verdict, number(one.values[0]), number(one.values[1]), gap]
        drawn.add_row(*map(escape, [*cells, span(*one.interval), one.paired, seconds]))
    return drawn


def compared(found: Comparison) -> str:
    """Return the last lines of a comparison: how many claims are apart, and where time is spent now."""
    pairs, runs = found.differences, zip(found.only, ("first", "second"), strict=True)
    higher, lower = (sum(one.apart and (one.gap > 0) == up for one in pairs) for up in (True, False))
    changed = sum(one.verdicts[0] != one.verdicts[1] for one in pairs)
    counts = [f"{len(pairs)} claims in both: {higher} higher, {lower} lower, the others not apart"]
    counts += [f"{changed} verdicts changed", *(f"{len(ids)} only in the {which}" for ids, which in runs if ids)]
    phases = [f"{phase} {before:.1f} -> {after:.1f} s" for phase, (before, after) in found.phases.items()]
    slower = sum(one.slower for one in pairs)
    return f"{'; '.join(counts)}\nwork: {', '.join(phases)}; {slower} claims much slower"


def mutants(results: Sequence[Result]) -> str:
    """Return how many mutants claims that hold were tried on, and which they did not notice."""
    holding = [result for result in results if result.verdict == "supported" and result.mutants]
    judged = [m for result in holding for m in result.mutants.values() if m.verdict != "not applicable"]
    lived = [f"  survived: {name}  {result.question.id}" for result in holding for name in result.survivors]
    broke = [
        f"  could not be judged: {name}: {m.reason}  {result.question.id}"
        for result in holding
        for name, m in result.mutants.items()
        if m.verdict == "error"
    ]
    killed = len(judged) - len(lived) - len(broke)
    return "\n".join(
        [f"mutants: {killed} of {len(judged)} killed, of {len(holding)} claims that hold", *lived, *broke, ""]
    )


def headline(result: Result) -> str:
    """Return the verdict and what brought it about, in one line."""
    settled = result.settled
    measured = f"{number(settled.value)}, bound {result.question.claim.bound}"
    return f"{settled.verdict}: {settled.reason or measured}"


def explain(result: Result) -> str:
    """Return all there is to say about a verdict: claim, bound, value, interval, controls and every network."""
    claim, settled = result.question.claim, result.settled
    reason = f": {settled.reason}" if settled.reason else ""
    over = span(*settled.interval) or "nothing"
    lines = [
        result.question.sentence,
        f"  claim      {claim}",
        f"  verdict    {settled.verdict} (stated: {claim.expected}){reason}",
        f"  measured   {number(settled.value)}, over {_networks(result)} {over}; bound {claim.bound}",
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
        parts.append(_told_units(units))
        parts += _how_alone(outcome.rankings.get(name), len(units))
    return "  ".join([*parts, outcome.reason]).rstrip()


def _told_units(units: Sequence[Mapping[str, Any]]) -> str:
    """The units by name; where there is a set for each value of a symbol, how many there are."""
    values = {tuple(unit["of"].items()) for unit in units if "of" in unit}
    if not values:
        return " ".join(f"{'-' if u['sign'] < 0 else ''}{u['site']}[{u['index']}]" for u in units)
    names = ", ".join(dict(next(iter(values))))
    return f"{units[0]['site']}: {len(units) / len(values):.3g} units for each of {len(values)} values of {names}"


def _how_alone(ranking: Mapping[str, Any] | None, picked: int) -> list[str]:
    """How the score of the last unit picked compares with the next and with the median one."""
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

    def _show(self, what: str, done: int, total: int) -> None:
        if not self.console.is_terminal:
            self._line(what, done, total)
            return
        known = next((task.id for task in self.progress.tasks if task.description == what), None)
        task = self.progress.add_task(what, total=total) if known is None else known
        self.progress.update(task, completed=done, visible=done < total)

    def _line(self, what: str, done: int, total: int) -> None:
        """At most one line in ten seconds, for logs."""
        now = time.monotonic()
        if now - self.last > 10:
            self.console.print(f"{what}: {100 * done // total} %", soft_wrap=True)
            self.last = now
