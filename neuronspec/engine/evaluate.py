"""Measures -> estimates, for the claimed units and for all that stands in for them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np
from jaxtyping import Bool, Float

from neuronspec.engine.picks import Lane, UnitSet, units
from neuronspec.engine.signals import Sequences, holds, values
from neuronspec.engine.statistics import Estimate, per_sequence
from neuronspec.engine.subject import Subject
from neuronspec.errors import Undecidable
from neuronspec.language import measures as words
from neuronspec.language.expression import Expression
from neuronspec.language.signals import char
from neuronspec.language.units import Site
from neuronspec.networks.tasks import Example, Generated

STATES = ("hidden", "cell")

TINY = 1e-13
"""A variance below this share of the largest square is rounding of float32: the values are constant."""


@dataclass(frozen=True)
class View:
    """What a measure is taken on: a network, a split of its sequences, and lanes of unit sets."""

    subject: Subject
    lanes: Sequence[Lane]
    split: str = "verification"

    @property
    def sequences(self) -> Sequences:
        return self.subject.clean(self.split).sequences

    def sets(self, of: Expression) -> list[UnitSet]:
        """The units on each lane."""
        return [units(of, lane, self.subject.sizes) for lane in self.lanes]


def scores(subject: Subject, measure: Expression, site: Site) -> Float[np.ndarray, " unit"]:
    """Return a measure of every unit of a site, on the discovery split."""
    with subject.clock.phase("pick"):
        whole = units(site, {}, subject.sizes)
        singles: list[Lane] = [{_SCORED: replace(whole, indices=(i,), signs=(1,))} for i in whole.indices]
        view = View(subject, singles, "discovery")
        return estimate(replace(measure, of=_SCORED), view).values


_SCORED = Site("hidden")[0]
"""Stands for the one unit of a lane while every unit of a site is scored."""


@singledispatch
def estimate(measure: object, view: View) -> Estimate:
    """Return the estimate of a measure on every lane of a view.

    Raises:
        Undecidable: what the measure is about never occurs.
    """
    raise NotImplementedError(f"no estimate for {measure!r}")


# Of units: [lane sequence part], where a part is a sum over the steps of one sequence.


def activations(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the units of each lane, signed, and the steps at which they count.

    Returns:
        ``[lane time batch unit]``, NaN beyond the units that a lane has; and ``[time batch]``, true where
        ``where`` holds and the edit, if any, could be made.
    """
    sets = view.sets(measure.of)  # type: ignore[arg-type]
    kept = holds(measure.where, view.sequences)
    batch = kept.shape[1]
    if measure.under is None:
        runs = [view.subject.clean(view.split).values[chosen.place] for chosen in sets]
    else:
        edited, used = view.subject.edited(measure.under, view.lanes)
        kept = kept & used
        runs = [edited[c.place][:, lane * batch : (lane + 1) * batch] for lane, c in enumerate(sets)]
    if any(chosen.moved for chosen in sets):
        runs = [np.diff(run, axis=0, prepend=0.0) for run in runs]
        if sets[0].site not in STATES:  # a state begins at 0; a gate has no value before the first step
            kept = kept & (view.sequences.steps > 0)
    if not kept.any():
        raise Undecidable(f"no step to measure at: {_why_no_step(measure)}")
    widest = max(len(chosen.indices) for chosen in sets)
    laid = np.full((len(sets), *kept.shape, widest), np.nan)
    for lane, (chosen, run) in enumerate(zip(sets, runs, strict=True)):
        laid[lane, ..., : len(chosen.indices)] = run[..., list(chosen.indices)] * np.array(chosen.signs)
    return laid, kept


def _why_no_step(measure: words.UnitMeasure) -> str:
    if measure.where is None:
        return f"{measure.under} could be made in no sequence"
    return f"{measure.where} never holds"


def _one_unit(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    laid, kept = activations(measure, view)
    if laid.shape[-1] == 0:
        return np.full(laid.shape[:-1], np.nan), kept
    return laid[..., 0], kept


def _sums(kept: np.ndarray, *terms: np.ndarray) -> np.ndarray:
    """Sum each term over the steps that count: ``[lane time batch]`` -> ``[lane batch part]``."""
    return np.stack([np.where(kept, term, 0.0).sum(-2) for term in np.broadcast_arrays(*terms)], -1)


@estimate.register
def _(measure: words.correlation, view: View) -> Estimate:
    x, kept = _one_unit(measure, view)
    y = values(measure.signal, view.sequences)
    kept = kept & np.isfinite(y)
    y = np.where(kept, y, 0.0)
    _want_variety(measure.signal, y[kept])
    y = (y - y[kept].mean()) / np.abs(y[kept] - y[kept].mean()).max()
    largest = np.where(kept, np.abs(x), 0.0).max((1, 2), keepdims=True)
    x = x - np.where(kept, x, 0.0).sum((1, 2), keepdims=True) / kept.sum()
    x = np.divide(x, largest, out=np.zeros_like(x), where=largest > 0)
    return Estimate(_sums(kept, np.ones_like(x), x, y, x * x, y * y, x * y), _pearson)


def _want_variety(signal: Expression, seen: np.ndarray) -> None:
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
def _(measure: words.mean, view: View) -> Estimate:
    laid, kept = activations(measure, view)
    present = np.isfinite(laid)
    return Estimate(_sums(kept, np.where(present, laid, 0.0).sum(-1), present.sum(-1)))


@estimate.register
def _(measure: words.spread, view: View) -> Estimate:
    x, kept = _one_unit(measure, view)
    finish = _relative_deviation if measure.relative else _deviation
    return Estimate(_sums(kept, np.ones_like(x), x, x * x), finish)


def _deviation(totals: np.ndarray) -> np.ndarray:
    n, x, xx = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0.0))


