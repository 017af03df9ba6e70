"""Linear support vector machines, and recursive elimination of the units that they need least.

A machine minimises ``|w|² / 2 + C Σ max(0, 1 - y (w · [x, 1]))²``, as scikit-learn's ``LinearSVC(dual=False)``: the
intercept is the weight of one more column, and is penalised like the others. The objective is quadratic as long as no
sample crosses the margin, so Newton's method ends at the exact minimum after a few steps (Keerthi and DeCoste 2005,
"A modified finite Newton method for fast solution of large scale linear SVMs"; Chapelle 2007, "Training a support
vector machine in the primal"). Recursive feature elimination (Guyon et al. 2002) drops the unit of the smallest
weight, fits again, and so on: between two rounds few samples cross the margin, and only they change the Hessian.

Everything is batched over problems of one shape (axis ``problem``) and computed in double precision, on the device of
the inputs. Machines that tell several classes apart (axis ``row``: one, or one per class against the rest) share their
units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuronspec.errors import Undecidable

_ON_THE_MARGIN = 1e-10  # a sample this near to it adds nothing to the objective on either side
_ROUNDED = 1 + 1e-12  # an objective that rises by less has only been rounded


def checked(
    x: Float[Tensor, "sample unit"], labels: Int[Tensor, " sample"], classes: Sequence[str]
) -> Int[Tensor, " sample"]:
    """Return the labels, if machines can be fitted to them.

    Args:
        labels: the number of each sample's class.
        classes: what the classes are called.

    Raises:
        Undecidable: values that are not finite, constant units alone, or too few samples of a class.
    """
    wrong = x.numel() - int(x.isfinite().sum())
    if wrong:
        raise Undecidable(f"{wrong} of {x.numel()} values are not finite")
    if bool((x == x[:1]).all()):
        raise Undecidable(f"all units are constant ({x.shape[1]} units, {len(x)} samples)")
    if len(x) < len(classes):
        raise Undecidable(f"{len(x)} samples are fewer than the {len(classes)} classes")
    counts = torch.bincount(labels, minlength=len(classes)).tolist()
    present = [name for name, count in zip(classes, counts, strict=True) if count]
    if len(present) == 1:
        raise Undecidable(f"every sample is of class {present[0]!r}: there is nothing to tell apart")
    few, name = min(zip(counts, classes, strict=True), key=lambda pair: pair[0])
    if few < 2:
        raise Undecidable(f"class {name!r} has {few} sample{'s' * (few != 1)}, and 2 are wanted")
    return labels


def standardised(
    x: Float[Tensor, "*problem sample unit"], on: Float[Tensor, "*problem discovered unit"]
) -> Float[Tensor, "*problem sample unit"]:
    """Return x minus the mean of each unit, divided by its deviation; both are those of the samples ``on``.

    A unit that is constant there becomes 0 everywhere: its weight is then 0, and it is dropped first.
    """
    on = on.double()
    deviation, mean = torch.std_mean(on, -2, correction=0, keepdim=True)
    constant = (on == on[..., :1, :]).all(-2, keepdim=True)
    return ((x.double() - mean) / deviation.masked_fill(constant, 1.0)).masked_fill(constant, 0.0)


def one_vs_rest(labels: Int[Tensor, "problem sample"], classes: int) -> Float[Tensor, "problem row sample"]:
    """Return each machine's targets, -1 or 1: two classes have one machine, 1 for class 1; others one per class."""
    which = torch.arange(1 if classes == 2 else 0, classes, device=labels.device)
    return (labels[:, None] == which[:, None]).double() * 2 - 1


