"""The numbers behind pictures of a claim: what its units do over time, and how its measure depends on what."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.evaluate import View, of_claim, scores
from neuronspec.engine.measures.of_units import values_of
from neuronspec.engine.picks.picks import found, number_to_keep
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.sequences import NOWHERE, holds, moments
from neuronspec.engine.unit_sets import Chosen, Lane, UnitSet, UnitSets, bases, layer_of, set_by_set, units
from neuronspec.engine.verdicts.controls import as_found, stand_ins
from neuronspec.engine.verdicts.replicates import of_one_network
from neuronspec.errors import NetworkError, ProjectError, Undecidable, did_you_mean
from neuronspec.language.behaviour_measures import task_measure
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression
from neuronspec.language.interventions import Intervention
from neuronspec.language.moments import Moment, event, first, last
from neuronspec.language.picks import Picked
from neuronspec.language.signals import before, position, symbol
from neuronspec.language.unit_measures import correlation
from neuronspec.language.units import Site, Units, each
from neuronspec.networks.threads import one_thread

PERCENT = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)
"""Shares of a site that a measure is drawn over."""
MOST = 60
"""So many values of a symbol, or steps of a moment, can be told apart at most."""


@dataclass(frozen=True)
class Paths:
    """The mean value of some units at every step, over the sequences that have a moment at the same step.

    Args:
        moment: what the lines are told apart by; None where the claim names no moment, and there is one line.
        at: the step of the moment, for each line.
        sequences: how many each line is the mean of; where fewer than half of them go on, it ends (NaN).
        turned: whether each unit is turned to rise towards the moment, as its pick says nothing of a direction.
        single: the same of each unit by itself; of units picked for each value of a symbol, for each value.
        each: what there is one of in ``single``.
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
    each: str
    number: int
    bridged: bool


