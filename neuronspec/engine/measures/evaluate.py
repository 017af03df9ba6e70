"""Measures -> estimates, for the claimed units and for their controls at once."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float

from neuronspec.engine.measures import detectors, fits, of_units  # noqa: F401 (they register)
from neuronspec.engine.measures.estimates import Estimate, per_sequence, worst
from neuronspec.engine.measures.of_behaviour import among_those, of_runs
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import Lane, Nth, UnitSet, units
from neuronspec.errors import Undecidable
from neuronspec.language import measures as words
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression, rewritten
from neuronspec.language.units import Site, each

__all__ = ["View", "estimate", "of_claim", "scores"]


def scores(subject: Subject, measure: Expression, site: Site) -> Float[np.ndarray, " unit"]:
    """Return a measure of every unit of a site, on the discovery split."""
    with subject.clock.phase("pick"):
        whole = units(site, {}, subject.sizes)
        assert isinstance(whole, UnitSet), "a site is one set"
        singles = [replace(whole, indices=(i,), signs=(1,)) for i in whole.indices]
        lanes: list[Lane] = [{} for _ in singles]
        return estimate(measure, View(subject, lanes, "discovery", resampled=False, scored=singles)).values


def of_claim(claim: Claim, view: View) -> Estimate:
    """Return the estimate of what a claim is about; where it says ``each``, that of the worst unit."""
    each_units = list(dict.fromkeys(part for part in claim.measure.walk() if isinstance(part, each)))
    if not each_units:
        return estimate(claim.measure, view)
    counts = np.array([max(chosen.sizes) for chosen in view.sets(each_units[0].units)])
    if not counts.any():
        raise Undecidable(f"{each_units[0]}: there is no unit")
    per_unit = [estimate(rewritten(claim.measure, partial(_nth, number=n)), view) for n in range(counts.max())]
    return worst(per_unit, counts, partial(_short_of, claim))


def _short_of(claim: Claim, value: np.ndarray) -> np.ndarray:
    """How far a value is from within the bound; negative within it."""
    low, high = (-math.inf if claim.low is None else claim.low), (math.inf if claim.high is None else claim.high)
    return np.maximum(low - value, value - high)


def _nth(part: Expression, number: int) -> Expression:
    return Nth(part.units, number) if isinstance(part, each) else part


# Differences.


def _edited(measure: words.Difference) -> words.Measure:
    return replace(measure.measure, under=measure.under)


def _both(measure: words.Difference, view: View) -> tuple[Estimate, Estimate]:
    """The edited and the clean measure, on the sequences that have both."""
    edited, clean = estimate(_edited(measure), view), estimate(measure.measure, view)
    present = np.any(edited.sums, axis=-1, keepdims=True) & np.any(clean.sums, axis=-1, keepdims=True)
    return replace(edited, sums=edited.sums * present), replace(clean, sums=clean.sums * present)


@estimate.register
def _estimate_gap(measure: words.Gap, view: View) -> Estimate:
    return estimate(measure.left, view).minus(estimate(measure.right, view))


@estimate.register
def _estimate_shift(measure: words.shift, view: View) -> Estimate:
    edited, clean = _both(measure, view)
    return edited.minus(clean)


@estimate.register
def _estimate_change(measure: words.change, view: View) -> Estimate:
    edited, clean = _both(measure, view)
    return edited.relative_to(clean)


@estimate.register
def _estimate_moves(measure: words.moves, view: View) -> Estimate:
    clean, _ = of_runs(measure.measure, view)
    edited, possible = of_runs(_edited(measure), view)  # type: ignore[arg-type]
    used = among_those(_edited(measure), possible, view)  # type: ignore[arg-type]
    return per_sequence((edited - clean == measure.by).astype(float), used & np.isfinite(clean[0]), yes_no=True)
