"""Measures that fit something to the units first: on the discovery split, to be judged on the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.of_units import activations, sums, want_variety
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.numerics import linear_svm
from neuronspec.engine.sequences import Sequences, holds, values
from neuronspec.errors import Undecidable, did_you_mean
from neuronspec.language import unit_measures as words
from neuronspec.language.expression import Expression, shown
from neuronspec.language.signals import Shuffled, symbol

MOST_CLASSES = 64
MOST_SAMPLES = 4000
"""So many steps at most are fitted to, evenly spread: more make no better SVM, only a slower one."""


@estimate.register
def _estimate_r2(measure: words.r2, view: View) -> Estimate:
    fitted, on = activations(replace(measure, under=None), replace(view, split="discovery"))
    wanted = values(measure.signal, view.subject.clean("discovery").sequences)
    laid, kept = activations(measure, view)
    y = values(measure.signal, view.sequences)
    on, kept = on & np.isfinite(wanted), kept & np.isfinite(y)
    want_variety(measure.signal, wanted[on])
    if on.sum() <= fitted.shape[-1]:
        raise Undecidable(
            f"{on.sum()} samples are no more than the {fitted.shape[-1]} units: a line fits anything there"
        )
    want_variety(measure.signal, y[kept])
    y = np.where(kept, y - y[kept].mean(), 0.0)
    predicted = np.stack([_read(x[on], wanted[on], new) for x, new in zip(fitted, laid, strict=True)])
    missed = (predicted - y - values(measure.signal, view.sequences)[kept].mean()) ** 2
    return Estimate(sums(kept, np.ones_like(missed), y, y * y, missed), _explained)


def _read(
    x: Float[np.ndarray, "sample unit"], y: Float[np.ndarray, " sample"], new: Float[np.ndarray, "time batch unit"]
) -> Float[np.ndarray, "time batch"]:
    """Return what a line through ``x`` and ``y`` gives for new values; NaN where a lane has no units."""
    present = np.isfinite(x).all(0)
    if not present.any():
        return np.full(new.shape[:-1], np.nan)
    x, new = x[:, present], new[..., present]
    middle = x.mean(0)
    slope = np.linalg.lstsq(x - middle, y - y.mean(), rcond=1e-10)[0]
    predicted: np.ndarray = (new - middle) @ slope + y.mean()
    return predicted


def _explained(totals: np.ndarray) -> np.ndarray:
    n, y, yy, missed = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - missed / (yy - y * y / n)


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
        names: of the classes, where they are known; what is of another class then has the number after theirs.

    Raises:
        Undecidable: there are more values than classes one could tell apart.
    """
    named = _symbols(labels, on) if symbol in map(type, labels.walk()) else _values(labels, on)
    kept = holds(where, on) & (named != "")
    known = names or tuple(sorted(set(named[kept]), key=_by_number))
    if len(known) > MOST_CLASSES:
        raise Undecidable(f"{labels} has {len(known)} values: {MOST_CLASSES} classes at most (r2 fits a number)")
    if not kept.any():
        raise Undecidable(f"{where or labels} never holds" if where else f"{labels} has a value at no step")
    classes = np.where(kept, len(known), -1)
    for number, name in enumerate(known):
        classes[kept & (named == name)] = number
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
    now = values(labels, on)
    known, which = np.unique(now, return_inverse=True)
    named = np.array([shown(float(value)) if np.isfinite(value) else "" for value in known], dtype=object)
    return named[which].reshape(now.shape)


def _symbols(labels: Expression, on: Sequences) -> np.ndarray:
    if isinstance(labels, Shuffled):
        whose = labels.permutation(len(on.examples))
        return _symbols(labels.signal, on)[0][None, whose].repeat(on.time, 0)
    name: str = labels.name  # type: ignore[attr-defined]
    known = {name for example in on.examples for name in example.symbols}
    if name not in known:
        raise Undecidable(f"the task gives no symbol {name!r}{did_you_mean(name, known)}")
    each = [example.symbols.get(name, "") for example in on.examples]
    return np.broadcast_to(np.array(each, dtype=object), (on.time, len(each)))


@estimate.register
def _estimate_probe(measure: words.probe, view: View) -> Estimate:
    fitted, on = activations(replace(measure, under=None), replace(view, split="discovery"))
    known = labelled(measure.labels, measure.where, view.subject.clean("discovery").sequences)
    laid, kept = activations(measure, view)
    due = labelled(measure.labels, measure.where, view.sequences, known.names).classes
    kept = kept & (due >= 0)
    on = on & (known.classes >= 0)
    right = np.stack(
        [_predicted(x[on], known.classes[on], known.names, new) == due for x, new in zip(fitted, laid, strict=True)]
    )
    if not measure.balanced:
        return Estimate(sums(kept, right, np.ones(right.shape)))
    classes = [due == number for number in range(len(known.names) + 1)]  # the last: never seen, never predicted
    return Estimate(
        sums(kept, *(right & here for here in classes), *(here & kept for here in classes)),
        partial(_balanced, len(classes)),
    )


def _balanced(classes: int, totals: np.ndarray) -> np.ndarray:
    right, due = totals[..., :classes], totals[..., classes:]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(due > 0, right / due, 0.0)
        return share.sum(-1) / (due > 0).sum(-1)


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
    """Return so many of some samples as are fitted to, evenly spread.

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
    """Samples of every class, evenly spread, as many as its share and some even of a rare one."""
    each = [np.flatnonzero(classes == number) for number in np.unique(classes)]
    wanted = [min(len(at), max(20, MOST_SAMPLES * len(at) // len(classes))) for at in each]
    return np.sort(
        np.concatenate([at[np.linspace(0, len(at) - 1, n).astype(int)] for at, n in zip(each, wanted, strict=True)])
    )
