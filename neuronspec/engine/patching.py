"""Interventions as numbers: which rows and units take which value, at which step.

Every edit comes down to ``min(max(value_or_old + amount, low), high)`` per row and unit, so that one fused update
serves all kinds, and unit sets (lanes) times sequences run as the rows of one batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuronspec.engine.picks import Lane, Sizes, UnitSet, units
from neuronspec.engine.signals import NOWHERE, Sequences, holds, moments
from neuronspec.errors import Undecidable
from neuronspec.language import interventions as words
from neuronspec.language.units import quantile
from neuronspec.networks.cells import Place


@dataclass(frozen=True)
class Clean:
    """The run without edits: what was read, and the values of every site that may be needed."""

    sequences: Sequences
    values: dict[Place, Float[np.ndarray, "time batch unit"]]


@dataclass(frozen=True)
class RowEdit:
    """One edit of one site, for every row ``[lane * batch]``; NaN in ``value`` keeps the old one."""

    place: Place
    step: Int[Tensor, " row"]
    value: Float[Tensor, "row unit"]
    amount: Float[Tensor, "row unit"]
    low: Float[Tensor, "row unit"]
    high: Float[Tensor, "row unit"]

    def __call__(self, step: int, old: Float[Tensor, "row unit"]) -> Float[Tensor, "row unit"]:
        """Return what the site holds at ``step``."""
        now = self.step == step
        if not now.any():
            return old
        new = torch.where(self.value.isnan(), old, self.value) + self.amount
        return torch.where(now.unsqueeze(1), torch.minimum(torch.maximum(new, self.low), self.high), old)

    def rows(self, kept: Bool[np.ndarray, " row"], start: Int[Tensor, " kept"]) -> RowEdit:
        """Return the edit for some rows, with steps counted from each row's own start."""
        keep = torch.from_numpy(kept)
        tensors = (self.value[keep], self.amount[keep], self.low[keep], self.high[keep])
        return RowEdit(self.place, self.step[keep] - start, *tensors)


@dataclass(frozen=True)
class Edits:
    """All edits of one run; called at every site of every step, inside the recurrence."""

    edits: Sequence[RowEdit]

    def __call__(self, layer: int, site: str, step: int, value: Tensor) -> Tensor:
        for edit in self.edits:
            if edit.place == (layer, site):
                value = edit(step, value)
        return value


def compile_edits(
    intervention: words.Intervention, lanes: Sequence[Lane], clean: Clean, sizes: Sizes
) -> tuple[list[RowEdit], Bool[np.ndarray, " batch"]]:
    """Return the edits of an intervention on every lane, and which sequences it can be done to.

    A sequence that lacks the moment, or the step a value is taken from, cannot be edited.
    """
    parts = intervention.edits if isinstance(intervention, words.Together) else (intervention,)
    used = np.ones(len(clean.sequences.examples), dtype=bool)
    compiled = []
    for part in parts:
        at = moments(part.at, clean.sequences)  # type: ignore[attr-defined]
        source = _source(part, at, clean.sequences)
        used &= (at != NOWHERE) & (source != NOWHERE)
        compiled.append(_compile(part, lanes, clean, sizes, at, source))
    return compiled, used


def _source(edit: words.Intervention, at: np.ndarray, on: Sequences) -> np.ndarray:
    """The step of the clean run that a value is taken from; the edited step itself where none is."""
    if isinstance(edit, words.patch):
        return moments(edit.source, on)
    if isinstance(edit, words.delay):
        source = at - edit.steps
        return np.where((at != NOWHERE) & (source >= 0) & (source < on.lengths), source, NOWHERE)
    return at


def _compile(
    edit: words.Intervention, lanes: Sequence[Lane], clean: Clean, sizes: Sizes, at: np.ndarray, source: np.ndarray
) -> RowEdit:
    batch, rows = len(at), len(lanes) * len(at)
    sets = [units(edit.units, lane, sizes) for lane in lanes]  # type: ignore[attr-defined]
    values, size = clean.values[sets[0].place], sizes[sets[0].place]
    filled = {"value": math.nan, "amount": 0.0, "low": -math.inf, "high": math.inf}
    arrays = {name: np.full((len(lanes), batch, size), start) for name, start in filled.items()}
    taken = values[np.maximum(source, 0), np.arange(batch)]  # [batch unit]
    for lane, chosen in enumerate(sets):
        index = list(chosen.indices)
        for name, numbers in effect(edit, chosen, taken[:, index], values, clean.sequences).items():
            arrays[name][lane][:, index] = numbers
    tensors = {name: torch.from_numpy(a.reshape(rows, size)).float() for name, a in arrays.items()}
    return RowEdit(sets[0].place, torch.from_numpy(np.tile(at, len(lanes))), **tensors)


@singledispatch
def effect(
    edit: object, chosen: UnitSet, taken: np.ndarray, values: np.ndarray, on: Sequences
) -> dict[str, np.ndarray | float]:
    """Return what an edit does to the chosen units: some of ``value``, ``amount``, ``low`` and ``high``.

    Args:
        taken: the clean values of those units at the step that values are taken from, ``[batch unit]``.
        values: the clean values of the whole site, ``[time batch unit]``.
    """
    raise NotImplementedError(f"no edit for {edit!r}")


@effect.register
def _(
    edit: words.zero, chosen: UnitSet, taken: np.ndarray, values: np.ndarray, on: Sequences
) -> dict[str, np.ndarray | float]:
    return {"value": 0.0}


@effect.register
def _(
    edit: words.set_to, chosen: UnitSet, taken: np.ndarray, values: np.ndarray, on: Sequences
) -> dict[str, np.ndarray | float]:
    return {"value": _level(edit.value, chosen, values, on)}


@effect.register
def _(
    edit: words.add, chosen: UnitSet, taken: np.ndarray, values: np.ndarray, on: Sequences
) -> dict[str, np.ndarray | float]:
    return {"amount": edit.amount * np.array(chosen.signs)}


@effect.register
def _(
    edit: words.clamp, chosen: UnitSet, taken: np.ndarray, values: np.ndarray, on: Sequences
) -> dict[str, np.ndarray | float]:
    signs = np.array(chosen.signs)
    low = -math.inf * signs if edit.low is None else _level(edit.low, chosen, values, on)
    high = math.inf * signs if edit.high is None else _level(edit.high, chosen, values, on)
    return {"low": np.where(signs > 0, low, high), "high": np.where(signs > 0, high, low)}


@effect.register(words.delay)
@effect.register(words.patch)
def _(
    edit: object, chosen: UnitSet, taken: np.ndarray, values: np.ndarray, on: Sequences
) -> dict[str, np.ndarray | float]:
    return {"value": taken}


def _level(level: object, chosen: UnitSet, values: np.ndarray, on: Sequences) -> np.ndarray:
    """A value, or the quantile of each unit's own clean values, in the direction of its sign."""
    signs = np.array(chosen.signs)
    if not isinstance(level, quantile):
        return np.asarray(level) * signs
    where = holds(level.where, on)
    if not where.any():
        raise Undecidable(f"{level} is a quantile of nothing: {level.where} never holds in the clean run")
    seen = values[where][:, list(chosen.indices)]
    return np.quantile(seen * signs, level.q, axis=0) * signs