def fit(
    x: Float[Tensor, "problem sample unit"],
    y: Float[Tensor, "problem sample"],
    C: float = 1.0,
    mask: Bool[Tensor, "problem unit"] | None = None,
    start: Float[Tensor, "problem unit_and_intercept"] | None = None,
) -> Float[Tensor, "problem unit_and_intercept"]:
    """Fit one machine to each problem.

    Problems that have converged are taken out, so they cost nothing more.

    Args:
        y: -1 or 1.
        C: what a sample on the wrong side costs.
        mask: the units to use; the others get the weight 0.
        start: coefficients to start from; where the search ends does not depend on them.

    Returns:
        The weight of each unit, then the intercept.
    """
    newton = _Newton(x if mask is None else x * mask[:, None], y[:, None], C)
    if start is not None:
        newton.start_from(start if mask is None else start * torch.nn.functional.pad(mask, (0, 1), value=True))
    coefficients = newton.weights[:, 0].clone()
    running = torch.arange(len(x), device=x.device)
    newton.step()
    while len(running):
        settled = newton.settle()
        if bool((2 * settled.sum() >= len(running)).item()):  # taking problems out copies those that stay
            coefficients[running] = newton.by_unit()[:, 0]
            running = running[~settled]
            newton.keep_problems(~settled)
        newton.step()
    return coefficients


@dataclass(frozen=True)
class Elimination:
    """The result of eliminating unit after unit, for every number of units kept.

    Args:
        order: the units, in the order in which they were dropped; the last one was never dropped.
        coefficients: at index k - 1, the weight of each unit and then the intercept of the machines that use k units
            (0 for the units that had been dropped).
    """

    order: Int[Tensor, "problem unit"]
    coefficients: Float[Tensor, "problem kept row unit_and_intercept"]

    def kept(self, number: int) -> Int[Tensor, "problem {number}"]:
        """Return the units of the set of this size, in ascending order."""
        return self.order[:, -number:].sort(1).values


def eliminate(
    x: Float[Tensor, "problem sample unit"], y: Float[Tensor, "problem row sample"], C: float = 1.0
) -> Elimination:
    """Drop unit after unit, each time the one whose squared weights, summed over rows, are least (the first of equals).

    Problems do not wait for one another: one that has converged drops its unit while others still take Newton steps.

    Args:
        x: standardised, so that weights are comparable.
        y: -1 or 1, of each machine (``one_vs_rest``).

    Source: Guyon et al. 2002, "Gene selection for cancer classification using support vector machines"; the same order
    as scikit-learn's ``RFE(LinearSVC(dual=False), step=1)``, whose sets for every size are found in this one run.
    """
    # every round starts from the last one's weights and Hessian, so a few Newton steps are enough
    newton = _Newton(x, y, C)
    problems, _, units = x.shape
    order = newton.unit_of.new_zeros(problems, units)
    coefficients = newton.weights.new_zeros(problems, units, y.shape[1], units + 1)
    newton.step()
    while newton.width > 1:
        settled = newton.settle() & (newton.left > 0)
        if bool(settled.any()):
            ready = settled.nonzero()[:, 0]
            left, weights = newton.left[ready], newton.by_unit()[ready]
            unit = _weakest(weights, newton.unit_of[ready], left)
            coefficients[ready, left - 1] = weights
            order[ready, units - left] = unit
            newton.drop(ready, unit)
        newton.step()
    return Elimination(order, coefficients)


@dataclass(frozen=True)
class Curve:
    """How well the machines of each number of units kept do on samples that they were not fitted to.

    Args:
        accuracy: the share of samples whose class they predict; at index k - 1 with k units.
        balanced: the mean over classes of that share of the class's samples.
    """

    accuracy: Float[Tensor, "problem kept"]
    balanced: Float[Tensor, "problem kept"]

    def smallest(self, accuracy: float, balanced: bool = False) -> list[int | None]:
        """Return the fewest units of each problem that reach an accuracy, and so does every larger set; or None."""
        curve = self.balanced if balanced else self.accuracy
        enough = (curve >= accuracy).flip(1).long().cumprod(1).sum(1).tolist()
        return [curve.shape[1] + 1 - sets if sets else None for sets in enough]


