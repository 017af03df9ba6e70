"""Edits inside the recurrence: at which steps, and what each row and unit takes.

Every edit comes down to ``min(max(value_or_old + amount, low), high)`` per row and unit, so that one fused update
serves all kinds, and unit sets (lanes) times sequences run as the rows of one batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuronspec.engine.sequences import Sequences, holds
from neuronspec.language.expression import Expression
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.tasks import Example


@dataclass(frozen=True)
class Known:
    """At steps that are decided before the run. A call returns the rows that are edited at a step, None for no row."""

    made: Bool[Tensor, "time row"]

    @cached_property
    def _busy(self) -> list[bool]:
        return self.made.any(1).tolist()

    def __call__(self, step: int) -> Tensor | None:
        return self.made[step] if step < len(self._busy) and self._busy[step] else None


@dataclass(frozen=True)
class Always:
    """At every step of the rows that are edited at all."""

    rows: Bool[Tensor, " row"]

    def __call__(self, step: int) -> Tensor:
        return self.rows


@dataclass
class Live:
    """Wherever a signal holds in the text so far: in the prompt, then in what the network has generated."""

    signal: Expression
    examples: Sequence[Example]
    codes: Int[np.ndarray, " symbol"]
    used: Bool[np.ndarray, " row"]
    now: Tensor | None = None
    fired: bool = False

    def read(self, tokens: Int[Tensor, "time row"], going: Bool[Tensor, " row"]) -> None:
        """Decide for the step that reads the last of these tokens; rows that have ended are not edited."""
        read = self.codes[tokens.cpu().numpy()]
        text = Sequences(self.examples, np.concatenate([read, self._prompts[len(read) :]]))
        now = holds(self.signal, text)[len(read) - 1] & going.cpu().numpy() & self.used
        self.now, self.fired = torch.from_numpy(now).to(tokens.device), self.fired or bool(now.any())

    @cached_property
    def _prompts(self) -> Int[np.ndarray, "time row"]:
        return Sequences([Example(example.text[: example.prompt]) for example in self.examples]).codes

    def __call__(self, step: int) -> Tensor | None:
        return self.now


When: TypeAlias = Known | Always | Live


@dataclass(frozen=True)
class RowEdit:
    """One edit of one site, for every row ``[lane * batch]``; NaN in ``value`` keeps the old value."""

    place: Place
    when: When
    value: Float[Tensor, "row unit"] | None = None
    amount: Float[Tensor, "row unit"] | None = None
    low: Float[Tensor, "row unit"] | None = None
    high: Float[Tensor, "row unit"] | None = None

    @cached_property
    def _keeps(self) -> Tensor | None:
        return None if self.value is None else self.value.isnan()

    def __call__(self, step: int, old: Float[Tensor, "row unit"]) -> Float[Tensor, "row unit"]:
        """Return what the site holds at ``step``."""
        rows, new = self.when(step), old
        if rows is None:
            return old
        if self.value is not None and self._keeps is not None:
            new = torch.where(self._keeps, new, self.value)
        if self.amount is not None:
            new = new + self.amount
        if self.low is not None or self.high is not None:
            new = torch.clamp(new, self.low, self.high)
        return torch.where(rows.unsqueeze(1), new, old)


@dataclass
class Freeze:
    """Hold chosen units at their value of the first step that ``when`` names; it has state, and serves one run."""

    place: Place
    when: When
    chosen: Bool[Tensor, "row unit"]
    frozen: Tensor | None = None
    """The values that are held, NaN where nothing is frozen yet."""

    def __call__(self, step: int, old: Float[Tensor, "row unit"]) -> Float[Tensor, "row unit"]:
        rows = self.when(step)
        if rows is not None:
            frozen = torch.full_like(old, math.nan) if self.frozen is None else self.frozen
            self.frozen = torch.where(rows.unsqueeze(1) & self.chosen & frozen.isnan(), old, frozen)
        return old if self.frozen is None else torch.where(self.frozen.isnan(), old, self.frozen)


@dataclass(frozen=True)
class RunEdits:
    """All edits of one run; called at every site of every step, inside the recurrence."""

    edits: Sequence[RowEdit | Freeze]
    places: frozenset[Place] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", frozenset(edit.place for edit in self.edits))

    def __call__(self, layer: int, site: str, step: int, value: Tensor) -> Tensor:
        if (layer, site) in self.places:
            for edit in self.edits:
                if edit.place == (layer, site):
                    value = edit(step, value)
        return value

    @property
    def idle(self) -> bool:
        """Whether the run had no edit at all: every edit waited for a signal that never held."""
        return all(isinstance(edit.when, Live) and not edit.when.fired for edit in self.edits)

    def before(self, tokens: Tensor, going: Tensor) -> None:
        """Show the text so far to the edits that wait for a signal in it."""
        for edit in self.edits:
            if isinstance(edit.when, Live):
                edit.when.read(tokens, going)
