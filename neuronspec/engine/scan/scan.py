"""Every unit of a site against many signals over a long text, in one pass and in the same memory at any length.

The values come in chunks and are folded: into sums for Pearson's correlation, and into histograms of each unit for the
AUROC. The edges of the bins are quantiles of each unit's first values, so that all bins are about equally full, whether
values are in (-1, 1) or unbounded. A value that is repeated often gets a bin of its own. Only the signals' values grow
with the text: a byte per step of a yes/no signal, four of a number, and up to 50 while one is computed.

Within a bin the order of positives and negatives is not known. Counted as ties, the pairs of one bin are off by at
most half of them, and all other pairs are exact: the AUROC is within ½ Σ p q of the exact one, p and q being the shares
of positives and of negatives in each bin with more than one value (Hanley and McNeil 1982: AUROC as a share of pairs).
A single bin that holds everything has p = q = 1, and so the AUROC 0.5 with the bound 0.5: nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int32, Num
from torch import Tensor

from neuronspec.engine.measures.of_units import TINY
from neuronspec.engine.scan.result import Scan, Scored
from neuronspec.engine.sequences import Sequences, values
from neuronspec.errors import Undecidable
from neuronspec.language.signals import Signal
from neuronspec.language.units import Site
from neuronspec.networks.tasks import Example

PIECE = 5_000
"""Steps of all streams that are traced at once: few enough for their values to stay in the cache."""

FIRST = 20_000
"""The edges of the bins come from at least so many steps; from all steps of a shorter text."""

QUANTILES = 1024
TAIL = 32
"""Edges below the least and above the largest of the first values, each 1.5 times as far away as the one before."""

CELLS = 4096
"""Equal parts of a unit's usual range; the bin of most of them is looked up, not searched for."""

SIDE_BY_SIDE = 32
"""Units that are counted at once: their tables fit into the cache."""

STEPS_AT_ONCE = 512
"""Steps that are added up at once, for the same reason."""


@dataclass(frozen=True, eq=False)
class SignalValues:
    """The values of a signal over a text: one byte per step of a yes/no signal (-1 where undefined), else four.

    Args:
        mean, deviation: over the steps at which it is defined.
    """

    signal: Signal
    values: Num[np.ndarray, " step"]
    mean: float
    deviation: float

    @property
    def yes_no(self) -> bool:
        return self.values.dtype == np.int8

    def undefined(self, at: Int[np.ndarray, " row"] | slice) -> Bool[np.ndarray, " row"]:
        values = self.values[at]
        return values < 0 if self.yes_no else np.isnan(values)


def read_signal(name: str, signal: Signal, text: str, steps: int) -> SignalValues:
    """Return the values of a signal at the first ``steps`` steps of a text.

    It is read from the whole text, so that ``since`` knows of a line break before a stream begins.

    Raises:
        Undecidable: it has one value at all of them, or none.
    """
    per_step = values(signal, Sequences([Example(text)]))[:steps, 0]
    defined = per_step[np.isfinite(per_step)]
    if not len(defined):
        raise Undecidable(f"signals[{name!r}]: {signal} is defined nowhere in the text")
    yes_no = "condition" in signal.kinds
    if (defined == defined[0]).all():
        what = ("always holds" if defined[0] else "never holds") if yes_no else f"is always {defined[0]:g}"
        raise Undecidable(f"signals[{name!r}]: {signal} {what} in the text")
    stored = np.where(np.isnan(per_step), -1, per_step).astype(np.int8) if yes_no else per_step.astype(np.float32)
    return SignalValues(signal, stored, float(defined.mean()), float(defined.std()))


