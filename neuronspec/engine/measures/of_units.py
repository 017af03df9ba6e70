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
"""The peak of a unit that is constant over a sequence: no step stands out, which counts as a miss."""

TINY = 1e-13
"""A variance below this share of the largest square is rounding of float32: the values are constant."""


def activations(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the units that a measure is of, and the steps at which they count; see ``values_of``."""
    units, counted = values_of(view.sets(measure.of), view, measure.where, measure.under)
    if not counted.any():
        raise Undecidable(f"{measure.of}: no sequence to measure has units of its own")
    return units, counted


def values_of(
    sets: Sequence[Chosen], view: View, where: Expression | None = None, under: Intervention | None = None
) -> tuple[Float[np.ndarray, "lane time batch unit"], Bool[np.ndarray, "time batch"]]:
    """Return the signed values of a set of units on each lane, and the steps at which they count.

    They are NaN beyond the units that a lane has. A step counts where ``where`` holds, the edit, if any, could be made,
    and the sequence has units of its own.
    """
    counted = holds(where, view.sequences)
    if under is None:
        clean = view.subject.clean(view.split)
        runs = iter([clean] * len(sets))
    else:
        places = {chosen.place for chosen in sets}
        runs, used = view.subject.edited(under, view.lanes, places)
        counted = counted & used
    moved, bridged = sets[0].moved, view.subject.network.bridge > 0
    if sets[0].site not in STATES:  # a state has an initial value; a gate has none before a token is read
        counted = counted & (view.sequences.steps > moved + bridged - 1)
    if not counted.any():
        raise Undecidable(f"no step to measure at: {_why_no_step(where, under)}")
    units = np.full((len(sets), *counted.shape, max(max(chosen.sizes) for chosen in sets)), np.nan)
    has_units = np.zeros(counted.shape[1], dtype=bool)  # false where a symbol's value has no set
    for lane, (chosen, run) in enumerate(zip(sets, runs, strict=True)):
        for rows, unit_set in chosen.sequences(view.sequences.examples):
            units[lane][:, rows, : len(unit_set.indices)] = _of_set(unit_set, run, rows)
            has_units[rows] = True
    return units, counted & has_units


def _of_set(chosen: UnitSet, run: Activations, rows: np.ndarray) -> Float[np.ndarray, "time some unit"]:
    """The signed values of units in some sequences, or how far they moved."""
    index, signs = list(chosen.indices), np.array(chosen.signs, dtype=float)
    signed = run.values[chosen.place][:, rows][..., index] * signs
    if not chosen.moved:
        return signed
    start = run.before[chosen.place][rows][:, index][None] * signs if chosen.place in run.before else 0.0
    return np.diff(signed, axis=0, prepend=start)


def _why_no_step(where: Expression | None, under: Intervention | None) -> str:
    return f"{under} could be made in no sequence" if where is None else f"{where} never holds"


def one_unit(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the one unit of each lane, ``[lane time batch]``, and the steps at which they count."""
    units, counted = activations(measure, view)
    if units.shape[-1] == 0:
        return np.full(units.shape[:-1], np.nan), counted
    return units[..., 0], counted


def sums(counted: np.ndarray, *terms: np.ndarray) -> np.ndarray:
    """Sum each term over the steps that count: ``[lane time batch]`` -> ``[lane batch part]``."""
    return np.stack([np.where(counted, term, 0.0).sum(-2) for term in np.broadcast_arrays(*terms)], -1)


@estimate.register
def _estimate_correlation(measure: words.correlation, view: View) -> Estimate:
    x, counted = one_unit(measure, view)
    y = values(measure.signal, view.sequences)
    counted = counted & np.isfinite(y)
    y = np.where(counted, y, 0.0)
    require_variety(measure.signal, y[counted])
    y = (y - y[counted].mean()) / np.abs(y[counted] - y[counted].mean()).max()
    largest = np.where(counted, np.abs(x), 0.0).max((1, 2), keepdims=True)
    x = x - np.where(counted, x, 0.0).sum((1, 2), keepdims=True) / counted.sum()
    x = np.divide(x, largest, out=np.zeros_like(x), where=largest > 0)
    return Estimate(sums(counted, np.ones_like(x), x, y, x * x, y * y, x * y), _pearson)


def require_variety(signal: Expression, at_steps: np.ndarray) -> None:
    """Raise Undecidable for a signal that has one value at every step that counts."""
    if not len(at_steps):
        raise Undecidable(f"{signal} is defined at no step that counts")
    if (at_steps == at_steps[0]).all():
        what = "never holds" if at_steps[0] == 0 else "always holds"
        description = what if "condition" in signal.kinds else f"is always {at_steps[0]:g}"
        raise Undecidable(f"{signal} {description} at the steps that count")


def _pearson(totals: np.ndarray) -> np.ndarray:
    n, x, y, xx, yy, xy = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        vx, vy = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
        r = (xy / n - x * y / n**2) / np.sqrt(vx * vy)
    return np.where((vx > TINY) & (vy > TINY), r, np.nan)


@estimate.register
def _estimate_mean(measure: words.mean, view: View) -> Estimate:
    units, counted = activations(measure, view)
    present = np.isfinite(units)
    summed = np.abs(units) if measure.absolute else units
    return Estimate(sums(counted, np.where(present, summed, 0.0).sum(-1), present.sum(-1)))


@estimate.register
def _estimate_gate_input(measure: words.gate_input, view: View) -> Estimate:
    network, examples = view.subject.network, view.sequences.examples
    step = moments(measure.at, view.sequences)
    used = step > network.bridge
    if not used.any():
        raise Undecidable(f"no sequence to measure: {measure.at} is in none, or has no step before it")
    gate_inputs = np.full((len(view.lanes), len(examples)), np.nan)
    for lane, (gates, by) in enumerate(zip(view.sets(measure.of), view.sets(measure.by), strict=True)):
        hidden = view.subject.clean(view.split).values[by.place][np.maximum(step - 1, 0), np.arange(len(examples))]
        only_by = np.zeros_like(hidden)
        for rows, unit_set in by.sequences(examples):
            rows_and_units = np.ix_(rows, np.array(unit_set.indices, dtype=int))
            only_by[rows_and_units] = hidden[rows_and_units]
        inputs = only_by @ network.recurrent_weights(gates.place).T
        for rows, unit_set in gates.sequences(examples):
            gate_inputs[lane, rows] = inputs[rows][:, list(unit_set.indices)].mean(1)
    return per_sequence(gate_inputs, used)


@estimate.register
def _estimate_spread(measure: words.spread, view: View) -> Estimate:
    x, counted = one_unit(measure, view)
    finish = _relative_deviation if measure.relative else _deviation
    return Estimate(sums(counted, np.ones_like(x), x, x * x), finish)


def _deviation(totals: np.ndarray) -> np.ndarray:
    n, x, xx = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0.0))


