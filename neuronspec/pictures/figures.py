"""Pictures of a claim, from the numbers in drawn.py: as PNG, SVG or PDF."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuronspec.engine.verdicts.replicates import of_one_network
from neuronspec.files import write_atomically
from neuronspec.language.claims import Claim
from neuronspec.language.measures import Difference
from neuronspec.pictures.by_measure import BySize, Heat
from neuronspec.pictures.drawn import Drawn
from neuronspec.pictures.over_time import Paths, Trajectories
from neuronspec.pictures.picture import DPI, check_suffix, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
DATES = {".pdf": "CreationDate"}
"""The metadata key of a file format's date, where that is not ``Date``."""

WIDTH, HEIGHT, LEGEND = 7.0, 4.2, 1.9
CELL_WIDTH, CELL_HEIGHT = 0.46, 0.29
"""Inches."""
NAMED = 14
"""Lines that a legend names one by one; of more than twice as many it names every n-th."""
TEN = 10
"""Colours that can be told apart without an order among them."""
GREY = "0.35"


def check_target_suffix(file: Path) -> None:
    """Raise ProjectError for a kind of file that cannot be written."""
    check_suffix(file, SUFFIXES)


def write(drawn: Drawn, claim: Claim, file: Path, title: Sequence[str]) -> None:
    """Write a picture.

    Args:
        title: lines above it: what is claimed, and of which network.

    Raises:
        ProjectError: the file has a suffix other than ``SUFFIXES``.
    """
    check_target_suffix(file)
    from matplotlib import style  # takes longer to import than most commands take

    settings = {"text.parse_math": False, "svg.hashsalt": "neuronspec", "axes.spines.top": False}
    settings |= {"axes.spines.right": False, "font.size": 9, "axes.titlesize": 9, "legend.frameon": False}
    suffix = file.suffix.lower()
    # Without the user's own settings and without a date: the same numbers give the same bytes.
    with style.context(["default", settings]):
        drawn_figure, buffer = figure(drawn, claim, title), io.BytesIO()
        date = {DATES.get(suffix, "Date"): None}
        drawn_figure.savefig(buffer, format=suffix[1:], dpi=DPI, metadata=date, bbox_inches="tight", pad_inches=0.12)
    write_atomically(file, buffer.getvalue())


def figure(drawn: Drawn, claim: Claim, title: Sequence[str]) -> Figure:
    """Return the figure of some numbers."""
    from matplotlib.figure import Figure

    made = Figure(layout="constrained")
    FIGURES[type(drawn)](made, drawn, of_one_network(claim))
    width, _ = made.get_size_inches()
    lines = [line for part in title for line in textwrap.wrap(drawable(part), int(13 * width))]
    made.suptitle("\n".join(lines), fontsize=10, ha="left", x=0.01)
    return made


# One function for each kind.