def _relative_deviation(totals: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return _deviation(totals) / np.abs(totals[..., 1] / totals[..., 0])


@estimate.register
def _(measure: words.saturation, view: View) -> Estimate:
    laid, kept = activations(measure, view)
    far = np.abs(laid)
    if measure.relative:
        largest = np.where(kept[..., None], far, 0.0).max((1, 2), keepdims=True)
        far = np.divide(far, largest, out=np.full_like(far, np.nan), where=largest > 0)
    present = np.isfinite(far)
    extreme = present & ((far <= measure.low) | (far >= measure.high))
    return Estimate(_sums(kept, extreme.sum(-1).astype(float), present.sum(-1)))


@estimate.register
def _(measure: words.size, view: View) -> Estimate:
    sizes = np.array([len(chosen.indices) for chosen in view.sets(measure.units)], dtype=float)
    batch = len(view.sequences.examples)
    return per_sequence(np.repeat(sizes[:, None], batch, 1), np.ones(batch, dtype=bool))


# Of behaviour: one value per sequence.


@singledispatch
def of_run(measure: object, run: Generated) -> float:
    """Return a measure of what the network generated from one prompt."""
    raise NotImplementedError(f"no measure of a run for {measure!r}")


@of_run.register
def _(measure: words.exact_match, run: Generated) -> float:
    return run.exact


@of_run.register
def _(measure: words.length, run: Generated) -> float:
    if measure.what is None:
        return len(run.came)
    if isinstance(measure.what, char):
        return run.came.count(measure.what.symbol)
    text = Sequences([Example(run.prompt + run.came)])
    return float(holds(measure.what, text)[len(run.prompt) :].sum())


@estimate.register(words.exact_match)
@estimate.register(words.length)
def _(measure: words.Behaviour, view: View) -> Estimate:
    numbers, used = _of_runs(measure, view)
    among = _among(measure, used, view)
    return per_sequence(numbers, among, yes_no=isinstance(measure, words.exact_match))


def _among(measure: words.Behaviour, used: Bool[np.ndarray, " batch"], view: View) -> Bool[np.ndarray, " batch"]:
    """The sequences that an edit could be made in, and that are asked for."""
    if not used.any():
        raise Undecidable(f"no sequence to measure: {measure.under} could be made in none")
    asked: np.ndarray = np.any(holds(measure.among, view.sequences), axis=0)
    if not (used & asked).any():
        raise Undecidable(f"no sequence to measure: {measure.among} occurs in none")
    return used & asked


def _of_runs(
    measure: words.Behaviour, view: View
) -> tuple[Float[np.ndarray, "lane batch"], Bool[np.ndarray, " batch"]]:
    if measure.under is None:
        runs, used = [view.subject.runs()], np.ones(len(view.sequences.examples), dtype=bool)
    else:
        runs, used = view.subject.edited_runs(measure.under, view.lanes)
    return np.array([[of_run(measure, run) for run in lane] for lane in runs], dtype=float), used


# Differences.


def _edited(measure: words.Difference) -> words.Measure:
    return replace(measure.measure, under=measure.under)


def _both(measure: words.Difference, view: View) -> tuple[Estimate, Estimate]:
    """The edited and the clean measure, on the sequences in which the edit could be made."""
    edited, clean = estimate(_edited(measure), view), estimate(measure.measure, view)
    used = np.any(edited.parts, axis=(0, 2))
    return edited, replace(clean, parts=clean.parts * used[:, None])


@estimate.register
def _(measure: words.Gap, view: View) -> Estimate:
    return estimate(measure.left, view).minus(estimate(measure.right, view))


@estimate.register
def _(measure: words.shift, view: View) -> Estimate:
    edited, clean = _both(measure, view)
    return edited.minus(clean)


@estimate.register
def _(measure: words.change, view: View) -> Estimate:
    edited, clean = _both(measure, view)
    return edited.relative_to(clean)


@estimate.register
def _(measure: words.moves, view: View) -> Estimate:
    clean, _ = _of_runs(measure.measure, view)
    edited, possible = _of_runs(_edited(measure), view)  # type: ignore[arg-type]
    used = _among(_edited(measure), possible, view)  # type: ignore[arg-type]
    return per_sequence((edited - clean == measure.by).astype(float), used, yes_no=True)
