"""A claim's measure by the number of units kept, or by the value of a symbol and the step of a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.evaluate import View, of_claim
from neuronspec.engine.picks.picks import found, number_to_keep
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import Chosen, Lane, bases, layer_of, units
from neuronspec.engine.verdicts.controls import as_found, stand_ins
from neuronspec.errors import NetworkError, Undecidable
from neuronspec.language.claims import Claim
from neuronspec.language.moments import Moment
from neuronspec.language.signals import symbol
from neuronspec.pictures.about import moment_of, picks_with_keep, symbol_of
from neuronspec.pictures.groups import by_moment, by_symbol, ratio_or_nan

PERCENT = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)
"""Shares of a site that a measure is drawn over."""


@dataclass(frozen=True)
class BySize:
    """A measure by the number of units that its picks keep, and the same of random sets of that size.

    Args:
        sizes: numbers of units, up to all candidates.
        random: the lowest, the mean and the highest of the random sets; NaN where there is none of that size.
        stated: the number that the claim itself keeps.
        of: how many units the site has.
    """

    sizes: Sequence[int]
    claimed: Float[np.ndarray, " size"]
    random: Float[np.ndarray, "size 3"]
    stated: int
    of: int


@dataclass(frozen=True)
class Heat:
    """A measure by the value of a symbol and the step of a moment.

    Args:
        claimed: the measure of the claim's units; NaN where there is no sequence.
        random: the mean over random units; None where none can stand in for the claim's.
        whole: the measure over all sequences: of the claim's units, and of random ones.
    """

    symbol: symbol
    moment: Moment
    rows: Sequence[str]
    columns: Sequence[int]
    claimed: Float[np.ndarray, "value step"]
    random: Float[np.ndarray, "value step"] | None
    whole: tuple[float, float]


def by_size(claim: Claim, subject: Subject) -> BySize:
    """Return a claim's measure with one unit kept, with two, and so on, and with as many random ones."""
    picks = picks_with_keep(claim)
    most = min(_candidates(pick, subject) for pick in picks)
    of = subject.sizes[layer_of(picks[0].of_site), picks[0].of_site.name]
    stated = min(number_to_keep(picks[0].keep, of), most)
    sizes = sorted({n for percent in PERCENT if (n := number_to_keep(percent / 100, of)) <= most} | {stated, most})
    claimed, random = np.full(len(sizes), np.nan), np.full((len(sizes), 3), np.nan)
    for number, size in enumerate(sizes):
        lane = {b: found(b, subject)[b] for b in bases(claim.measure)} | {b: _keeping(size, b, subject) for b in picks}
        estimate, random_estimate = _with_random(claim, lane, subject)
        claimed[number] = estimate.values[0]
        values = random_estimate.values if random_estimate else np.array([])
        if (finite := values[np.isfinite(values)]).size:
            random[number] = finite.min(), finite.mean(), finite.max()
    return BySize(sizes, claimed, random, stated, of)


def _keeping(number: int, pick: Any, subject: Subject) -> Chosen:
    """The units of a pick that keeps this number of them."""
    resized = replace(pick, keep=number)
    return found(resized, subject)[resized]


def _candidates(pick: Any, subject: Subject) -> int:
    """How many units a pick chooses from; of several sets the fewest, so that every set reaches all drawn sizes."""
    return min(units(pick.candidates, found(pick.candidates, subject), subject.sizes).sizes)


def heat(claim: Claim, subject: Subject) -> Heat:
    """Return a claim's measure on the sequences of each value of a symbol and each step of a moment."""
    by, moment = symbol_of(claim), moment_of(claim)
    assert by is not None, "the kind fits the claim"
    assert moment is not None, "the kind fits the claim"
    rows, columns = by_symbol(by, subject), by_moment(moment, subject)
    estimate, random_estimate = _with_random(claim, found(claim.measure, subject), subject)
    cells = np.stack([row & column for row in rows.values() for column in columns.values()]).astype(float)
    shape = len(rows), len(columns)
    return Heat(
        symbol=by,
        moment=moment,
        rows=list(rows),
        columns=list(columns),
        claimed=_of_cells(estimate, cells)[0].reshape(shape),
        random=_mean_of_lanes(_of_cells(random_estimate, cells)).reshape(shape) if random_estimate else None,
        whole=(
            float(estimate.values[0]),
            float(_mean_of_lanes(random_estimate.values[:, None])[0]) if random_estimate else math.nan,
        ),
    )


def _of_cells(estimate: Estimate, cells: Float[np.ndarray, "cell sequence"]) -> Float[np.ndarray, "lane cell"]:
    """A measure on the sequences of each cell alone; NaN where none of them has it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = estimate.at(cells)
    has_measure = cells @ np.any(estimate.sums[0], axis=-1).astype(float) > 0
    return np.where(has_measure, values, np.nan)


def _mean_of_lanes(values: Float[np.ndarray, "lane cell"]) -> Float[np.ndarray, " cell"]:
    """The mean over the lanes that have a value."""
    return ratio_or_nan(np.nansum(values, 0), np.isfinite(values).sum(0))


def _with_random(claim: Claim, claimed: Lane, subject: Subject) -> tuple[Estimate, Estimate | None]:
    """The measure of a claim's units, and of random ones, None where too few others are left or they break it."""
    for base, chosen in claimed.items():
        if not all(chosen.sizes):
            raise Undecidable(f"{base} finds no unit")
    try:
        everything = of_claim(claim, View(subject, [claimed, *stand_ins(claim, claimed, subject)]))
    except (NetworkError, Undecidable):
        everything = of_claim(claim, View(subject, [claimed]))
    estimate, random_estimate = (
        replace(everything, sums=parts) for parts in (everything.sums[:1], everything.sums[1:])
    )
    return estimate, as_found(claim.measure, estimate, random_estimate) if len(random_estimate.sums) else None
