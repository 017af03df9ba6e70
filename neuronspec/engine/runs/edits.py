"""Interventions as numbers: which rows and units take which value, at which steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neuronspec.engine.runs.activations import STATES, Activations
from neuronspec.engine.runs.row_edits import Always, Freeze, Known, Live, RowEdit, RunEdits, When
from neuronspec.engine.sequences import NOWHERE, holds, moments
from neuronspec.engine.unit_sets import Chosen, Lane, UnitSet, all_but, set_by_set, units
from neuronspec.errors import Undecidable
from neuronspec.fit import Sizes
from neuronspec.language import interventions as words
from neuronspec.language.interventions import quantile
from neuronspec.language.moments import Moment
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.tasks import Example


@dataclass(frozen=True)
class Sources:
    """What is edited, and what an edit may take its values from; a run is made when it is first needed.

    Args:
        examples: the sequences that are edited.
        clean: the run over them.
        discovery: the run that means are taken over.
        paired: the run over the paired sequences, and which sequences have one.
        like: a number of the type and on the device that the network computes with.
        bridge: how many first steps are another part's, the encoder's: no value is taken from them.
    """

    examples: Sequence[Example]
    clean: Callable[[], Activations]
    discovery: Callable[[], Activations]
    paired: Callable[[], tuple[Activations, Bool[np.ndarray, " batch"]]]
    like: Tensor
    bridge: int = 0

    @property
    def batch(self) -> int:
        return len(self.examples)


@dataclass(frozen=True)
class Compiled:
    """An intervention, ready to be run.

    Args:
        used: the sequences that it can be done to.
        start: the first step at which it changes anything in any of them; None where it can be done to none.
    """

    edits: RunEdits
    used: Bool[np.ndarray, " batch"]
    start: int | None


def compile_edits(
    intervention: words.Intervention, lanes: Sequence[Lane], sources: Sources, sizes: Sizes, codes: np.ndarray | None
) -> Compiled:
    """Return the edits of an intervention on every lane.

    A sequence that lacks the moment, or the step a value is taken from, cannot be edited. Moments are those of the
    clean run.

    Args:
        codes: for a run that generates, the code point of each token: signals then are those of the edited text.
    """
    edits = intervention.single_edits()
    steps = [_edited_steps(edit, sources, codes is not None) for edit in edits]
    used = np.logical_and.reduce([_possible(e, s, sources.batch) for e, s in zip(edits, steps, strict=True)])
    if not used.any():
        return Compiled(RunEdits([]), used, None)
    steps = [None if s is None else s & used for s in steps]
    compiled = [_compile(e, lanes, sources, sizes, s, used, codes) for e, s in zip(edits, steps, strict=True)]
    first = [0 if s is None else int(s.any(1).argmax()) for s in steps if s is None or s.any()]
    return Compiled(RunEdits(compiled), used, min(first))


def _edited_steps(edit: words.Edit, sources: Sources, generates: bool) -> Bool[np.ndarray, "time batch"] | None:
    """The steps of the clean run at which an edit is made; None where the clean run does not decide them."""
    at = edit.at
    if not isinstance(at, Moment):
        return None if at is None or generates else holds(at, sources.clean().sequences)
    sequences = sources.clean().sequences
    step = moments(at, sequences)
    first = 0 if edit.units.of_site.name in STATES else sources.bridge
    possible = step >= first
    if edit.takes_from is not None:
        _, source = _source(edit, edit.takes_from, sources)
        possible &= source >= (first if edit.takes_from.bridged else sources.bridge)
    return possible & (np.arange(sequences.time)[:, None] == step)


def _possible(edit: words.Edit, steps: np.ndarray | None, batch: int) -> Bool[np.ndarray, " batch"]:
    """The sequences that can be edited; where an edit waits for a signal, all of them if it holds in any."""
    if steps is None:
        return np.ones(batch, dtype=bool)
    if isinstance(edit.at, Moment):
        return np.any(steps, axis=0)
    return np.full(batch, steps.any())


def _source(edit: words.Edit, source: words.Source, sources: Sources) -> tuple[Activations, np.ndarray]:
    """The run that values are taken from, and the step in it of each sequence."""
    if not source.paired:
        return sources.clean(), moments(source.moment, sources.clean().sequences)
    paired, exist = sources.paired()
    if not exist.any():
        raise Undecidable(f"{edit}: no sequence has a pair: Example(text, pair=Example(...))")
    try:
        return paired, np.where(exist, moments(source.moment, paired.sequences), NOWHERE)
    except Undecidable as error:
        raise Undecidable(f"{edit}: in the pairs {error}") from None


def _compile(
    edit: words.Edit,
    lanes: Sequence[Lane],
    sources: Sources,
    sizes: Sizes,
    steps: Bool[np.ndarray, "time batch"] | None,
    used: Bool[np.ndarray, " batch"],
    codes: np.ndarray | None,
) -> RowEdit | Freeze:
    sets = [_edited(edit, units(edit.units, lane, sizes), sizes) for lane in lanes]
    by_rows = [
        (lane, rows, one) for lane, chosen in enumerate(sets) for rows, one in chosen.sequences(sources.examples)
    ]
    place = sets[0].place
    when = _when(edit, steps, np.tile(used, len(lanes)), sources, codes)
    shape = (len(lanes), sources.batch, sizes[place])
    if edit.lasts:
        frozen = np.zeros(shape, dtype=bool)
        for lane, rows, one in by_rows:
            frozen[lane][np.ix_(rows, np.array(one.indices, dtype=int))] = True
        return Freeze(place, when, torch.from_numpy(frozen.reshape(-1, shape[-1])).to(sources.like.device))
    taken = _values_taken(edit, place, sources, shape[-1])
    arrays: dict[str, np.ndarray] = {}
    for lane, rows, one in by_rows:
        at = np.ix_(rows, np.array(one.indices, dtype=int))
        for name, numbers in effect(edit, one, taken[at], sources).items():
            arrays.setdefault(name, np.full(shape, NOTHING[name]))[lane][at] = numbers
    tensors = {n: torch.from_numpy(a.reshape(-1, shape[-1])).to(sources.like) for n, a in arrays.items()}
    return RowEdit(place, when, **tensors)


NOTHING = {"value": math.nan, "amount": 0.0, "low": -math.inf, "high": math.inf}
"""The value of each field that leaves a unit as it is."""


def _edited(edit: words.Edit, chosen: Chosen, sizes: Sizes) -> Chosen:
    """The units that an edit changes."""
    return set_by_set(lambda one: all_but(one, sizes), chosen) if edit.spares else chosen


def _when(
    edit: words.Edit, steps: np.ndarray | None, used: np.ndarray, sources: Sources, codes: np.ndarray | None
) -> When:
    at, device = edit.at, sources.like.device
    lanes = len(used) // sources.batch
    if steps is not None:
        return Known(torch.from_numpy(np.tile(steps, (1, lanes))).to(device))
    if at is not None and codes is not None:
        return Live(at, list(sources.examples) * lanes, codes, used)
    return Always(torch.from_numpy(used).to(device))


def _values_taken(edit: words.Edit, place: Place, sources: Sources, size: int) -> Float[np.ndarray, "batch unit"]:
    """The values of a site at the step that an edit takes them from; 0 where it takes none."""
    if edit.takes_from is None:
        return np.zeros((sources.batch, size))
    run, source = _source(edit, edit.takes_from, sources)
    return run.values[place][np.maximum(source, 0), np.arange(sources.batch)].astype(float)


Numbers = dict[str, np.ndarray | float]


@singledispatch
def effect(edit: object, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    """Return what an edit does to the chosen units: some of ``value``, ``amount``, ``low`` and ``high``.

    Args:
        taken: the values of those units at the step that values are taken from, ``[batch unit]``.
    """
    raise NotImplementedError(f"no edit for {edit!r}")


@effect.register(words.zero)
@effect.register(words.keep_only)
def _effect_of_zero(edit: object, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    return {"value": 0.0}


@effect.register
def _effect_of_to_mean(edit: words.to_mean, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    run = sources.discovery()
    return {"value": _clean_values(run, holds(None, run.sequences), chosen).mean(0, dtype=float)}


@effect.register
def _effect_of_set_to(edit: words.set_to, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    return {"value": _level(edit.value, chosen, sources)}


@effect.register
def _effect_of_add(edit: words.add, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    return {"amount": edit.amount * np.array(chosen.signs)}


@effect.register
def _effect_of_clamp(edit: words.clamp, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    signs = np.array(chosen.signs)
    low = -math.inf * signs if edit.low is None else _level(edit.low, chosen, sources)
    high = math.inf * signs if edit.high is None else _level(edit.high, chosen, sources)
    if np.any(low * signs > high * signs):
        raise Undecidable(f"{edit}: low lies above high for some of the units")
    # A unit of sign -1 that is kept below 0.2 in its own direction is kept above -0.2 in the network.
    return {"low": np.where(signs > 0, low, high), "high": np.where(signs > 0, high, low)}


@effect.register
def _effect_of_taken_values(edit: words.Taking, chosen: UnitSet, taken: np.ndarray, sources: Sources) -> Numbers:
    return {"value": taken}


def _level(level: object, chosen: UnitSet, sources: Sources) -> np.ndarray:
    """A value, or the quantile of each unit's own clean values, in the direction of its sign."""
    signs = np.array(chosen.signs)
    if not isinstance(level, quantile):
        return np.asarray(level) * signs
    clean = sources.clean()
    where = holds(level.where, clean.sequences)
    if not len(observed := _clean_values(clean, where, chosen)):
        raise Undecidable(f"{level} is a quantile of nothing: {level.where} never holds in the clean run")
    # A unit of sign -1 is turned before and after: its high quantile is a low one of what it computes.
    return np.quantile(observed * signs, level.q, axis=0) * signs


def _clean_values(
    run: Activations, where: Bool[np.ndarray, "time batch"], chosen: UnitSet
) -> Float[np.ndarray, "step unit"]:
    """The values of units where ``where`` holds; without the step of a bridged state, at which gates have none."""
    values: np.ndarray = run.values[chosen.place][where][:, list(chosen.indices)]
    return values[~np.isnan(values).any(1)]