@dataclass(frozen=True)
class Trajectories:
    """The mean way of some units over time on two principal components, for each value of a symbol.

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


@dataclass(frozen=True)
class BySize:
    """A measure by the number of units that its picks keep, and of random sets of as many.

    Args:
        sizes: numbers of units, up to all candidates.
        random: the lowest, the mean and the highest of the random sets; NaN where there is none of that size.
        stated: the number that the claim itself keeps.
        of: how many units the site has.
    """

    sizes: Sequence[int]
    own: Float[np.ndarray, " size"]
    random: Float[np.ndarray, "size 3"]
    stated: int
    of: int


@dataclass(frozen=True)
class Heat:
    """A measure by the value of a symbol and the step of a moment.

    Args:
        own: NaN where there is no sequence.
        random: the mean over random units; None where none can stand in for the claim's.
        whole: the measure over all sequences: of the claim's units, and of random ones.
    """

    symbol: symbol
    moment: Moment
    rows: Sequence[str]
    columns: Sequence[int]
    own: Float[np.ndarray, "value step"]
    random: Float[np.ndarray, "value step"] | None
    whole: tuple[float, float]


Drawn: TypeAlias = Paths | Trajectories | BySize | Heat


def drawn(kind: str, claim: Claim, subject: Subject) -> Drawn:
    """Return the numbers of a picture of a claim on one network.

    Raises:
        ProjectError: the claim has no picture of this kind.
        Undecidable: there is too little to draw.
    """
    check_kind(kind, claim)
    with one_thread():
        return PICTURES[kind](of_one_network(claim), subject)


def check_kind(kind: str, claim: Claim) -> None:
    """Raise ProjectError, before anything is trained, for a kind of picture that a claim has nothing to show in."""
    if kind not in PICTURES:
        raise ProjectError(f"--as {kind}: there is no such picture{did_you_mean(kind, PICTURES)}")
    for problem in _problems(kind, of_one_network(claim)):
        raise ProjectError(f"--as {kind} {problem} in {claim}")


def _problems(kind: str, claim: Claim) -> Iterator[str]:
    if isinstance(claim.measure, task_measure):
        yield "shows units or sequences, and there is only a number per network, the task's own,"
    if kind in ("paths", "pca") and units_of(claim) is None:
        yield "shows what units do, and there are none"
    if kind in ("pca", "heat") and symbol_of(claim) is None:
        yield "tells the values of a symbol apart, and there is no symbol"
    if kind == "heat" and moment_of(claim) is None:
        yield "has a column for each step of a moment, and there is no event, first or last"
    if kind == "sizes" and not any(isinstance(part, Intervention) for part in claim.measure.walk()):
        yield "shows what an intervention does to more or fewer units, and there is no intervention"
    if kind == "sizes" and not _with_keep(claim):
        yield "keeps more or fewer units, and none are picked with keep="


# What a claim is about.


def units_of(claim: Claim) -> Units | None:
    """Return the first units that a claim names."""
    named = next((part for part in claim.measure.walk() if isinstance(part, Units)), None)
    return named.units if isinstance(named, each) else named


def symbol_of(claim: Claim) -> symbol | None:
    """Return the symbol that units are picked by, for each of its values; else the first that a claim names."""
    named = units_of(claim)
    by = [part.by_symbol for part in named.walk() if isinstance(part, Picked)] if named is not None else []
    return next((part for part in (*by, *claim.measure.walk()) if isinstance(part, symbol)), None)


def moment_of(claim: Claim) -> Moment | None:
    """Return the first event that a claim names; else the first step at which something first or last holds."""
    parts = list(claim.measure.walk())
    return next((part for kind in (event, first | last) for part in parts if isinstance(part, kind)), None)


def _with_keep(claim: Claim) -> list[Any]:
    """The picks of a claim that say how many units they keep."""
    return [base for base in bases(claim.measure) if base.keep]


# Over time.


def paths(claim: Claim, subject: Subject) -> Paths:
    """Return the mean value of a claim's first units at every step of the clean runs."""
    named, moment = units_of(claim), moment_of(claim)
    assert named is not None, "the kind fits the claim"
    chosen = units(named, found(named, subject), subject.sizes)
    turned = all(isinstance(base, Picked) and not base.oriented for base in bases(named))
    if turned:
        chosen = set_by_set(partial(_turned, _rise(named.of_site, moment, subject)), chosen)
    laid, there = _values(chosen, subject)
    groups = _by_moment(moment, subject)
    if isinstance(chosen, UnitSets):  # the n-th unit of one value has nothing to do with the n-th of another
        rows = [rows for rows, _ in chosen.sequences(subject.verification)]
        each_value = np.stack([np.isin(np.arange(laid.shape[1]), some) for some in rows], -1)
        single = np.where(each_value, _over(laid)[..., None], np.nan)
    else:
        single = laid
    return Paths(
        units=named,
        moment=moment,
        at=list(groups),
        sequences=[int(group.sum()) for group in groups.values()],
        turned=turned,
        mean=np.stack([_mean(_over(laid), there, group) for group in groups.values()]),
        single=np.stack([_mean(single, there, group) for group in groups.values()]),
        each=f"value of {', '.join(chosen.symbols)}" if isinstance(chosen, UnitSets) else "unit",
        number=max(chosen.sizes),
        bridged=subject.network.bridge > 0,
    )


def _rise(site: Site, moment: Moment | None, subject: Subject) -> Float[np.ndarray, " unit"]:
    """How each unit of a site goes with the step on the discovery split, up to a moment."""
    return scores(subject, correlation(position(), where=None if moment is None else before(moment)), site)


def _turned(rise: Float[np.ndarray, " unit"], chosen: UnitSet) -> UnitSet:
    return replace(chosen, signs=tuple(-1 if rise[index] < 0 else 1 for index in chosen.indices))


