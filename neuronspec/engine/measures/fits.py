"""Measures of a model fitted to the units: on the discovery split, to be judged on the verification split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.of_units import activations, require_variety, sums
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.numerics import linear_svm
from neuronspec.engine.sequences import Sequences, holds, values
from neuronspec.errors import Undecidable, did_you_mean
from neuronspec.language import unit_measures as words
from neuronspec.language.expression import Expression, shown
from neuronspec.language.signals import Shuffled, symbol

MOST_CLASSES = 64
MOST_SAMPLES = 4000
"""At most so many steps are fitted, evenly spread: more make no better SVM, only a slower one."""


@estimate.register
def _estimate_r2(measure: words.r2, view: View) -> Estimate:
    fitted, fitted_steps = activations(replace(measure, under=None), replace(view, split="discovery"))
    targets = values(measure.signal, view.subject.clean("discovery").sequences)
    units, counted = activations(measure, view)
    y = values(measure.signal, view.sequences)
    fitted_steps, counted = fitted_steps & np.isfinite(targets), counted & np.isfinite(y)
    require_variety(measure.signal, targets[fitted_steps])
    if fitted_steps.sum() <= fitted.shape[-1]:
        raise Undecidable(
            f"{fitted_steps.sum()} samples are no more than the {fitted.shape[-1]} units: a line fits anything there"
        )
    require_variety(measure.signal, y[counted])
    y = np.where(counted, y - y[counted].mean(), 0.0)
    predicted = np.stack(
        [_predicted_by_line(x[fitted_steps], targets[fitted_steps], new) for x, new in zip(fitted, units, strict=True)]
    )
    squared_error = (predicted - y - values(measure.signal, view.sequences)[counted].mean()) ** 2
    return Estimate(sums(counted, np.ones_like(squared_error), y, y * y, squared_error), _explained)


def _predicted_by_line(
    x: Float[np.ndarray, "sample unit"], y: Float[np.ndarray, " sample"], new: Float[np.ndarray, "time batch unit"]
) -> Float[np.ndarray, "time batch"]:
    """Return what a line through ``x`` and ``y`` gives for new values; NaN where a lane has no units."""
    present = np.isfinite(x).all(0)
    if not present.any():
        return np.full(new.shape[:-1], np.nan)
    x, new = x[:, present], new[..., present]
    centre = x.mean(0)
    slope = np.linalg.lstsq(x - centre, y - y.mean(), rcond=1e-10)[0]
    predicted: np.ndarray = (new - centre) @ slope + y.mean()
    return predicted


def _explained(totals: np.ndarray) -> np.ndarray:
    n, y, yy, squared_error = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - squared_error / (yy - y * y / n)


# What a linear SVM can read.


@dataclass(frozen=True)
class Labelled:
    """Steps and the classes they are of.

    Args:
        classes: the number of each step's class, ``[time batch]``; -1 where it has none.
        names: of the classes.
    """

    classes: Int[np.ndarray, "time batch"]
    names: tuple[str, ...]


def labelled(labels: Expression, where: object, on: Sequences, names: tuple[str, ...] = ()) -> Labelled:
    """Return the classes of all steps where ``where`` holds.

    Args:
        labels: a signal (each value is a class) or a symbol (each step is of its sequence's class).
        names: of the classes, where they are known; any other class then has the number after theirs.

    Raises:
        Undecidable: there are more values than ``MOST_CLASSES``.
    """
    names_by_step = _symbols(labels, on) if symbol in map(type, labels.walk()) else _values(labels, on)
    counted = holds(where, on) & (names_by_step != "")
    known = names or tuple(sorted(set(names_by_step[counted]), key=_by_number))
    if len(known) > MOST_CLASSES:
        raise Undecidable(f"{labels} has {len(known)} values: {MOST_CLASSES} classes at most (r2 fits a number)")
    if not counted.any():
        raise Undecidable(f"{where or labels} never holds" if where else f"{labels} has a value at no step")
    classes = np.where(counted, len(known), -1)
    for number, name in enumerate(known):
        classes[counted & (names_by_step == name)] = number
    return Labelled(classes, known)


def _by_number(name: str) -> tuple[float, str]:
    try:
        return float(name), ""
    except ValueError:
        return 0.0, name


def _values(labels: Expression, on: Sequences) -> np.ndarray:
    """The value of a signal at each step as the name of a class: 0.0, 1.5, NaN -> "0", "1.5", "".

    Few values come at many steps, so each is turned to a name once: [1.5, 0, 1.5] has the known values [0, 1.5], of
    which its steps have number 1, 0 and 1.
    """
    per_step = values(labels, on)
    known, inverse = np.unique(per_step, return_inverse=True)
    class_names = np.array([shown(float(value)) if np.isfinite(value) else "" for value in known], dtype=object)
    return class_names[inverse].reshape(per_step.shape)


def _symbols(labels: Expression, on: Sequences) -> np.ndarray:
    if isinstance(labels, Shuffled):
        permutation = labels.permutation(len(on.examples))
        return _symbols(labels.signal, on)[0][None, permutation].repeat(on.time, 0)
    name: str = labels.name  # type: ignore[attr-defined]
    known = {name for example in on.examples for name in example.symbols}
    if name not in known:
        raise Undecidable(f"the task gives no symbol {name!r}{did_you_mean(name, known)}")
    per_sequence = [example.symbols.get(name, "") for example in on.examples]
    return np.broadcast_to(np.array(per_sequence, dtype=object), (on.time, len(per_sequence)))


@estimate.register
def _estimate_probe(measure: words.probe, view: View) -> Estimate:
    fitted, fitted_steps = activations(replace(measure, under=None), replace(view, split="discovery"))
    training = labelled(measure.labels, measure.where, view.subject.clean("discovery").sequences)
    units, counted = activations(measure, view)
    labels = labelled(measure.labels, measure.where, view.sequences, training.names).classes
    counted = counted & (labels >= 0)
    fitted_steps = fitted_steps & (training.classes >= 0)
    correct = np.stack(
        [
            _predicted(x[fitted_steps], training.classes[fitted_steps], training.names, new) == labels
            for x, new in zip(fitted, units, strict=True)
        ]
    )
    if not measure.balanced:
        return Estimate(sums(counted, correct, np.ones(correct.shape)))
    classes = [labels == number for number in range(len(training.names) + 1)]  # the last: never seen, never predicted
    return Estimate(
        sums(counted, *(correct & of_class for of_class in classes), *(of_class & counted for of_class in classes)),
        partial(_balanced, len(classes)),
    )


def _balanced(classes: int, totals: np.ndarray) -> np.ndarray:
    correct, of_class = totals[..., :classes], totals[..., classes:]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(of_class > 0, correct / of_class, 0.0)
        return share.sum(-1) / (of_class > 0).sum(-1)


def _predicted(
    x: Float[np.ndarray, "sample unit"],
    classes: Int[np.ndarray, " sample"],
    names: tuple[str, ...],
    new: Float[np.ndarray, "time batch unit"],
) -> Int[np.ndarray, "time batch"]:
    """Return the class that a linear SVM fitted to ``x`` finds at each new step."""
    present = np.isfinite(x).all(0)
    x, new = x[:, present], np.nan_to_num(new[..., present])
    samples, labels = fitted_samples(x, classes, names)
    y = linear_svm.one_vs_rest(labels[None], len(names))[0]
    weights = linear_svm.fit(linear_svm.standardised(samples, samples).expand(len(y), -1, -1), y)
    scores = linear_svm.standardised(torch.from_numpy(new).flatten(0, 1), samples) @ weights[:, :-1].mT + weights[:, -1]
    predicted = (scores[:, 0] > 0).long() if len(y) == 1 else scores.argmax(1)
    return predicted.view(new.shape[:-1]).numpy()


def fitted_samples(
    x: Float[np.ndarray, "sample unit"], classes: Int[np.ndarray, " sample"], names: tuple[str, ...]
) -> tuple[Float[torch.Tensor, "sample unit"], Int[torch.Tensor, " sample"]]:
    """Return the samples that are fitted, at most ``MOST_SAMPLES``, evenly spread.

    Raises:
        Undecidable: there are too few, or they are all of one class.
    """
    chosen = _spread(classes) if len(x) > MOST_SAMPLES else np.arange(len(x))
    samples, labels = torch.from_numpy(np.ascontiguousarray(x[chosen])), torch.from_numpy(classes[chosen])
    linear_svm.checked(samples, labels, names)
    if len(samples) <= samples.shape[1]:
        raise Undecidable(
            f"{len(samples)} samples are no more than the {samples.shape[1]} units: a line tells any labels apart there"
        )
    return samples, labels


def _spread(classes: Int[np.ndarray, " sample"]) -> Int[np.ndarray, " chosen"]:
    """Samples of every class, evenly spread: its share of ``MOST_SAMPLES``, and at least 20 (or all) of a rare one."""
    by_class = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    quotas = [min(len(samples), max(20, MOST_SAMPLES * len(samples) // len(classes))) for samples in by_class]
    return np.sort(
        np.concatenate(
            [
                samples[np.linspace(0, len(samples) - 1, n).astype(int)]
                for samples, n in zip(by_class, quotas, strict=True)
            ]
        )
    )