def held_out(
    elimination: Elimination, x: Float[Tensor, "problem sample unit"], labels: Int[Tensor, "problem sample"]
) -> Curve:
    """Return the accuracy on other samples of the machines of each round.

    Args:
        x: standardised as the samples of the elimination were.
        labels: the number of each sample's class.
    """
    correct = torch.stack(
        [_predicted(machines, x.double()) == labels for machines in elimination.coefficients.unbind(1)], 1
    ).double()
    of_class = torch.nn.functional.one_hot(labels).double()
    recall = correct @ of_class / of_class.sum(1, keepdim=True)
    return Curve(correct.mean(2), recall.nanmean(2))  # a class that does not occur has no recall


def _predicted(
    coefficients: Float[Tensor, "problem row unit_and_intercept"], x: Float[Tensor, "problem sample unit"]
) -> Int[Tensor, "problem sample"]:
    """The predicted class; for two classes there is one machine."""
    scores = x @ coefficients[..., :-1].mT + coefficients[:, None, :, -1]
    return (scores[..., 0] > 0).long() if scores.shape[2] == 1 else scores.argmax(2)


def _weakest(
    weights: Float[Tensor, "settled row unit_and_intercept"],
    unit_of: Int[Tensor, "settled unit_and_intercept"],
    left: Int[Tensor, " settled"],
) -> Int[Tensor, " settled"]:
    dropped = torch.arange(unit_of.shape[1], device=unit_of.device) > left[:, None]
    dropped = torch.zeros_like(dropped).scatter(1, unit_of, dropped)
    return weights.square().sum(1).masked_fill(dropped, math.inf)[:, :-1].argmin(1)


