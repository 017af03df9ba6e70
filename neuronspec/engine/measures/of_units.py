"""Measures of units: ``[lane sequence sum]``, where a part is a sum over the steps of one sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from neuronspec.engine.measures.estimates import Estimate, per_sequence
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.runs.activations import STATES, Activations
from neuronspec.engine.sequences import NOWHERE, holds, moments, values
from neuronspec.engine.unit_sets import Chosen, UnitSet
from neuronspec.errors import Undecidable
from neuronspec.language import unit_measures as words
from neuronspec.language.expression import Expression
from neuronspec.language.interventions import Intervention
from neuronspec.language.moments import Shifted

FLAT = -2
"""The peak of a unit that has one value at all steps of a sequence: none stands out, which is a miss."""

TINY = 1e-13
"""A variance below this share of the largest square is rounding of float32: the values are constant."""


def activations(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the units that a measure is of, and the steps at which they count: see ``values_of``."""
    laid, counted = values_of(view.sets(measure.of), view, measure.where, measure.under)
    if not counted.any():
        raise Undecidable(f"{measure.of}: no sequence to measure has units of its own")
    return laid, counted


def values_of(
    sets: Sequence[Chosen], view: View, where: Expression | None = None, under: Intervention | None = None
) -> tuple[Float[np.ndarray, "lane time batch unit"], Bool[np.ndarray, "time batch"]]:
    """Return the signed values of a set of units on each lane, and the steps at which they count.

    They are NaN beyond the units that a lane has. A step counts where ``where`` holds, the edit, if any, could be made,
    and the sequence has units of its own.
    """
    kept = holds(where, view.sequences)
    if under is None:
        clean = view.subject.clean(view.split)
        runs = iter([clean] * len(sets))
    else:
        places = {chosen.place for chosen in sets}
        runs, used = view.subject.edited(under, view.lanes, places)
        kept = kept & used
    moved, bridged = sets[0].moved, view.subject.network.bridge > 0
    if sets[0].site not in STATES:  # which begin somewhere; a gate has no value before a token is read
        kept = kept & (view.sequences.steps > moved + bridged - 1)
    if not kept.any():
        raise Undecidable(f"no step to measure at: {_why_no_step(where, under)}")
    laid = np.full((len(sets), *kept.shape, max(max(chosen.sizes) for chosen in sets)), np.nan)
    there = np.zeros(kept.shape[1], dtype=bool)  # a sequence whose value has no set is left out
    for lane, (chosen, run) in enumerate(zip(sets, runs, strict=True)):
        for rows, one in chosen.sequences(view.sequences.examples):
            laid[lane][:, rows, : len(one.indices)] = _of_set(one, run, rows)
            there[rows] = True
    return laid, kept & there


def _of_set(chosen: UnitSet, run: Activations, rows: np.ndarray) -> Float[np.ndarray, "time some unit"]:
    """The signed values of units in some sequences, or how far they moved."""
    index, signs = list(chosen.indices), np.array(chosen.signs, dtype=float)
    own = run.values[chosen.place][:, rows][..., index] * signs
    if not chosen.moved:
        return own
    past = run.before[chosen.place][rows][:, index][None] * signs if chosen.place in run.before else 0.0
    return np.diff(own, axis=0, prepend=past)


def _why_no_step(where: Expression | None, under: Intervention | None) -> str:
    return f"{under} could be made in no sequence" if where is None else f"{where} never holds"


