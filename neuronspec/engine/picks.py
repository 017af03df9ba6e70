"""Units: which ones a spec means in one network, and which could stand in for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from itertools import combinations
from typing import Any

import numpy as np

from neuronspec.errors import NetworkError
from neuronspec.language import units as words
from neuronspec.language.expression import Expression
from neuronspec.language.units import Picked, Site, Unit
from neuronspec.networks.cells import Place

DRAWS = 20
"""Random sets per control, where the rest of the site is large enough for so many."""


@dataclass(frozen=True)
class UnitSet:
    """Some units of one site of one network.

    Args:
        indices: which, in the order in which they were picked.
        signs: 1 or -1 for each: the direction in which it points.
        orientation: the sign that every unit of the site would have, had it been picked.
        moved: whether the change from the step before is meant, not the value.
    """

    layer: int
    site: str
    indices: tuple[int, ...]
    signs: tuple[int, ...]
    orientation: tuple[int, ...]
    moved: bool = False

    @property
    def place(self) -> Place:
        return self.layer, self.site

    def holding(self, indices: Sequence[int]) -> UnitSet:
        """Return the set of these units of the same site, oriented as they would be."""
        return replace(self, indices=tuple(indices), signs=tuple(self.orientation[i] for i in indices))

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"site": self.site, "layer": self.layer, "index": i, "sign": s}
            for i, s in zip(self.indices, self.signs, strict=True)
        ]


@dataclass(frozen=True)
class Scores:
    """What a pick went by: all units by their score, the best first, so that one sees how alone the best one is.

    Args:
        scored: index, sign and score of each; units that have none are left out.
        completeness: of integrated gradients, how far the scores are from adding up, at worst.
        curve: of a pick by accuracy, the held-out accuracy with one unit, with two, and so on.
    """

    scored: Sequence[tuple[int, int, float]]
    completeness: float = math.nan
    curve: Sequence[float] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the best ten, the median score and how many there are."""
        middle = self.scored[len(self.scored) // 2][2] if self.scored else None
        best = [{"index": i, "sign": s, "score": score} for i, s, score in self.scored[:10]]
        told: dict[str, Any] = {"best": best, "median": middle, "units": len(self.scored)}
        told |= {"curve": list(self.curve)} if self.curve else {}
        return told if math.isnan(self.completeness) else told | {"completeness": self.completeness}


Sizes = Mapping[Place, int]
"""How many units each site of each layer has."""

Lane = Mapping[Expression, UnitSet]
"""What each base (a pick or a named unit) stands for: in lane 0 what the spec says, in others a replacement."""


def is_base(expression: Expression) -> bool:
    """Return whether an expression stands for units of its own: a pick, or a named unit."""
    return isinstance(expression, Picked | Unit | words.IntegratedGradients)


def bases(expression: Expression) -> list[Expression]:
    """Return the picks and named units that an expression rests on, each once, in the order they are read."""
    if is_base(expression):
        return [expression]
    found: dict[Expression, None] = {}
    for part in expression.parts():
        found |= dict.fromkeys(bases(part))
    return list(found)


def layer_of(site: Site) -> int:
    """Return the layer of a site; without ``.layer`` there is only one (collection has made sure)."""
    return site.layer_number or 0


def places(expressions: Sequence[Expression], sizes: Sizes) -> set[Place]:
    """Return every layer and site of a network that some expression reads or edits."""
    asked: set[Place] = set()
    for expression in expressions:
        sites = [e for e in expression.walk() if isinstance(e, Site)]
        moved = {e.site.name for e in expression.walk() if isinstance(e, words.On) and e.site.layer_number is None}
        layers = {layer_of(site) for site in sites}
        asked |= {(layer_of(s), s.name) for s in sites} | {(layer, name) for layer in layers for name in moved}
    return asked & set(sizes)


@singledispatch
def units(expression: object, lane: Lane, sizes: Sizes) -> UnitSet:
    """Return the units that an expression means on a lane.

    Raises:
        NetworkError: a unit is put on a site that has no unit of the same index.
    """
    raise NotImplementedError(f"no units for {expression!r}")


@units.register(Picked)
@units.register(Unit)
@units.register(words.IntegratedGradients)
def _(expression: Expression, lane: Lane, sizes: Sizes) -> UnitSet:
    return lane[expression]


@units.register
def _(expression: Site, lane: Lane, sizes: Sizes) -> UnitSet:
    size = sizes[layer_of(expression), expression.name]
    return UnitSet(layer_of(expression), expression.name, tuple(range(size)), (1,) * size, (1,) * size)


@units.register
def _(expression: words.On, lane: Lane, sizes: Sizes) -> UnitSet:
    inner = units(expression.units, lane, sizes)
    layer = inner.layer if expression.site.layer_number is None else layer_of(expression.site)
    moved = replace(inner, layer=layer, site=expression.site.name)
    size, there = sizes[inner.place], sizes[moved.place]
    if size != there:
        raise NetworkError(f"{expression}: {inner.site} has {size} units and {moved.site} {there}: they do not pair up")
    if moved.site in words.SIGNED:
        return moved
    return replace(moved, signs=(1,) * len(inner.indices), orientation=(1,) * size)


@units.register
def _(expression: words.increments, lane: Lane, sizes: Sizes) -> UnitSet:
    return replace(units(expression.units, lane, sizes), moved=True)


@units.register
def _(expression: words.others, lane: Lane, sizes: Sizes) -> UnitSet:
    inner = units(expression.units, lane, sizes)
    return inner.holding([i for i in range(sizes[inner.place]) if i not in inner.indices])


@dataclass(frozen=True, repr=False)
class Nth(words.Units, word="nth"):
    """One of some units, by its number among them: what ``each`` is, unit by unit."""

    of: words.Units
    number: int

    @property
    def is_one(self) -> bool:
        return True


@units.register
def _(expression: Nth, lane: Lane, sizes: Sizes) -> UnitSet:
    inner = units(expression.of, lane, sizes)
    n = slice(expression.number, expression.number + 1)
    return replace(inner, indices=inner.indices[n], signs=inner.signs[n])


@units.register
def _(expression: words.SetOperation, lane: Lane, sizes: Sizes) -> UnitSet:
    left, right = units(expression.left, lane, sizes), units(expression.right, lane, sizes)
    if isinstance(expression, words.Union):
        added = [i for i in right.indices if i not in left.indices]
        signs = dict(zip(right.indices, right.signs, strict=True))
        return replace(left, indices=(*left.indices, *added), signs=(*left.signs, *(signs[i] for i in added)))
    wanted = isinstance(expression, words.Intersection)
    kept = [(i, s) for i, s in zip(left.indices, left.signs, strict=True) if (i in right.indices) == wanted]
    return replace(left, indices=tuple(i for i, _ in kept), signs=tuple(s for _, s in kept))


def random_lanes(own: Lane, sizes: Sizes, rng: np.random.Generator, draws: int = DRAWS) -> list[Lane]:
    """Return lanes in which other units of the same site stand in for the picked ones.

    A unit is replaced by the same other unit wherever it occurs. Where the rest of a site allows fewer different
    sets than ``draws``, all of them are taken; where it is too small, there are none.
    """
    taken: dict[Place, list[int]] = {}
    for chosen in own.values():
        at = taken.setdefault(chosen.place, [])
        at.extend(i for i in chosen.indices if i not in at)
    swaps = {place: _swaps(indices, sizes[place], rng, draws) for place, indices in taken.items() if indices}
    number = min((len(s) for s in swaps.values()), default=0)
    return [
        {
            base: chosen.holding([swaps[chosen.place][d][i] for i in chosen.indices]) if chosen.indices else chosen
            for base, chosen in own.items()
        }
        for d in range(number)
    ]


def independent_lanes(own: Lane, sizes: Sizes, rng: np.random.Generator, draws: int = DRAWS) -> list[Lane]:
    """Return lanes in which every pick is any set of as many units of its site: what two sets share by chance."""
    return [
        {
            base: chosen.holding(rng.choice(sizes[chosen.place], len(chosen.indices), replace=False).tolist())
            for base, chosen in own.items()
        }
        for _ in range(draws)
    ]


def _swaps(indices: list[int], size: int, rng: np.random.Generator, draws: int) -> list[dict[int, int]]:
    rest = [i for i in range(size) if i not in indices]
    if math.comb(len(rest), len(indices)) <= draws:
        chosen: list[Sequence[int]] = list(combinations(rest, len(indices)))
    else:
        chosen = [rng.choice(rest, len(indices), replace=False).tolist() for _ in range(draws)]
    return [dict(zip(indices, c, strict=True)) for c in chosen]
