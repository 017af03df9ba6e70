"""A text coloured by what units do while they read it: for a terminal, for a pipe, as a picture."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuronspec.errors import ProjectError
from neuronspec.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colour = tuple[int, int, int]

GATES = ("input_gate", "forget_gate", "output_gate", "update_gate", "reset_gate")
DIVERGING_COLOURS: tuple[Colour, ...] = (  # ColorBrewer's RdBu, evenly lighter towards a pure white 0
    *((5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240)),
    (255, 255, 255),
    *((253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31)),
)
OPENING: tuple[Colour, ...] = ((255, 255, 255), (199, 233, 192), (116, 196, 118), (35, 139, 69), (0, 68, 27))  # Greens
UNDEFINED: Colour = (190, 190, 190)

SUFFIXES = (".png", ".svg")
ROW = 80
"""Characters in a row of a picture."""
MOST_CELLS, MOST_PANELS = 4000, 100
"""Beyond these a picture is taller than anyone scrolls, and soon than a PNG can be."""
CELL, STRIP, CURVE, BETWEEN, STEPS = 0.13, 0.22, 0.42, 0.1, 0.28
"""Inches: width of a character; heights of a strip, of the curve below it, of two kinds of gap."""
DPI = 150
FONT = "DejaVu Sans Mono"  # comes with matplotlib, so a picture is the same on every machine
FONT_WIDTH = 0.65 / 72
"""Inches that a character takes, at most, for each point of the font's size: a PNG rounds it to whole pixels."""


@dataclass(frozen=True)
class Series:
    """What one unit does at every character: NaN where undefined; ``low`` to ``high`` is the range of the colours."""

    name: str
    values: Sequence[float]
    low: float
    high: float


def scale(site: str, values: Sequence[float]) -> tuple[float, float]:
    """Return the range of the colours: 0 to 1 for a gate, symmetric around 0 for a state."""
    if site in GATES:
        return 0.0, 1.0
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0) or 1.0
    return -largest, largest


def coloured(text: str, series: Series) -> str:
    """Return the text for a terminal, the background of every character coloured by its value."""
    return "".join(_styled(char, shade(value, series)) for char, value in zip(text, series.values, strict=True))


def _styled(char: str, colour: Colour) -> str:
    shown = click.style(visible(char), fg=(0, 0, 0) if _is_light(colour) else (255, 255, 255), bg=colour)
    return shown + "\n" * (char == "\n")  # after the reset, or the colour would run to the edge of the terminal


def visible(char: str) -> str:
    """Return one printable character for any character."""
    return {"\n": "⏎", "\t": "⇥"}.get(char) or (char if char.isprintable() else "·")


def table(text: str, series: Sequence[Series]) -> str:
    """Return the values, tab separated, with a line for each character."""
    lines = ["\t".join(["step", "char", *(one_series.name for one_series in series)])]
    for step, (char, *values) in enumerate(zip(text, *(one_series.values for one_series in series), strict=True)):
        lines.append("\t".join([str(step), repr(char)[1:-1], *(f"{value:.6g}" for value in values)]))
    return "\n".join(lines)


def shade(value: float, series: Series) -> Colour:
    """Return the colour of a value: blue, white, red where the range has two sides, else white to green."""
    if math.isnan(value):
        return UNDEFINED
    anchors = DIVERGING_COLOURS if series.low < 0 else OPENING
    share = (value - series.low) / (series.high - series.low)
    position = min(max(share, 0.0), 1.0) * (len(anchors) - 1)
    below = min(int(position), len(anchors) - 2)
    red, green, blue = (
        round(a + (position - below) * (b - a)) for a, b in zip(anchors[below], anchors[below + 1], strict=True)
    )
    return red, green, blue


