"""Interventions as numbers: which rows and units take which value, at which steps.

Every edit comes down to ``min(max(value_or_old + amount, low), high)`` per row and unit, so that one fused update
serves all kinds, and unit sets (lanes) times sequences run as the rows of one batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, singledispatch
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuronspec.engine.sequences import NOWHERE, Sequences, holds, moments
from neuronspec.engine.unit_sets import Chosen, Lane, UnitSet, all_but, set_by_set, units
from neuronspec.errors import Undecidable
from neuronspec.fit import Sizes
from neuronspec.language import interventions as words
from neuronspec.language.expression import Expression
from neuronspec.language.signals import Moment
from neuronspec.language.units import quantile
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.tasks import Example

STATES = ("hidden", "cell")
"""Sites that have a value before a token is read; gates have none."""

# Runs that values are taken from.


@dataclass(frozen=True)
class Activations:
    """A run without edits: what was read, and the values of every site that may be needed.

    Args:
        before: the state before the first step, where it is not 0: of a decoder, that of the encoder's last step but
            one, since the last one is its step 0.
    """

    sequences: Sequences
    values: dict[Place, Float[np.ndarray, "time batch unit"]]
    logits: Float[Tensor, "read batch symbol"]
    before: dict[Place, Float[np.ndarray, "batch unit"]] = field(default_factory=dict)

    def first(self, number: int) -> Activations:
        """Return the run over the first sequences."""
        on = Sequences(self.sequences.examples[:number])
        values = {place: v[: on.time, :number] for place, v in self.values.items()}
        read = len(self.logits) - self.sequences.time + on.time
        before = {place: v[:number] for place, v in self.before.items()}
        return Activations(on, values, self.logits[:read, :number], before)


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


# When.


@dataclass(frozen=True)
class Known:
    """At steps that are decided before the run; like the others it gives the rows of a step, None for no row."""

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
    """Wherever a signal holds in what the network has generated so far, or, up to the prompt's end, in the prompt."""

    signal: Expression
    examples: Sequence[Example]
    codes: Int[np.ndarray, " symbol"]
    used: Bool[np.ndarray, " row"]
    now: Tensor | None = None
    fired: bool = False

    def read(self, tokens: Int[Tensor, "time row"], going: Bool[Tensor, " row"]) -> None:
        """Decide the step that the last of these tokens is read at; nothing is edited in rows that have ended."""
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


# What.


@dataclass(frozen=True)
class RowEdit:
    """One edit of one site, for every row ``[lane * batch]``; NaN in ``value`` keeps the old one."""

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
    """Hold what chosen units have at the first step that ``when`` names, from then on; one run long."""

    place: Place
    when: When
    chosen: Bool[Tensor, "row unit"]
    held: Tensor | None = None
    """What is held, NaN where nothing is yet."""

    def __call__(self, step: int, old: Float[Tensor, "row unit"]) -> Float[Tensor, "row unit"]:
        rows = self.when(step)
        if rows is not None:
            held = torch.full_like(old, math.nan) if self.held is None else self.held
            self.held = torch.where(rows.unsqueeze(1) & self.chosen & held.isnan(), old, held)
        return old if self.held is None else torch.where(self.held.isnan(), old, self.held)


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
        """Whether the run went by without any edit: each waited for a signal that never held."""
        return all(isinstance(edit.when, Live) and not edit.when.fired for edit in self.edits)

    def before(self, tokens: Tensor, going: Tensor) -> None:
        """Let edits that depend on what is generated see it."""
        for edit in self.edits:
            if isinstance(edit.when, Live):
                edit.when.read(tokens, going)


# From words to numbers.


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
    parts = intervention.single_edits()
    made = [_made(part, sources, codes is not None) for part in parts]
    used = np.logical_and.reduce([_possible(p, m, sources.batch) for p, m in zip(parts, made, strict=True)])
    if not used.any():
        return Compiled(RunEdits([]), used, None)
    made = [None if m is None else m & used for m in made]
    compiled = [_compile(p, lanes, sources, sizes, m, used, codes) for p, m in zip(parts, made, strict=True)]
    first = [0 if m is None else int(m.any(1).argmax()) for m in made if m is None or m.any()]
    return Compiled(RunEdits(compiled), used, min(first))


