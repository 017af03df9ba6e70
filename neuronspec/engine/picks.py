"""Units: which ones a spec means in one network, and which could stand in for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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


Sizes = Mapping[Place, int]
"""How many units each site of each layer has."""

Lane = Mapping[Expression, UnitSet]
"""What each base (a pick or a named unit) stands for: in lane 0 what the spec says, in others a replacement."""


def bases(expression: Expression) -> list[Expression]:
    """Return the picks and named units that an expression rests on, each once, in the order they are read."""
    if isinstance(expression, Picked | Unit):
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


@units.register
def _(expression: Picked, lane: Lane, sizes: Sizes) -> UnitSet:
    return lane[expression]


@units.register
def _(expression: Unit, lane: Lane, sizes: Sizes) -> UnitSet:
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


def pick(base: Expression, score: Callable[[Expression, Site], np.ndarray], sizes: Sizes) -> UnitSet:
    """Return the units that a base means.

    Args:
        score: gives a score for every unit of a site, on the discovery split.
    """
    site: Site = base.site  # type: ignore[attr-defined]
    size = sizes[layer_of(site), site.name]
    whole = UnitSet(layer_of(site), site.name, (), (), (1,) * size)
    if isinstance(base, Unit):
        return replace(whole, indices=(base.index,), signs=(base.sign,))
    if isinstance(base, words.Best):
        oriented, signs = _oriented(base.score, score(base.score, site))
        order = [int(i) for i in np.argsort(-oriented, kind="stable") if math.isfinite(oriented[i])]
        return replace(whole, orientation=signs).holding(order[: base.n])
    if isinstance(base, words.All):
        measure = base.score.measure  # type: ignore[attr-defined]
        oriented, signs = _oriented(measure, score(measure, site))
        kept = [i for i in range(size) if base.score.met_by(oriented[i])]  # type: ignore[attr-defined]
        return replace(whole, orientation=signs).holding(kept)
    raise NotImplementedError(f"no pick for {base!r}")


def _oriented(measure: Any, scores: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Scores as they are once each unit points in the direction in which its score lies above the centre."""
    if measure.centre is None:
        return scores, (1,) * len(scores)
    signs = np.where(scores < measure.centre, -1, 1)
    return measure.centre + signs * (scores - measure.centre), tuple(signs.tolist())


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


def _swaps(indices: list[int], size: int, rng: np.random.Generator, draws: int) -> list[dict[int, int]]:
    rest = [i for i in range(size) if i not in indices]
    if math.comb(len(rest), len(indices)) <= draws:
        chosen: list[Sequence[int]] = list(combinations(rest, len(indices)))
    else:
        chosen = [rng.choice(rest, len(indices), replace=False).tolist() for _ in range(draws)]
    return [dict(zip(indices, c, strict=True)) for c in chosen]