def one_unit(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the one unit of each lane, ``[lane time batch]``, and the steps at which they count."""
    laid, kept = activations(measure, view)
    if laid.shape[-1] == 0:
        return np.full(laid.shape[:-1], np.nan), kept
    return laid[..., 0], kept


def sums(kept: np.ndarray, *terms: np.ndarray) -> np.ndarray:
    """Sum each term over the steps that count: ``[lane time batch]`` -> ``[lane batch part]``."""
    return np.stack([np.where(kept, term, 0.0).sum(-2) for term in np.broadcast_arrays(*terms)], -1)


@estimate.register
def _estimate_correlation(measure: words.correlation, view: View) -> Estimate:
    x, kept = one_unit(measure, view)
    y = values(measure.signal, view.sequences)
    kept = kept & np.isfinite(y)
    y = np.where(kept, y, 0.0)
    want_variety(measure.signal, y[kept])
    y = (y - y[kept].mean()) / np.abs(y[kept] - y[kept].mean()).max()
    largest = np.where(kept, np.abs(x), 0.0).max((1, 2), keepdims=True)
    x = x - np.where(kept, x, 0.0).sum((1, 2), keepdims=True) / kept.sum()
    x = np.divide(x, largest, out=np.zeros_like(x), where=largest > 0)
    return Estimate(sums(kept, np.ones_like(x), x, y, x * x, y * y, x * y), _pearson)


def want_variety(signal: Expression, seen: np.ndarray) -> None:
    """Raise Undecidable for a signal that says the same at every step that counts."""
    if not len(seen):
        raise Undecidable(f"{signal} is defined at no step that counts")
    if (seen == seen[0]).all():
        what = "never holds" if seen[0] == 0 else "always holds"
        constant = what if "condition" in signal.kinds else f"is always {seen[0]:g}"
        raise Undecidable(f"{signal} {constant} at the steps that count")


def _pearson(totals: np.ndarray) -> np.ndarray:
    n, x, y, xx, yy, xy = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        vx, vy = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
        r = (xy / n - x * y / n**2) / np.sqrt(vx * vy)
    return np.where((vx > TINY) & (vy > TINY), r, np.nan)


@estimate.register
def _estimate_mean(measure: words.mean, view: View) -> Estimate:
    laid, kept = activations(measure, view)
    present = np.isfinite(laid)
    counted = np.abs(laid) if measure.absolute else laid
    return Estimate(sums(kept, np.where(present, counted, 0.0).sum(-1), present.sum(-1)))


@estimate.register
def _estimate_gate_input(measure: words.gate_input, view: View) -> Estimate:
    network, examples = view.subject.network, view.sequences.examples
    at = moments(measure.at, view.sequences)
    used = at > network.bridge
    if not used.any():
        raise Undecidable(f"no sequence to measure: {measure.at} is in none, or has no step before it")
    driven = np.full((len(view.lanes), len(examples)), np.nan)
    for lane, (gates, by) in enumerate(zip(view.sets(measure.of), view.sets(measure.by), strict=True)):
        hidden = view.subject.clean(view.split).values[by.place][np.maximum(at - 1, 0), np.arange(len(examples))]
        alone = np.zeros_like(hidden)
        for rows, one in by.sequences(examples):
            theirs = np.ix_(rows, np.array(one.indices, dtype=int))
            alone[theirs] = hidden[theirs]
        inputs = alone @ network.recurrent_weights(gates.place).T
        for rows, one in gates.sequences(examples):
            driven[lane, rows] = inputs[rows][:, list(one.indices)].mean(1)
    return per_sequence(driven, used)


@estimate.register
def _estimate_spread(measure: words.spread, view: View) -> Estimate:
    x, kept = one_unit(measure, view)
    finish = _relative_deviation if measure.relative else _deviation
    return Estimate(sums(kept, np.ones_like(x), x, x * x), finish)


def _deviation(totals: np.ndarray) -> np.ndarray:
    n, x, xx = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0.0))


def _relative_deviation(totals: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return _deviation(totals) / np.abs(totals[..., 1] / totals[..., 0])


@estimate.register
def _estimate_saturation(measure: words.saturation, view: View) -> Estimate:
    laid, kept = activations(measure, view)
    far = np.abs(laid)
    if measure.relative:
        largest = np.where(np.isfinite(far), far, 0.0).max((1, 2), keepdims=True)
        far = np.divide(far, largest, out=np.full_like(far, np.nan), where=largest > 0)
    present = np.isfinite(far)
    extreme = present & ((far <= measure.low) | (far >= measure.high))
    return Estimate(sums(kept, extreme.sum(-1).astype(float), present.sum(-1)))


@estimate.register
def _estimate_size(measure: words.size, view: View) -> Estimate:
    return per_sequence(_sizes(view.sets(measure.units), view), np.ones(len(view.sequences.examples), dtype=bool))


def _sizes(sets: Sequence[Chosen], view: View) -> Float[np.ndarray, "lane batch"]:
    """How many units there are in each sequence."""
    examples = view.sequences.examples
    laid = np.full((len(sets), len(examples)), np.nan)
    for lane, chosen in enumerate(sets):
        for rows, one in chosen.sequences(examples):
            laid[lane, rows] = len(one.indices)
    return laid


@estimate.register
def _estimate_overlap(measure: words.overlap, view: View) -> Estimate:
    shared, *both = (_sizes(view.sets(u), view) for u in (measure.units & measure.other, measure.units, measure.other))
    fewest = np.minimum(*both)
    share = np.divide(shared, fewest, out=np.full_like(shared, np.nan), where=fewest > 0)
    return per_sequence(share, np.ones(len(view.sequences.examples), dtype=bool))


@estimate.register
def _estimate_share(measure: words.share, view: View) -> Estimate:
    at, used = _steps(measure.moment, measure.under, view)
    among = np.any(holds(measure.among, view.sequences), axis=0)
    if not (among & used & (at >= 0)).any():
        raise Undecidable(f"no sequence to measure: {measure.moment} is in none")
    held = (at != FLAT) & (holds(measure.on, view.sequences)[np.maximum(at, 0), np.arange(at.shape[1])])
    return per_sequence(np.where(at == NOWHERE, np.nan, held), among & used, yes_no=True)


def _steps(
    moment: object, under: Intervention | None, view: View
) -> tuple[Int[np.ndarray, "lane batch"], Bool[np.ndarray, " batch"]]:
    """The step of a moment on every lane, and the sequences in which the edit could be made."""
    if isinstance(moment, Shifted):
        inner, used = _steps(moment.moment, under, view)
        at = inner + moment.steps
        there = (inner >= 0) & (at >= 0) & (at < view.sequences.lengths)
        return np.where(there, at, np.minimum(inner, NOWHERE)), used
    if not isinstance(moment, words.peak):
        at = moments(moment, view.sequences)
        return np.broadcast_to(at, (len(view.lanes), len(at))), np.ones(len(at), dtype=bool)
    x, kept = one_unit(words.mean(of=moment.units, where=moment.where, under=under), view)
    counted = kept & np.isfinite(x)
    candidates, least = np.where(counted, x, -np.inf), np.where(counted, x, np.inf).min(1)
    flat = (counted.sum(1) > 1) & (candidates.max(1) == least)
    peaks = np.where(flat, FLAT, np.where(counted.any(1), candidates.argmax(1), NOWHERE))
    return peaks, np.any(kept, axis=0)