def _made(edit: words.Edit, sources: Sources, generates: bool) -> Bool[np.ndarray, "time batch"] | None:
    """The steps of the clean run at which an edit is made; None where that run does not decide it."""
    at = edit.at
    if not isinstance(at, Moment):
        return None if at is None or generates else holds(at, sources.clean().sequences)
    on = sources.clean().sequences
    step = moments(at, on)
    first = 0 if edit.units.of_site.name in STATES else sources.bridge
    possible = step >= first
    if edit.takes_from is not None:
        _, source = _source(edit, edit.takes_from, sources)
        possible &= source >= (first if edit.takes_from.bridged else sources.bridge)
    return possible & (np.arange(on.time)[:, None] == step)


def _possible(edit: words.Edit, made: np.ndarray | None, batch: int) -> Bool[np.ndarray, " batch"]:
    """The sequences an edit can be done to: all of them where it waits for a signal that holds in any."""
    if made is None:
        return np.ones(batch, dtype=bool)
    if isinstance(edit.at, Moment):
        return np.any(made, axis=0)
    return np.full(batch, made.any())


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
    made: Bool[np.ndarray, "time batch"] | None,
    used: Bool[np.ndarray, " batch"],
    codes: np.ndarray | None,
) -> RowEdit | Freeze:
    sets = [_edited(edit, units(edit.units, lane, sizes), sizes) for lane in lanes]
    each = [(lane, rows, one) for lane, chosen in enumerate(sets) for rows, one in chosen.sequences(sources.examples)]
    place = sets[0].place
    when = _when(edit, made, np.tile(used, len(lanes)), sources, codes)
    shape = (len(lanes), sources.batch, sizes[place])
    if edit.lasts:
        frozen = np.zeros(shape, dtype=bool)
        for lane, rows, one in each:
            frozen[lane][np.ix_(rows, np.array(one.indices, dtype=int))] = True
        return Freeze(place, when, torch.from_numpy(frozen.reshape(-1, shape[-1])).to(sources.like.device))
    taken = _taken(edit, place, sources, shape[-1])
    arrays: dict[str, np.ndarray] = {}
    for lane, rows, one in each:
        at = np.ix_(rows, np.array(one.indices, dtype=int))
        for name, numbers in effect(edit, one, taken[at], sources).items():
            arrays.setdefault(name, np.full(shape, NOTHING[name]))[lane][at] = numbers
    tensors = {n: torch.from_numpy(a.reshape(-1, shape[-1])).to(sources.like) for n, a in arrays.items()}
    return RowEdit(place, when, **tensors)


NOTHING = {"value": math.nan, "amount": 0.0, "low": -math.inf, "high": math.inf}
"""What leaves a unit as it is."""


def _edited(edit: words.Edit, chosen: Chosen, sizes: Sizes) -> Chosen:
    """The units that an edit changes."""
    return set_by_set(lambda one: all_but(one, sizes), chosen) if edit.spares else chosen


def _when(
    edit: words.Edit, made: np.ndarray | None, used: np.ndarray, sources: Sources, codes: np.ndarray | None
) -> When:
    at, device = edit.at, sources.like.device
    lanes = len(used) // sources.batch
    if made is not None:
        return Known(torch.from_numpy(np.tile(made, (1, lanes))).to(device))
    if at is not None and codes is not None:
        return Live(at, list(sources.examples) * lanes, codes, used)
    return Always(torch.from_numpy(used).to(device))


def _taken(edit: words.Edit, place: Place, sources: Sources, size: int) -> Float[np.ndarray, "batch unit"]:
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
    return {"value": _seen(run, holds(None, run.sequences), chosen).mean(0, dtype=float)}


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
    if not len(seen := _seen(clean, where, chosen)):
        raise Undecidable(f"{level} is a quantile of nothing: {level.where} never holds in the clean run")
    return np.quantile(seen * signs, level.q, axis=0) * signs


def _seen(run: Activations, where: Bool[np.ndarray, "time batch"], chosen: UnitSet) -> Float[np.ndarray, "step unit"]:
    """The values of units at some steps; without those of a bridged state, at which gates have none."""
    seen: np.ndarray = run.values[chosen.place][where][:, list(chosen.indices)]
    return seen[~np.isnan(seen).any(1)]