def trajectories(claim: Claim, subject: Subject) -> Trajectories:
    """Return the way of a claim's first units over time, on two principal components of all means together.

    They are fitted to the means, as single sequences differ in much that has nothing to do with the symbol; and not to
    the state that an encoder hands over, which lies far from all others, alike for all values.
    """
    named, by, until = units_of(claim), symbol_of(claim), moment_of(claim)
    assert named is not None, "the kind fits the claim"
    assert by is not None, "the kind fits the claim"
    chosen = _together(units(named, found(named, subject), subject.sizes))
    if len(chosen.indices) < 2:
        raise Undecidable(f"{named}: {len(chosen.indices)} unit: two principal components take two units at least")
    laid, there = _values(chosen, subject)
    if until is not None:
        there = there & holds(before(until), subject.clean("verification").sequences)
    groups = _by_symbol(by, subject)
    means = np.stack([_mean(laid, there, group) for group in groups.values()])
    fitted = means[:, subject.network.bridge :].reshape(-1, means.shape[-1])
    centre, components, share = principal(fitted[np.isfinite(fitted).all(1)], 2)
    return Trajectories(named, by, until, list(groups), (means - centre) @ components.T, share, len(chosen.indices))


def principal(
    x: Float[np.ndarray, "sample unit"], number: int
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, "component unit"], Float[np.ndarray, " component"]]:
    """Return the mean of samples, their first principal components, and the share of variance that each has.

    A component points to where its largest weight is positive.
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
    """The units of all values of a symbol, each once, as they are: one may be picked for two values."""
    sets = list(chosen.sets.values()) if isinstance(chosen, UnitSets) else [chosen]
    indices = tuple(dict.fromkeys(index for one in sets for index in one.indices))
    return replace(sets[0], indices=indices, signs=(1,) * len(indices))


def _values(
    chosen: Chosen, subject: Subject
) -> tuple[Float[np.ndarray, "time batch unit"], Bool[np.ndarray, "time batch"]]:
    """The values of units in the clean runs, signed, and the steps at which there are any."""
    if not any(chosen.sizes):
        raise Undecidable("there is no unit to draw")
    laid, there = values_of([chosen], View(subject, [{}]))
    if not there.any():
        raise Undecidable("no sequence to draw has units of its own")
    return laid[0].astype(float), there


def _over(laid: Float[np.ndarray, "time batch unit"]) -> Float[np.ndarray, "time batch"]:
    """The mean over the units that a sequence has; NaN where it has none."""
    return _ratio(np.nansum(laid, -1), np.isfinite(laid).sum(-1))


def _mean(
    values: Float[np.ndarray, "time batch *rest"],
    there: Bool[np.ndarray, "time batch"],
    group: Bool[np.ndarray, " batch"],
) -> Float[np.ndarray, "time ..."]:
    """The mean over the sequences of a group; NaN where fewer than half of them go on.

    The few longest would bend the end of a line for no other reason than that they are long.
    """
    counted = (there & group).reshape(*there.shape, *[1] * (values.ndim - 2)) & np.isfinite(values)
    means = _ratio(np.where(counted, values, 0.0).sum(1), counted.sum(1))
    means[(there & group).sum(1) * 2 < group.sum()] = np.nan
    return means


def _ratio(total: np.ndarray, number: np.ndarray) -> np.ndarray:
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


# Groups of sequences.


def _by_moment(moment: Moment | None, subject: Subject) -> dict[int, Bool[np.ndarray, " batch"]]:
    """The sequences that have a moment at the same step, by that step; all of them where there is no moment."""
    at: Int[np.ndarray, " batch"] = np.zeros(len(subject.verification), dtype=int)
    if moment is not None:
        at = moments(moment, subject.clean("verification").sequences)
    groups = {int(step): at == step for step in np.unique(at[at != NOWHERE])}
    return _some_groups(groups, f"steps of {moment}")


def _by_symbol(by: symbol, subject: Subject) -> dict[str, Bool[np.ndarray, " batch"]]:
    """The sequences that have the same value of a symbol, by that value: ``w2`` before ``w10``."""
    has = np.array([example.symbols.get(by.name, "") for example in subject.verification])
    values = sorted({*has.tolist()} - {""}, key=_as_counted)
    return _some_groups({value: has == value for value in values}, f"values of {by}")


def _some_groups(groups: dict[Any, Any], of: str) -> dict[Any, Any]:
    if not groups:
        raise Undecidable(f"no sequence has any of the {of}")
    if len(groups) > MOST:
        raise ProjectError(f"{len(groups)} {of}: a picture can tell {MOST} apart")
    return groups


def _as_counted(name: str) -> list[tuple[int, str]]:
    return [(int(digits or -1), rest) for digits, rest in re.findall(r"(\d*)(\D*)", name)]


# Measures.


def by_size(claim: Claim, subject: Subject) -> BySize:
    """Return a claim's measure with one unit kept, with two, and so on, and with as many random ones."""
    picks = _with_keep(claim)
    most = min(_candidates(pick, subject) for pick in picks)
    of = subject.sizes[layer_of(picks[0].of_site), picks[0].of_site.name]
    stated = min(number_to_keep(picks[0].keep, of), most)
    sizes = sorted({n for percent in PERCENT if (n := number_to_keep(percent / 100, of)) <= most} | {stated, most})
    own, random = np.full(len(sizes), np.nan), np.full((len(sizes), 3), np.nan)
    for number, size in enumerate(sizes):
        lane = {b: found(b, subject)[b] for b in bases(claim.measure)} | {b: _keeping(size, b, subject) for b in picks}
        ours, others = _with_random(claim, lane, subject)
        own[number] = ours.values[0]
        values = others.values if others else np.array([])
        if (drawn := values[np.isfinite(values)]).size:
            random[number] = drawn.min(), drawn.mean(), drawn.max()
    return BySize(sizes, own, random, stated, of)