def _paths(made: Figure, drawn: Paths, claim: Claim) -> None:
    from matplotlib.ticker import MaxNLocator

    made.set_size_inches(WIDTH + LEGEND, HEIGHT)
    axes = made.add_subplot()
    steps = np.arange(drawn.mean.shape[1])
    colours = _in_order(len(drawn.at))
    for line, colour in enumerate(colours):
        axes.plot(steps, drawn.single[line], color=colour, linewidth=0.5, alpha=0.3)
    for line, (at, number, colour) in enumerate(zip(drawn.at, drawn.sequences, colours, strict=True)):
        name = f"{at}  (n = {number})" if drawn.moment is not None else f"all sequences (n = {number})"
        axes.plot(steps, drawn.mean[line], color=colour, linewidth=2, marker="o", markersize=4, label=name)
        if drawn.moment is not None:  # one step before it: the state that the symbol at the moment is predicted from
            _mark(axes, at - 1, drawn.mean[line], colour)
    until = "the end" if drawn.moment is None else str(drawn.moment)
    turned = f",\neach turned so that it rises up to {until}" if drawn.turned else ""
    axes.set_ylabel(f"mean value of {drawn.number} units{turned}")
    axes.set_xlabel("step (0: what the encoder hands over)" if drawn.bridged else "step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if drawn.moment is not None:
        axes.plot([], [], "o", color=GREY, markerfacecolor="white", markersize=7, label="the step before")
    axes.plot([], [], color=GREY, linewidth=0.5, label=f"thin: each {drawn.single_of}")
    _finish(axes, title=f"{drawn.moment} at" if drawn.moment is not None else None)


def _mark(axes: Axes, step: int, values: Any, colour: Any) -> None:
    if 0 <= step < len(values) and math.isfinite(values[step]):
        axes.plot(step, values[step], "o", color=colour, markerfacecolor="white", markersize=8, markeredgewidth=2)


def _trajectories(made: Figure, drawn: Trajectories, claim: Claim) -> None:
    made.set_size_inches(WIDTH + LEGEND - 1, HEIGHT + 1)
    axes = made.add_subplot()
    for points, name, colour in zip(drawn.points, drawn.values, _apart(len(drawn.values)), strict=True):
        axes.plot(*points.T, color=colour, linewidth=1.5, alpha=0.8, marker="o", markersize=3.5, label=drawable(name))
        defined = np.flatnonzero(np.isfinite(points[:, 0]))
        axes.plot(*points[defined[:1]].T, "s", color=colour, markersize=7, markerfacecolor="white", markeredgewidth=1.5)
        for step in {*defined[:1].tolist(), *defined[-1:].tolist()}:
            axes.annotate(str(step), points[step], (3, 3), textcoords="offset points", fontsize=6, color=colour)
    first, second = (100 * share for share in drawn.share)
    axes.set_xlabel(f"first principal component ({first:.0f} % of the variance; {drawn.number} units)")
    axes.set_ylabel(f"second ({second:.0f} %)")
    axes.plot([], [], "s", color=GREY, markerfacecolor="white", label="the first step")
    until = "" if drawn.until is None else f" before\n{drawn.until}"
    axes.plot([], [], " ", label=f"numbers: first and last step{until}")
    _finish(axes, title=str(drawn.symbol))


def _by_size(made: Figure, drawn: BySize, claim: Claim) -> None:
    made.set_size_inches(WIDTH + LEGEND, HEIGHT)
    axes = made.add_subplot()
    low, middle, high = drawn.random.T
    axes.fill_between(drawn.sizes, low, high, color="0.8", linewidth=0, label="random units,\nlowest to highest")
    axes.plot(drawn.sizes, middle, color="0.45", linewidth=1.5, marker="o", markersize=3, label="… mean")
    axes.plot(drawn.sizes, drawn.claimed, color="C0", linewidth=2, marker="o", markersize=5, label="the claim's units")
    axes.axvline(drawn.stated, color="C0", linewidth=0.8, linestyle=":", label=f"kept in the claim: {drawn.stated}")
    for bound in (claim.low, claim.high):
        if bound is not None:
            axes.axhline(bound, color="C3", linewidth=1.2, linestyle="--", label=f"bound {claim.bound}")
    axes.set_xticks(drawn.sizes)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel(f"units kept, of {drawn.of}")
    measure = claim.measure
    axes.set_ylabel(f"{measure.word} of {measure.measure.word}" if isinstance(measure, Difference) else measure.word)
    _finish(axes)


def _heat(made: Figure, drawn: Heat, claim: Claim) -> None:
    panels = [("the claim's units", drawn.claimed, drawn.whole[0])]
    panels += [("random units (mean)", drawn.random, drawn.whole[1])] if drawn.random is not None else []
    width = max(2.2, CELL_WIDTH * len(drawn.columns)) * len(panels) + 1.6
    made.set_size_inches(width, CELL_HEIGHT * len(drawn.rows) + 1.7)
    low, high, colours = _range(np.concatenate([values.ravel() for _, values, _ in panels]))
    all_axes = made.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, values, whole) in zip(all_axes, panels, strict=True):
        image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
        _write_cells(axes, values, image)
        axes.set_title(f"{name}: {whole:.2f}")
        axes.set_xticks(range(len(drawn.columns)), [str(step) for step in drawn.columns])
        axes.set_xlabel(str(drawn.moment))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    all_axes[0].set_yticks(range(len(drawn.rows)), [drawable(name) for name in drawn.rows])
    all_axes[0].set_ylabel(str(drawn.symbol))
    made.colorbar(image, ax=list(all_axes), fraction=0.04, pad=0.02).outline.set_visible(False)


def _write_cells(axes: Axes, values: np.ndarray, image: Any) -> None:
    """Write the number of each cell on its colour, so that it can be read."""
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value)) if math.isfinite(value) else (1, 1, 1, 1)
        ink = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
        text = f"{round(value, 2) + 0.0:.2f}" if math.isfinite(value) else "–"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=ink)


# Colours and words.


def _range(values: np.ndarray) -> tuple[float, float, str]:
    """The range of the colours: from 0 where all values lie on one side of it, else the same to both sides."""
    finite = values[np.isfinite(values)]
    low, high = float(min(0.0, finite.min(initial=0.0))), float(max(0.0, finite.max(initial=0.0)))
    if low < 0 < high:
        largest = max(-low, high)
        return -largest, largest, "RdBu_r"
    return (low, high or 1.0, "Blues") if low == 0 else (low, high, "Blues_r")


def _in_order(number: int) -> list[Any]:
    """Colours for numbers, from dark to light."""
    return list(_map("viridis")(np.linspace(0, 0.9, number)))


def _apart(number: int) -> list[Any]:
    """Colours for names."""
    return [f"C{n}" for n in range(number)] if number <= TEN else list(_map("turbo")(np.linspace(0, 1, number)))


def _map(name: str) -> Colormap:
    from matplotlib import colormaps

    return colormaps[name]


def _finish(axes: Axes, title: str | None = None) -> None:
    """Add the legend beside the axes."""
    handles, names = axes.get_legend_handles_labels()
    every = math.ceil(len(handles) / NAMED) if len(handles) > 2 * NAMED else 1
    axes.legend(handles[::every], names[::every], title=title, loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


FIGURES: dict[type, Callable[[Figure, Any, Claim], None]] = {
    Paths: _paths,
    Trajectories: _trajectories,
    BySize: _by_size,
    Heat: _heat,
}