class Sums:
    """Pearson's correlation of each unit with each signal, folded.

    The sums are in float64, of values minus a median of the first ones: a mean that is large against the spread costs
    no digits. Signals that are defined everywhere share the sums over all steps.
    """

    def __init__(self, signals: Sequence[SignalValues], first: Float[np.ndarray, "row unit"]) -> None:
        sample = np.sort(first[:: 1 + len(first) // 1000], axis=0)
        self.signals, self.centre = signals, sample[len(sample) // 2].astype(float)
        partial = [signal for signal in signals if signal.undefined(slice(None)).any()]
        # row 0 is for all signals that are defined everywhere, the others for one partly defined signal each
        self.masks = [None, *partial]
        self.mask = [1 + partial.index(signal) if signal in partial else 0 for signal in signals]
        self.n, (self.y, self.yy) = np.zeros((len(self.masks), 1)), np.zeros((2, len(signals), 1))
        self.x, self.xx = np.zeros((2, len(self.masks), first.shape[1]))
        self.xy = np.zeros((len(signals), first.shape[1]))

    def add(self, values: Float[np.ndarray, "row unit"], at: Int[np.ndarray, " row"]) -> None:
        """Add the values of some steps of the text."""
        defined = np.stack(
            [np.ones(len(at)) if signal is None else 1.0 - signal.undefined(at) for signal in self.masks]
        )
        standardised = np.stack([(signal.values[at] - signal.mean) / signal.deviation for signal in self.signals])
        standardised = np.where(defined[self.mask] == 1, standardised, 0.0)
        self.n += defined.sum(1, keepdims=True)
        self.y += standardised.sum(1, keepdims=True)
        self.yy += (standardised * standardised).sum(1, keepdims=True)
        left, centre = torch.from_numpy(np.concatenate([defined, standardised])), torch.from_numpy(self.centre)
        for k in range(0, len(at), STEPS_AT_ONCE):  # torch's products: its number of threads holds
            x, rows = torch.from_numpy(values[k : k + STEPS_AT_ONCE]).double() - centre, slice(k, k + STEPS_AT_ONCE)
            sums = (left[:, rows] @ x).numpy()
            self.x += sums[: len(defined)]
            self.xy += sums[len(defined) :]
            self.xx += (left[: len(defined), rows] @ x.square_()).numpy()

    def correlations(self) -> Float[np.ndarray, "signal unit"]:
        """Return the correlations; NaN for a unit that is constant, up to the rounding of float32."""
        n = self.n[self.mask]
        x, y = self.x[self.mask] / n, self.y / n
        vx, vy = self.xx[self.mask] / n - x * x, self.yy / n - y * y
        with np.errstate(invalid="ignore", divide="ignore"):
            r = (self.xy / n - x * y) / np.sqrt(vx * vy)
        largest = vx + np.maximum(x * x, (x + self.centre) ** 2)
        return np.where(vx > TINY * largest, r.clip(-1, 1), np.nan)


class Bins:
    """The bins of each unit.

    A bin is the number of edges up to a value. It is looked up by the cell that the value lies in, a rounding down of
    the edge to the next cell; only where a cell has several edges is it searched for. Both go up with the value.

    Args:
        first: the values to take the edges from.
    """

    def __init__(self, first: Float[np.ndarray, "row unit"]) -> None:
        ranked = np.sort(first.T.copy())
        levels = np.unique(np.linspace(0, len(first) - 1, QUANTILES).astype(int))
        low, high = (ranked[:, int(share * (len(first) - 1))] for share in (0.003, 0.997))
        self.low, self.scale = low, CELLS / np.maximum(high - low, 1e-30)
        self.edges = [_edges(unit) for unit in ranked[:, levels]]
        self.width = 1 + max(map(len, self.edges))
        self.single = np.zeros((len(self.edges), self.width), dtype=bool)
        self.table = np.empty((len(self.edges), CELLS), dtype=np.intp)
        for unit, edges in enumerate(self.edges):
            self._fill_tables(unit, edges)

    def _fill_tables(self, unit: int, edges: Float[np.ndarray, " edge"]) -> None:
        """Fill in which bins hold one value only, and which bin each cell is in: -1 where it has to be searched for."""
        single = np.flatnonzero(edges[1:] == np.nextafter(edges[:-1], np.inf))
        self.single[unit, single + 1] = True
        cells = _cells(edges, *(np.full_like(edges, per_unit[unit]) for per_unit in (self.low, self.scale)))
        self.table[unit] = np.searchsorted(cells, np.arange(CELLS))
        self.table[unit, np.bincount(cells, minlength=CELLS) > 1] = -1
        self.table[unit, cells[np.concatenate([single, single + 1])]] = -1

    def of(self, values: Float[np.ndarray, "row unit"], units: slice) -> Int[np.ndarray, "row unit"]:
        """Return the bins of the values of some units."""
        batch, count = min(STEPS_AT_ONCE, len(values)), values.shape[1]
        # tiled, not broadcast: rows of few units are short, and broadcasting over them takes longer
        low, scale = (np.tile(bounds[units], (batch, 1)) for bounds in (self.low, self.scale))
        offsets = np.tile(np.arange(count, dtype=np.int32) * CELLS, (batch, 1))
        bins, table = np.empty(values.shape, dtype=np.intp), self.table[units].ravel()
        for k in range(0, len(values), STEPS_AT_ONCE):
            rows = values[k : k + STEPS_AT_ONCE]
            cells = _cells(rows, low[: len(rows)], scale[: len(rows)])
            cells += offsets[: len(rows)]
            # no cell is outside the table: "clip" saves the time that the default mode takes to check it
            table.take(cells, out=bins[k : k + STEPS_AT_ONCE], mode="clip")
        row, unit = np.divmod(np.flatnonzero(bins < 0), count)
        for u in np.unique(unit):
            search = row[unit == u]
            bins[search, u] = np.searchsorted(self.edges[units][u], values[search, u], side="right")
        return bins


def _cells(
    values: Float[np.ndarray, "*row"], low: Float[np.ndarray, "*row"], scale: Float[np.ndarray, "*row"]
) -> Int32[np.ndarray, "*row"]:
    """Return the cells of values; those beyond the usual range are in the first and the last."""
    with np.errstate(over="ignore"):
        cells = np.subtract(values, low)
        cells *= scale
    return cells.clip(0, CELLS - 1, out=cells).astype(np.int32)


def _edges(levels: Float[np.ndarray, " level"]) -> Float[np.ndarray, " edge"]:
    """The edges of a unit's bins: its quantiles, tails beyond them, and both sides of every repeated value."""
    repeated = levels[1:][levels[1:] == levels[:-1]]
    low, high = levels[0].astype(float), levels[-1].astype(float)
    steps = (high - low or 1e-6 * max(1.0, abs(high))) / 64 * 1.5 ** np.arange(TAIL)
    with np.errstate(over="ignore"):
        tails = np.concatenate([low - steps, high + steps]).astype(levels.dtype)
    return np.unique(np.concatenate([levels, np.nextafter(repeated, np.inf), tails]))


class Histograms:
    """How many positives and negatives of each yes/no signal are in each bin of each unit.

    All steps are counted once, and for each signal those steps at which it is undefined, and the positives or the
    negatives, whichever are fewer; the others are what is left.
    """

    def __init__(self, signals: Sequence[SignalValues], first: Float[np.ndarray, "row unit"]) -> None:
        self.signals, self.bins, self.units = signals, Bins(first), first.shape[1]
        self.all, *counted = np.zeros((1 + 2 * len(signals), self.units, self.bins.width), dtype=np.int64)
        self.fewer, self.undefined = counted[: len(signals)], counted[len(signals) :]
        self.fewer_hold = [signal.mean <= 0.5 for signal in signals]

    def add(self, pieces: Sequence[Float[np.ndarray, "_ unit"]], at: Int[np.ndarray, " row"]) -> None:
        """Count the values of some steps of the text, which come in pieces."""
        rows = []
        for number, signal in enumerate(self.signals):
            rows.append((self.fewer[number], np.flatnonzero(signal.values[at] == self.fewer_hold[number])))
            rows.append((self.undefined[number], np.flatnonzero(signal.undefined(at))))
        for k in range(0, self.units, SIDE_BY_SIDE):
            units = slice(k, k + SIDE_BY_SIDE)
            bins = self.bins.of(np.concatenate([values[:, units] for values in pieces]), units)
            bins += np.arange(bins.shape[1]) * self.bins.width
            _count(self.all[units], bins)
            for counts, steps in filter(lambda row: len(row[1]), rows):
                _count(counts[units], bins.take(steps, 0))

    def auroc(self, signal: int) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
        """Return the AUROC of each unit, and how far it may be from the exact one."""
        fewer = self.fewer[signal]
        more = self.all - fewer - self.undefined[signal]
        p, q = (fewer, more) if self.fewer_hold[signal] else (more, fewer)
        p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
        below = q.cumsum(1) - q
        return (p * (below + q / 2)).sum(1), (p * q * ~self.bins.single).sum(1) / 2


def _count(counts: Int[np.ndarray, "unit bin"], bins: Int[np.ndarray, "row unit"]) -> None:
    """Add how often each bin, numbered through over the units, occurs."""
    counts += np.bincount(bins.ravel(), minlength=counts.size).reshape(counts.shape)


def scan(
    pieces: Iterable[Float[Tensor, "_ stream unit"]],
    signals: Mapping[str, Signal],
    text: str,
    streams: int,
    site: Site,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Scan:
    """Fold the values of a site over a text, read in equal streams side by side, into a ``Scan``.

    Args:
        pieces: the values of all streams at the next steps; the first is drawn after the signals have been read.
        progress: called with the number of characters done and their total.

    Raises:
        Undecidable: a signal has one value at all steps, or none.
    """
    steps = len(text) // streams
    by_name = {name: read_signal(name, signal, text, steps * streams) for name, signal in signals.items()}
    yes_no = [read for read in by_name.values() if read.yes_no]
    sums, counts, done = None, None, 0
    for batch in _batches(_rows(pieces, steps)):
        values, at = [v for v, _ in batch], np.concatenate([a for _, a in batch])
        if sums is None:
            first = np.concatenate(values)
            sums, counts = Sums(list(by_name.values()), first), Histograms(yes_no, first) if yes_no else None
        for piece in batch:
            sums.add(*piece)
        if counts is not None:
            counts.add(values, at)
        done += len(at)
        progress(done, steps * streams)
    assert sums is not None
    scored = {}
    for (name, read), n, r in zip(by_name.items(), sums.n[sums.mask, 0], sums.correlations(), strict=True):
        auroc = counts.auroc(yes_no.index(read)) if counts and read.yes_no else ()
        scored[name] = Scored(read.signal, int(n), r, *auroc)
    return Scan(site, steps * streams, scored)


Rows: TypeAlias = tuple[Float[np.ndarray, "row unit"], Int[np.ndarray, " row"]]


def _rows(pieces: Iterable[Tensor], steps: int) -> Iterator[Rows]:
    """The values of each piece, all streams in one axis, and where in the text they are."""
    done = 0
    for piece in pieces:
        time, streams, units = piece.shape
        at = np.arange(done, done + time)[:, None] + np.arange(streams) * steps
        yield piece.cpu().numpy().reshape(-1, units), at.ravel()
        done += time


def _batches(pieces: Iterable[Rows]) -> Iterator[list[Rows]]:
    """Pieces, together until they have ``FIRST`` steps: adding up the counts costs the same for a small batch."""
    batch: list[Rows] = []
    for piece in pieces:
        batch.append(piece)
        if sum(len(at) for _, at in batch) >= FIRST:
            yield batch
            batch = []
    if batch:
        yield batch