class _Newton:
    """Machines on their way to the minimum; each problem has dropped its own units.

    Column 0 is the intercept's, and the units that are ``left`` follow: a dropped one changes places with the last of
    them and becomes zero, so that nothing is copied and all work is done on the first ``width`` columns.
    """

    def __init__(self, x: Tensor, y: Tensor, C: float) -> None:
        problems, samples, units = x.shape
        self.C = C
        self.y: Float[Tensor, "problem row sample"] = y.double()
        # samples last: a product with all of them reads memory in order
        self.columns: Float[Tensor, "problem column sample"] = x.new_ones(
            problems, units + 1, samples, dtype=torch.double
        )
        self.columns[:, 1:] = x.mT
        self.unit_of = torch.arange(-1, units, device=x.device).remainder(units + 1).repeat(problems, 1)
        """Which unit each column is; the intercept counts as one more unit."""
        self.left = torch.full((problems,), units, device=x.device)
        self.width = units + 1
        shape = self.y.shape[:2]
        self.weights: Float[Tensor, "problem row column"] = self.columns.new_zeros(*shape, units + 1)
        self.slack: Float[Tensor, "problem row sample"] = torch.ones_like(self.y)
        self.objective: Float[Tensor, "problem row"] = self.columns.new_full(shape, math.inf)
        self.falls: Bool[Tensor, "problem row"] = torch.ones_like(self.objective, dtype=torch.bool)
        self.short = torch.zeros_like(self.falls)
        """Whether the last step went less far than to the minimum."""
        # every sample counts while all weights are 0, so all machines of a problem begin with one Hessian
        self.active: Bool[Tensor, "problem row sample"] = torch.ones_like(self.y, dtype=torch.bool)
        hessian = self.columns @ self.columns.mT
        hessian.diagonal(dim1=1, dim2=2).add_(1 / (2 * C))
        self.hessian: Float[Tensor, "problem row column column"] = hessian[:, None].repeat(1, shape[1], 1, 1)
        """Over 2 C, as the pull: it changes by whole samples alone."""
        self.pull: Float[Tensor, "problem row column"] = self.y @ self.columns.mT

    def start_from(self, start: Float[Tensor, "problem unit_and_intercept"]) -> None:
        """Start the search from these coefficients."""
        self.weights = start.double().gather(1, self.unit_of)[:, None]
        self.slack = 1 - self.y * (self.weights @ self.columns)
        self.settle()

    def by_unit(self) -> Float[Tensor, "problem row unit_and_intercept"]:
        """Return the weights in the order of the units, the intercept last."""
        return torch.zeros_like(self.weights).scatter(2, self.unit_of[:, None].expand_as(self.weights), self.weights)

    def settle(self) -> Bool[Tensor, " problem"]:
        """Update which samples lie within the margin; return which problems have reached their minimum."""
        crossed = ((self.slack > 0) != self.active) & (self.slack.abs() > _ON_THE_MARGIN)
        settled = ~((crossed.any(2) | self.short) & self.falls).any(1)
        if not bool(settled.all()):
            self._update_active(crossed)
        return settled

    def _update_active(self, crossed: Bool[Tensor, "problem row sample"]) -> None:
        """Add the samples that now count to the Hessians, and take those out that no longer do."""
        self.active ^= crossed
        machine, sample = crossed.flatten(0, 1).nonzero().unbind(1)
        sign = self.active.flatten(0, 1)[machine, sample].double() * 2 - 1
        x = self.columns[machine // crossed.shape[1], : self.width, sample]
        signed = x * sign[:, None]
        label = self.y.flatten(0, 1)[machine, sample]
        self.pull.flatten(0, 1)[:, : self.width].index_add_(0, machine, signed * label[:, None])
        hessian = self.hessian.flatten(0, 1)[:, : self.width, : self.width]
        machines, counts = (t.tolist() for t in machine.unique_consecutive(return_counts=True))
        # a padded batch would be as long as the longest: several times the work
        for machine_number, rows, signed_rows in zip(machines, x.split(counts), signed.split(counts), strict=True):
            hessian[machine_number].addmm_(rows.mT, signed_rows)

    def step(self) -> None:
        """Go to the minimum of the present quadratic; half as far, again and again, where the objective rises."""
        width = self.width
        factor = torch.linalg.cholesky_ex(self.hessian[..., :width, :width], upper=True).L
        weights = torch.cholesky_solve(self.pull[..., :width, None], factor, upper=True)[..., 0]
        slack = 1 - self.y * (weights @ self.columns[:, :width])
        objective = self._objective(weights, slack)
        self.short = torch.zeros_like(self.falls)
        while bool((rises := objective > self.objective * _ROUNDED).any()):
            self.short |= rises
            half = rises[..., None]
            weights = torch.where(half, (weights + self.weights[..., :width]) / 2, weights)
            slack = torch.where(half, (slack + self.slack) / 2, slack)
            objective = self._objective(weights, slack)
        self.falls = objective < self.objective
        self.weights[..., :width], self.slack, self.objective = weights, slack, objective

    def _objective(self, weights: Tensor, slack: Tensor) -> Float[Tensor, "problem row"]:
        return weights.square().sum(-1) / 2 + self.C * slack.clamp(min=0).square().sum(-1)

    def drop(self, at: Int[Tensor, " settled"], unit: Int[Tensor, " settled"]) -> None:
        """Drop a unit of each of these problems."""
        column = (self.unit_of[at] == unit[:, None]).int().argmax(1)
        last = self.left[at]
        self.unit_of[at, column], self.unit_of[at, last] = self.unit_of[at, last], unit
        self.columns[at, column] = self.columns[at, last]
        self.columns[at, last] = 0
        for array in (self.hessian, self.hessian.mT, self.pull, self.weights):
            array[at, :, column] = array[at, :, last]
            array[at, :, last] = 0
        self.hessian[at, :, last, last] = 1  # any number but 0 keeps it positive definite: the weight is 0
        self.objective[at] = math.inf  # fewer units have another objective, which may be larger
        self.left[at] -= 1
        self.width = int(self.left.max()) + 1

    def keep_problems(self, chosen: Bool[Tensor, " problem"]) -> None:
        """Drop all problems but the chosen ones."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[chosen])