def _is_light(colour: Colour) -> bool:
    """Whether black can be read on it better than white (WCAG's relative luminance)."""
    red, green, blue = ((part / 255) ** 2.2 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179


def draw(text: str, series: Sequence[Series], file: Path, title: str = "") -> None:
    """Write a PNG or SVG: for every series the coloured text with the curve of the values under it.

    Raises:
        ProjectError: the file has another suffix, or there is nothing or too much to draw.
    """
    _check(text, series, file)
    from matplotlib import style  # takes longer to import than a terminal takes to print

    # Without the user's own settings and without a date: the same values give the same bytes.
    with style.context(["default", {"font.family": FONT, "svg.hashsalt": "neuronspec"}]):
        buffer = io.BytesIO()
        _figure(text, series, title).savefig(buffer, format=file.suffix[1:].lower(), dpi=DPI, metadata={"Date": None})
    write_atomically(file, buffer.getvalue())


def check_suffix(file: Path, known: Sequence[str] = SUFFIXES) -> None:
    """Raise ProjectError for a picture of a kind that cannot be drawn."""
    if file.suffix.lower() not in known:
        *others, last = known
        raise ProjectError(f"--out {file}: expected a file that ends in {', '.join(others)} or {last}")


def _check(text: str, series: Sequence[Series], file: Path) -> None:
    check_suffix(file)
    if not text:
        raise ProjectError(f"--out {file}: the text is empty, there is nothing to draw")
    if not series or any(len(one_series.values) != len(text) for one_series in series):
        raise ValueError(f"expected series of {len(text)} values, one for each character")
    if len(text) * len(series) > MOST_CELLS or len(_rows(len(text))) * len(series) > MOST_PANELS:
        size = f"{len(text)} characters × {len(series)} series"
        raise ProjectError(f"--out {file}: {size} are too many to draw; show fewer units or a shorter text")


def _rows(length: int) -> list[range]:
    """Return the steps of every row."""
    starts = [*range(0, length, ROW), length]
    return [range(start, stop) for start, stop in pairwise(starts)]


def _figure(text: str, series: Sequence[Series], title: str) -> Figure:
    from matplotlib.figure import Figure

    rows = _rows(len(text))
    left = 0.3 + 9 * FONT_WIDTH * max(
        6, *(len(one_series.name) for one_series in series)
    )  # a number on the axis has up to 6
    width = left + CELL * max(len(rows[0]), 15) + 0.2
    heading = textwrap.wrap(drawable(title), int((width - 0.3) / (10 * FONT_WIDTH)))
    top = 0.15 + 0.2 * len(heading)
    height = top + len(rows) * (len(series) * (STRIP + CURVE + BETWEEN) + STEPS)
    figure = Figure(figsize=(width, height))
    corner = (0.15 / width, 1 - 0.1 / height)
    figure.text(*corner, "\n".join(heading), fontsize=10, va="top", linespacing=1.3, parse_math=False)
    bottom = height - top
    for row in rows:
        for one_series in series:
            bottom -= STRIP + CURVE + BETWEEN
            strip = _axes(figure, (left, bottom + BETWEEN + CURVE, CELL * len(row), STRIP), row)
            _draw_strip(strip, text, one_series, row)
            curve = _axes(figure, (left, bottom + BETWEEN, CELL * len(row), CURVE), row)
            _draw_curve(curve, one_series, row)
        curve.tick_params(labelbottom=True)
        bottom -= STEPS
    return figure


def _axes(figure: Figure, inches: tuple[float, float, float, float], row: range) -> Axes:
    """Add axes over the steps of a row at (left, bottom, width, height)."""
    width, height = figure.get_size_inches()
    left, bottom, wide, high = inches
    axes = figure.add_axes((left / width, bottom / height, wide / width, high / height))
    axes.set_xlim(row.start - 0.5, row.stop - 0.5)
    axes.set_xticks([step for step in row if step % 10 == 0])
    axes.tick_params(labelsize=7, length=2, width=0.5, color="0.6", labelcolor="0.35", labelbottom=False, pad=2)
    for spine in axes.spines.values():
        spine.set(linewidth=0.5, color="0.6")
    return axes


def _draw_strip(axes: Axes, text: str, series: Series, row: range) -> None:
    """Draw the characters of a row on the colours of their values."""
    colours = [shade(series.values[step], series) for step in row]
    edges = [step - 0.5 for step in (*row, row.stop)]
    axes.pcolormesh(edges, [0, 1], [[[part / 255 for part in colour] for colour in colours]])
    axes.tick_params(bottom=False, left=False, labelleft=False)
    axes.set_ylabel(drawable(series.name), fontsize=9, rotation=0, ha="right", va="center", parse_math=False)
    for step, colour, char in zip(row, colours, drawable(text[row.start : row.stop]), strict=True):
        ink = "black" if _is_light(colour) else "white"
        axes.text(step, 0.3, char, color=ink, fontsize=10, ha="center", va="baseline", parse_math=False)


def _draw_curve(axes: Axes, series: Series, row: range) -> None:
    """Draw the values of a row as a line, with a dot for each: one between two undefined values has no line."""
    values = [series.values[step] for step in row]
    margin = 0.12 * (series.high - series.low)
    axes.set_ylim(series.low - margin, series.high + margin)
    axes.set_yticks(ticks := [series.low, (series.low + series.high) / 2, series.high])
    axes.set_yticklabels([f"{ticks[0]:.3g}", "", f"{ticks[2]:.3g}"], va="center")
    axes.grid(color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.plot(row, values, color="0.2", linewidth=1, marker="o", markersize=1.8)


def drawable(text: str) -> str:
    """Return what the font has a sign for; a box stands for every other character."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont(FONT)).get_charmap()
    return "".join(char if ord(char) in known else "□" for char in map(visible, text))
