"""Measures of a unit as a detector of a yes/no signal."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.of_units import one_unit, require_variety, sums
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.sequences import values
from neuronspec.errors import Undecidable
from neuronspec.language import unit_measures as words

THRESHOLDS = 256
"""At most so many thresholds describe a curve of precision and recall."""


def _values_by_class(measure: words.SignalMeasure, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values ``[lane sequence step]``, and where the signal holds and where it does not, ``[sequence step]``.

    Where nothing is resampled, all sequences count as one.
    """
    x, counted = one_unit(measure, view)
    signal = values(measure.signal, view.sequences)
    require_variety(measure.signal, signal[counted & np.isfinite(signal)])
    holds, fails = counted & (signal == 1), counted & (signal == 0)
    if not (holds | fails)[counted & np.isfinite(signal)].all():
        raise Undecidable(f"{measure.signal} has values other than 0 and 1, and a detector tells yes from no")
    if not view.resampled:
        x, holds, fails = x.reshape(len(x), 1, -1), holds.reshape(1, -1), fails.reshape(1, -1)
        return x, holds, fails
    return x.swapaxes(1, 2), holds.T, fails.T


# AUROC: how many pairs of a step where the signal holds and one where it does not are in order.


@estimate.register
def _estimate_auroc(measure: words.auroc, view: View) -> Estimate:
    x, holds, fails = _values_by_class(measure, view)
    return Estimate(np.stack([_pairs(lane, holds, fails) for lane in x]), _area)


def _pairs(
    x: Float[np.ndarray, "sequence step"],
    holds: Bool[np.ndarray, "sequence step"],
    fails: Bool[np.ndarray, "sequence step"],
) -> Float[np.ndarray, "sequence part"]:
    """Return for each sequence: pairs in order with each other one, a one-hot row for itself, and its two counts.

    The number of pairs in order is no sum over sequences, but totals of these parts hold what a resample needs: the
    pairs in order that the drawn sequences have with each other one, and how often that one is drawn.
    With sequence 0 drawn twice and 1 never, the totals are 2 x its row, and only its pairs with itself count, 2 x 2.
    """
    sequences = len(x)
    present = (holds | fails).any(1)
    if np.isnan(x[holds | fails]).any():
        return np.full((sequences, 2 * sequences + 2), np.nan)
    sequence_of, positive = np.nonzero(holds)[0], x[holds]
    ordered = np.zeros((sequences, sequences))
    for other in np.nonzero(fails.any(1))[0]:
        negative = np.sort(x[other][fails[other]])
        in_order = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
        ordered[:, other] = np.bincount(sequence_of, in_order, sequences) / 2  # equals count half
    return np.concatenate([ordered, np.diag(present.astype(float)), holds.sum(1)[:, None], fails.sum(1)[:, None]], 1)


def _area(totals: np.ndarray) -> np.ndarray:
    sequences = (totals.shape[-1] - 2) // 2
    ordered, drawn = totals[..., :sequences], totals[..., sequences:-2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (ordered * drawn).sum(-1) / (totals[..., -2] * totals[..., -1])


# AUPRC: the mean precision at the thresholds that the steps where the signal holds give.


@estimate.register
def _estimate_auprc(measure: words.auprc, view: View) -> Estimate:
    x, holds, fails = _values_by_class(measure, view)
    return Estimate(np.stack([_at_thresholds(lane, holds, fails) for lane in x]), _average_precision)


def _at_thresholds(
    x: Float[np.ndarray, "sequence step"],
    holds: Bool[np.ndarray, "sequence step"],
    fails: Bool[np.ndarray, "sequence step"],
) -> Float[np.ndarray, "sequence part"]:
    """Return how many steps of each kind lie between thresholds, how many hold, and how many sequences are read."""
    if np.isnan(x[holds | fails]).any():
        return np.full((len(x), 2 * THRESHOLDS + 2), np.nan)
    thresholds = np.unique(x[holds])
    if len(thresholds) > THRESHOLDS:
        thresholds = np.unique(np.quantile(x[holds], np.linspace(0, 1, THRESHOLDS), method="lower"))
    counts = np.zeros((2, len(x), THRESHOLDS + 1))
    for number, where in enumerate((holds, fails)):
        bins = np.searchsorted(thresholds, x[where], "right")  # 0: below all of them
        np.add.at(counts[number], (np.nonzero(where)[0], bins), 1)
    present = counts.sum((0, 2))  # a sequence counts even if nothing in it lies above a threshold
    return np.concatenate([counts[0, :, 1:], counts[1, :, 1:], counts[0].sum(1)[:, None], present[:, None]], 1)


def _average_precision(totals: np.ndarray) -> np.ndarray:
    right, wrong = totals[..., :THRESHOLDS], totals[..., THRESHOLDS:-2]
    above, all_above = right[..., ::-1].cumsum(-1)[..., ::-1], (right + wrong)[..., ::-1].cumsum(-1)[..., ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(all_above > 0, above / all_above, 0.0)
        return (right * precision).sum(-1) / totals[..., -2]


@estimate.register
def _estimate_f1(measure: words.f1, view: View) -> Estimate:
    x, counted = one_unit(measure, view)
    signal = values(measure.signal, view.sequences)
    require_variety(measure.signal, signal[counted & np.isfinite(signal)])
    counted = counted & np.isfinite(signal)
    detected = np.where(np.isnan(x), np.nan, x > measure.above)
    holds = np.broadcast_to(signal == 1, x.shape)
    terms = detected * holds, detected * ~holds, (1 - detected) * holds, np.ones_like(detected)
    return Estimate(sums(counted, *terms), _f1)


def _f1(totals: np.ndarray) -> np.ndarray:
    hit, false, missed, _ = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * hit / (2 * hit + false + missed)