def _keeping(number: int, pick: Any, subject: Subject) -> Chosen:
    """What a pick means when it keeps so many units."""
    other = replace(pick, keep=number)
    return found(other, subject)[other]


def _candidates(pick: Any, subject: Subject) -> int:
    """How many units a pick keeps some of; of several sets, the fewest, so that all have as many as are drawn."""
    return min(units(pick.candidates, found(pick.candidates, subject), subject.sizes).sizes)


def heat(claim: Claim, subject: Subject) -> Heat:
    """Return a claim's measure on the sequences of each value of a symbol and each step of a moment."""
    by, moment = symbol_of(claim), moment_of(claim)
    assert by is not None, "the kind fits the claim"
    assert moment is not None, "the kind fits the claim"
    rows, columns = _by_symbol(by, subject), _by_moment(moment, subject)
    ours, others = _with_random(claim, found(claim.measure, subject), subject)
    cells = np.stack([row & column for row in rows.values() for column in columns.values()]).astype(float)
    shape = len(rows), len(columns)
    return Heat(
        symbol=by,
        moment=moment,
        rows=list(rows),
        columns=list(columns),
        own=_of_cells(ours, cells)[0].reshape(shape),
        random=_mean_of_lanes(_of_cells(others, cells)).reshape(shape) if others else None,
        whole=(float(ours.values[0]), float(_mean_of_lanes(others.values[:, None])[0]) if others else math.nan),
    )


def _of_cells(estimate: Estimate, cells: Float[np.ndarray, "cell sequence"]) -> Float[np.ndarray, "lane cell"]:
    """A measure on the sequences of each cell alone; NaN where none of them has it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = estimate.at(cells)
    some = cells @ np.any(estimate.sums[0], axis=-1).astype(float) > 0
    return np.where(some, values, np.nan)


def _mean_of_lanes(values: Float[np.ndarray, "lane cell"]) -> Float[np.ndarray, " cell"]:
    """The mean over the lanes that have a value."""
    return _ratio(np.nansum(values, 0), np.isfinite(values).sum(0))


def _with_random(claim: Claim, own: Lane, subject: Subject) -> tuple[Estimate, Estimate | None]:
    """The measure of a claim's units, and of random ones, None where too few others are left or they break it."""
    for base, chosen in own.items():
        if not all(chosen.sizes):
            raise Undecidable(f"{base} finds no unit")
    try:
        both = of_claim(claim, View(subject, [own, *stand_ins(claim, own, subject)]))
    except (NetworkError, Undecidable):
        both = of_claim(claim, View(subject, [own]))
    ours, others = (replace(both, sums=parts) for parts in (both.sums[:1], both.sums[1:]))
    return ours, as_found(claim.measure, ours, others) if len(others.sums) else None


PICTURES: dict[str, Callable[[Claim, Subject], Drawn]] = {
    "paths": paths,
    "pca": trajectories,
    "sizes": by_size,
    "heat": heat,
}