def _relative_deviation(totals: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return _deviation(totals) / np.abs(totals[..., 1] / totals[..., 0])


@estimate.register
def _estimate_saturation(measure: words.saturation, view: View) -> Estimate:
    units, counted = activations(measure, view)
    magnitude = np.abs(units)
    if measure.relative:
        largest = np.where(np.isfinite(magnitude), magnitude, 0.0).max((1, 2), keepdims=True)
        magnitude = np.divide(magnitude, largest, out=np.full_like(magnitude, np.nan), where=largest > 0)
    present = np.isfinite(magnitude)
    extreme = present & ((magnitude <= measure.low) | (magnitude >= measure.high))
    return Estimate(sums(counted, extreme.sum(-1).astype(float), present.sum(-1)))


@estimate.register
def _estimate_size(measure: words.size, view: View) -> Estimate:
    return per_sequence(_sizes(view.sets(measure.units), view), np.ones(len(view.sequences.examples), dtype=bool))


def _sizes(sets: Sequence[Chosen], view: View) -> Float[np.ndarray, "lane batch"]:
    """How many units there are in each sequence."""
    examples = view.sequences.examples
    sizes = np.full((len(sets), len(examples)), np.nan)
    for lane, chosen in enumerate(sets):
        for rows, unit_set in chosen.sequences(examples):
            sizes[lane, rows] = len(unit_set.indices)
    return sizes


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
    holds_there = (at != FLAT) & (holds(measure.on, view.sequences)[np.maximum(at, 0), np.arange(at.shape[1])])
    return per_sequence(np.where(at == NOWHERE, np.nan, holds_there), among & used, yes_no=True)


def _steps(
    moment: object, under: Intervention | None, view: View
) -> tuple[Int[np.ndarray, "lane batch"], Bool[np.ndarray, " batch"]]:
    """The step of a moment on every lane, and the sequences in which the edit could be made."""
    if isinstance(moment, Shifted):
        inner, used = _steps(moment.moment, under, view)
        at = inner + moment.steps
        exists = (inner >= 0) & (at >= 0) & (at < view.sequences.lengths)
        return np.where(exists, at, np.minimum(inner, NOWHERE)), used
    if not isinstance(moment, words.peak):
        at = moments(moment, view.sequences)
        return np.broadcast_to(at, (len(view.lanes), len(at))), np.ones(len(at), dtype=bool)
    x, counted_steps = one_unit(words.mean(of=moment.units, where=moment.where, under=under), view)
    has_value = counted_steps & np.isfinite(x)
    candidates, lowest = np.where(has_value, x, -np.inf), np.where(has_value, x, np.inf).min(1)
    flat = (has_value.sum(1) > 1) & (candidates.max(1) == lowest)
    peaks = np.where(flat, FLAT, np.where(has_value.any(1), candidates.argmax(1), NOWHERE))
    return peaks, np.any(counted_steps, axis=0)
