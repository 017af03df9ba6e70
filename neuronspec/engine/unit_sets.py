"""The units that a spec means in one network, and the lanes in which others replace them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, singledispatch
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Int

from neuronspec.errors import NetworkError, Undecidable
from neuronspec.fit import Sizes
from neuronspec.language import units as words
from neuronspec.language.expression import Expression
from neuronspec.language.unit_measures import size
from neuronspec.language.units import Base, Site
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.tasks import Example


@dataclass(frozen=True)
class UnitSet:
    """Some units of one site of one network.

    Args:
        indices: which, in the order in which they were picked.
        signs: 1 or -1 for each: the direction in which it points.
        orientation: the sign that every unit of the site would have if it were picked.
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
        """Return the set of these units of the same site, with the signs they would have if picked."""
        return replace(self, indices=tuple(indices), signs=tuple(self.orientation[i] for i in indices))

    def sequences(self, examples: Sequence[Example]) -> list[tuple[Int[np.ndarray, " sequence"], UnitSet]]:
        """Return the sequences that it applies to, all of them, with the set."""
        return [(np.arange(len(examples)), self)]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many units there are: in one set, or in each of several."""
        return (len(self.indices),)

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"site": self.site, "layer": self.layer, "index": i, "sign": s}
            for i, s in zip(self.indices, self.signs, strict=True)
        ]


Value: TypeAlias = tuple[str, ...]
"""The values of some symbols."""


@dataclass(frozen=True)
class UnitSets:
    """A set of units for each value of some symbols; it applies to the sequences of that value. All are of one site.

    Args:
        symbols: their names.
        sets: by their values.
    """

    symbols: tuple[str, ...]
    sets: Mapping[Value, UnitSet]

    @property
    def _any(self) -> UnitSet:
        return next(iter(self.sets.values()))

    @property
    def place(self) -> Place:
        return self._any.place

    @property
    def site(self) -> str:
        return self._any.site

    @property
    def moved(self) -> bool:
        return self._any.moved

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(chosen.indices) for chosen in self.sets.values())

    def sequences(self, examples: Sequence[Example]) -> list[tuple[Int[np.ndarray, " sequence"], UnitSet]]:
        """Return the sequences that each set applies to; a sequence without a set is in none of them."""
        rows: dict[Value, list[int]] = {}
        for row, example in enumerate(examples):
            rows.setdefault(tuple(example.symbols.get(name, "") for name in self.symbols), []).append(row)
        return [(np.array(rows[value]), chosen) for value, chosen in self.sets.items() if value in rows]

    def as_json(self) -> list[dict[str, Any]]:
        return [
            unit | {"of": dict(zip(self.symbols, value, strict=True))}
            for value, chosen in self.sets.items()
            for unit in chosen.as_json()
        ]


Chosen: TypeAlias = UnitSet | UnitSets
"""The units that an expression means: one set, or one per value of a symbol."""


def sets_of(chosen: Chosen, examples: Sequence[Example]) -> list[tuple[Value, UnitSet, Int[np.ndarray, " sequence"]]]:
    """Return each set with its value and its sequences; a single set has no value, and applies to all."""
    if isinstance(chosen, UnitSet):
        return [((), chosen, np.arange(len(examples)))]
    value = {id(one): v for v, one in chosen.sets.items()}
    return [(value[id(one)], one, rows) for rows, one in chosen.sequences(examples)]


def set_by_set(of: Callable[..., UnitSet], *chosen: Chosen) -> Chosen:
    """Apply a function to sets: value by value where some are per value; two symbols give every pair of their values.

    Raises:
        Undecidable: they are for different values of one symbol.
    """
    symbols, values = common_values(chosen)
    if not symbols:
        return of(*chosen)
    if not values:
        raise Undecidable(f"units for each value of {', '.join(symbols)}: the sets have no value in common")
    return UnitSets(symbols, {value: of(*(of_value(c, symbols, value) for c in chosen)) for value in values})


def common_values(chosen: Collection[Chosen]) -> tuple[tuple[str, ...], list[Value]]:
    """The symbols of the sets that are per value, and the combinations of values that all of them have.

    Example: sets for the words ``a, b`` and sets for the words ``b, c`` share ``b`` alone. Sets for two different
    symbols share every pair of values.
    """
    per_value = [c for c in chosen if isinstance(c, UnitSets)]
    symbols = tuple(dict.fromkeys(name for c in per_value for name in c.symbols))
    values: dict[Value, None] = {}
    for combination in product(*(c.sets for c in per_value)):
        named = [dict(zip(c.symbols, value, strict=True)) for c, value in zip(per_value, combination, strict=True)]
        merged = {name: value for of_set in named for name, value in of_set.items()}
        # Where two sets name one symbol with different values, merging loses one of them.
        if all(of_set.items() <= merged.items() for of_set in named):
            values[tuple(merged[name] for name in symbols)] = None
    return symbols, list(values)


def of_value(chosen: Chosen, symbols: tuple[str, ...], value: Value) -> UnitSet:
    if isinstance(chosen, UnitSet):
        return chosen
    return chosen.sets[tuple(value[symbols.index(name)] for name in chosen.symbols)]


@dataclass(frozen=True)
class Scores:
    """The scores of a pick, the best unit first, so that one sees how far it is ahead of the others.

    Args:
        scored: index, sign and score of each unit that has a score.
        completeness: of integrated gradients, the largest gap between the sum of scores and what they should add up to.
        curve: of a pick by accuracy, the held-out accuracy with one unit, with two, and so on.
    """

    scored: Sequence[tuple[int, int, float]]
    completeness: float = math.nan
    curve: Sequence[float] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the best ten, the median score and how many there are."""
        median = self.scored[len(self.scored) // 2][2] if self.scored else None
        best = [{"index": i, "sign": s, "score": score} for i, s, score in self.scored[:10]]
        document: dict[str, Any] = {"best": best, "median": median, "units": len(self.scored)}
        document |= {"curve": list(self.curve)} if self.curve else {}
        return document if math.isnan(self.completeness) else document | {"completeness": self.completeness}


@dataclass(frozen=True)
class ScoresByValue:
    """The scores of a pick for each value of a symbol."""

    symbol: str
    scores: Mapping[Value, Scores]

    def as_json(self) -> dict[str, Any]:
        """Return the scores of each value."""
        return {"symbol": self.symbol, "values": {v[0]: scores.as_json() for v, scores in self.scores.items()}}


Lane = Mapping[Expression, Chosen]
"""What each base (a pick or a named unit) stands for: in lane 0 what the spec says, in others a replacement."""


def bases(expression: Expression) -> list[Base]:
    """Return the picks and named units that an expression rests on, each once, in the order they are read."""
    if isinstance(expression, Base):
        return [expression]
    return list(dict.fromkeys(base for part in expression.operands() for base in bases(part)))


def bases_beyond_size(expression: Expression) -> list[Base]:
    """Return the picks and named units whose values matter; for a size only their number does, which may be 0."""
    if isinstance(expression, size):
        return []
    if isinstance(expression, Base):
        return [expression]
    return list(dict.fromkeys(base for part in expression.operands() for base in bases_beyond_size(part)))


def layer_of(site: Site) -> int:
    """Return the layer of a site; without ``.layer`` there is only one (collection has made sure)."""
    return site.layer_number or 0


def places(expressions: Sequence[Expression], sizes: Sizes) -> set[Place]:
    """Return every layer and site of a network that some expression reads or edits."""
    needed: set[Place] = set()
    for expression in expressions:
        sites = [e for e in expression.walk() if isinstance(e, Site)]
        moved = {e.site.name for e in expression.walk() if isinstance(e, words.On) and e.site.layer_number is None}
        layers = {layer_of(site) for site in sites}
        needed |= {(layer_of(s), s.name) for s in sites} | {(layer, name) for layer in layers for name in moved}
    return needed & set(sizes)


@singledispatch
def units(expression: object, lane: Lane, sizes: Sizes) -> Chosen:
    """Return the units that an expression means on a lane.

    Raises:
        NetworkError: a unit is put on a site that has no unit of the same index.
    """
    raise NotImplementedError(f"no units for {expression!r}")


@units.register
def _units_of_base(expression: Base, lane: Lane, sizes: Sizes) -> Chosen:
    return lane[expression]


@units.register
def _units_of_site(expression: Site, lane: Lane, sizes: Sizes) -> UnitSet:
    size = sizes[layer_of(expression), expression.name]
    return UnitSet(layer_of(expression), expression.name, tuple(range(size)), (1,) * size, (1,) * size)


@units.register
def _units_of_on(expression: words.On, lane: Lane, sizes: Sizes) -> Chosen:
    return set_by_set(partial(_put_on, expression, sizes), units(expression.units, lane, sizes))


def _put_on(expression: words.On, sizes: Sizes, inner: UnitSet) -> UnitSet:
    layer = inner.layer if expression.site.layer_number is None else layer_of(expression.site)
    moved = replace(inner, layer=layer, site=expression.site.name)
    size, new_size = sizes[inner.place], sizes[moved.place]
    if size != new_size:
        raise NetworkError(
            f"{expression}: {inner.site} has {size} units and {moved.site} {new_size}: they do not pair up"
        )
    if moved.site in words.SIGNED:
        return moved
    # A gate lies between 0 and 1, and has no direction that a unit's sign could turn.
    return replace(moved, signs=(1,) * len(inner.indices), orientation=(1,) * size)


@units.register
def _units_of_increments(expression: words.increments, lane: Lane, sizes: Sizes) -> Chosen:
    return set_by_set(lambda inner: replace(inner, moved=True), units(expression.units, lane, sizes))


@units.register
def _units_of_others(expression: words.others, lane: Lane, sizes: Sizes) -> Chosen:
    return set_by_set(lambda inner: all_but(inner, sizes), units(expression.units, lane, sizes))


def all_but(chosen: UnitSet, sizes: Sizes) -> UnitSet:
    """Return the other units of the same site."""
    return chosen.holding([i for i in range(sizes[chosen.place]) if i not in chosen.indices])


@units.register
def _units_of_for_symbol(expression: words.for_symbol, lane: Lane, sizes: Sizes) -> Chosen:
    inner = units(expression.units, lane, sizes)
    if not isinstance(inner, UnitSets) or len(inner.symbols) > 1:
        raise NetworkError(f"{expression}: there is no set of units for each value of one symbol")
    return replace(inner, symbols=(expression.symbol.name,))  # type: ignore[attr-defined]


@dataclass(frozen=True, repr=False)
class Nth(words.Units, word="nth"):
    """One of several units, by its number among them: ``each`` is measured as one of these after another."""

    of: words.Units
    number: int

    @property
    def is_one(self) -> bool:
        return True


@units.register
def _units_of_nth(expression: Nth, lane: Lane, sizes: Sizes) -> Chosen:
    n = slice(expression.number, expression.number + 1)
    return set_by_set(
        lambda inner: replace(inner, indices=inner.indices[n], signs=inner.signs[n]),
        units(expression.of, lane, sizes),
    )


@units.register
def _units_of_set_operation(expression: words.SetOperation, lane: Lane, sizes: Sizes) -> Chosen:
    left, right = units(expression.left, lane, sizes), units(expression.right, lane, sizes)
    if isinstance(expression, words.Union):
        return set_by_set(_union, left, right)
    shared = isinstance(expression, words.Intersection)
    return set_by_set(partial(_units_of_left, shared), left, right)


def _union(left: UnitSet, right: UnitSet) -> UnitSet:
    added = [i for i in right.indices if i not in left.indices]
    signs = dict(zip(right.indices, right.signs, strict=True))
    return replace(left, indices=(*left.indices, *added), signs=(*left.signs, *(signs[i] for i in added)))


def _units_of_left(shared: bool, left: UnitSet, right: UnitSet) -> UnitSet:
    """The units of the left set that the right one shares, or that it does not."""
    kept = [(i, s) for i, s in zip(left.indices, left.signs, strict=True) if (i in right.indices) == shared]
    return replace(left, indices=tuple(i for i, _ in kept), signs=tuple(s for _, s in kept))
