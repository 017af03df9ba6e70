"""The mean values of a claim's units over time: as lines, and on two principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from neuronspec.engine.measures.evaluate import View, scores
from neuronspec.engine.measures.of_units import values_of
from neuronspec.engine.picks.picks import found
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.sequences import holds
from neuronspec.engine.unit_sets import Chosen, UnitSet, UnitSets, bases, set_by_set, units
from neuronspec.errors import Undecidable
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression
from neuronspec.language.moments import Moment
from neuronspec.language.picks import Picked
from neuronspec.language.signals import before, position, symbol
from neuronspec.language.unit_measures import correlation
from neuronspec.language.units import Site
from neuronspec.pictures.about import moment_of, symbol_of, units_of
from neuronspec.pictures.groups import by_moment, by_symbol, mean_of_group, ratio_or_nan


@dataclass(frozen=True)
class Paths:
    """The mean value of some units at every step, over the sequences that have a moment at the same step.

    Args:
        moment: what the lines are told apart by; None where the claim names no moment, and there is one line.
        at: the step of the moment, for each line.
        sequences: how many each line is the mean of; where fewer than half of them go on, it ends (NaN).
        turned: whether each unit's sign is set so that it rises towards the moment, as its pick has no direction.
        single: the same of each unit by itself; of units picked for each value of a symbol, for each value.
        single_of: what each line of ``single`` belongs to: a unit, or a value of a symbol.
        number: how many units there are, in the largest set.
        bridged: whether step 0 comes before the first token is read.
    """

    units: Expression
    moment: Moment | None
    at: Sequence[int]
    sequences: Sequence[int]
    turned: bool
    mean: Float[np.ndarray, "line time"]
    single: Float[np.ndarray, "line time single"]
    single_of: str
    number: int
    bridged: bool


@dataclass(frozen=True)
class Trajectories:
    """The mean trajectory of some units over time on two principal components, for each value of a symbol.

    Args:
        until: the moment before which the steps are; None where the claim names none, and all steps are there.
        points: the mean over sequences; NaN where fewer than half of them go on.
        share: of the variance of all points together that each component has.
        number: how many units there are.
    """

    units: Expression
    symbol: symbol
    until: Moment | None
    values: Sequence[str]
    points: Float[np.ndarray, "value time 2"]
    share: Float[np.ndarray, " 2"]
    number: int


def paths(claim: Claim, subject: Subject) -> Paths:
    """Return the mean value of a claim's first units at every step of the clean runs."""
    claimed, moment = units_of(claim), moment_of(claim)
    assert claimed is not None, "the kind fits the claim"
    chosen = units(claimed, found(claimed, subject), subject.sizes)
    turned = all(isinstance(base, Picked) and not base.oriented for base in bases(claimed))
    if turned:
        chosen = set_by_set(partial(_turned, _rise(claimed.of_site, moment, subject)), chosen)
    values, has_value = _values(chosen, subject)
    groups = by_moment(moment, subject)
    if isinstance(chosen, UnitSets):  # the n-th units of two values are unrelated
        rows_by_value = [rows_by_value for rows_by_value, _ in chosen.sequences(subject.verification)]
        each_value = np.stack([np.isin(np.arange(values.shape[1]), rows) for rows in rows_by_value], -1)
        single = np.where(each_value, _mean_over_units(values)[..., None], np.nan)
    else:
        single = values
    return Paths(
        units=claimed,
        moment=moment,
        at=list(groups),
        sequences=[int(group.sum()) for group in groups.values()],
        turned=turned,
        mean=np.stack([mean_of_group(_mean_over_units(values), has_value, group) for group in groups.values()]),
        single=np.stack([mean_of_group(single, has_value, group) for group in groups.values()]),
        single_of=f"value of {', '.join(chosen.symbols)}" if isinstance(chosen, UnitSets) else "unit",
        number=max(chosen.sizes),
        bridged=subject.network.bridge > 0,
    )


def _rise(site: Site, moment: Moment | None, subject: Subject) -> Float[np.ndarray, " unit"]:
    """The correlation of each unit of a site with the step on the discovery split, up to a moment."""
    return scores(subject, correlation(position(), where=None if moment is None else before(moment)), site)


def _turned(rise: Float[np.ndarray, " unit"], chosen: UnitSet) -> UnitSet:
    return replace(chosen, signs=tuple(-1 if rise[index] < 0 else 1 for index in chosen.indices))


def trajectories(claim: Claim, subject: Subject) -> Trajectories:
    """Return the trajectory of a claim's first units over time, on two principal components of all means together.

    They are fitted to the means, as single sequences differ in much that has nothing to do with the symbol; and not to
    the state that an encoder hands over, which lies far from all others, alike for all values.
    """
    claimed, by, until = units_of(claim), symbol_of(claim), moment_of(claim)
    assert claimed is not None, "the kind fits the claim"
    assert by is not None, "the kind fits the claim"
    chosen = _together(units(claimed, found(claimed, subject), subject.sizes))
    if len(chosen.indices) < 2:
        raise Undecidable(f"{claimed}: {len(chosen.indices)} unit: two principal components take two units at least")
    values, has_value = _values(chosen, subject)
    if until is not None:
        has_value = has_value & holds(before(until), subject.clean("verification").sequences)
    groups = by_symbol(by, subject)
    means = np.stack([mean_of_group(values, has_value, group) for group in groups.values()])
    fitted = means[:, subject.network.bridge :].reshape(-1, means.shape[-1])
    centre, components, share = principal(fitted[np.isfinite(fitted).all(1)], 2)
    return Trajectories(claimed, by, until, list(groups), (means - centre) @ components.T, share, len(chosen.indices))


def principal(
    x: Float[np.ndarray, "sample unit"], number: int
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, "component unit"], Float[np.ndarray, " component"]]:
    """Return the mean of samples, their first principal components, and the share of variance that each has.

    A component's sign is such that its largest weight is positive: an SVD leaves it open.
    """
    if len(x) < number:
        raise Undecidable(f"{len(x)} steps to fit {number} principal components to")
    centre = x.mean(0)
    _, size, components = np.linalg.svd(x - centre, full_matrices=False)
    components, variance = components[:number], size**2
    largest = np.abs(components).argmax(1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)
    if not variance.sum():
        raise Undecidable("the units have one value at all steps: there is no principal component")
    return centre, components * signs[:, None], variance[:number] / variance.sum()


def _together(chosen: Chosen) -> UnitSet:
    """The units of all values of a symbol, each once and unsigned: one may be picked for two values."""
    sets = list(chosen.sets.values()) if isinstance(chosen, UnitSets) else [chosen]
    indices = tuple(dict.fromkeys(index for unit_set in sets for index in unit_set.indices))
    return replace(sets[0], indices=indices, signs=(1,) * len(indices))


def _values(
    chosen: Chosen, subject: Subject
) -> tuple[Float[np.ndarray, "time batch unit"], Bool[np.ndarray, "time batch"]]:
    """The values of units in the clean runs, signed, and the steps at which there are any."""
    if not any(chosen.sizes):
        raise Undecidable("there is no unit to draw")
    values, has_value = values_of([chosen], View(subject, [{}]))
    if not has_value.any():
        raise Undecidable("no sequence to draw has units of its own")
    return values[0].astype(float), has_value


def _mean_over_units(values: Float[np.ndarray, "time batch unit"]) -> Float[np.ndarray, "time batch"]:
    """The mean over the units that a sequence has; NaN where it has none."""
    return ratio_or_nan(np.nansum(values, -1), np.isfinite(values).sum(-1))
