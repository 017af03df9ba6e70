"""Random sets of units in place of the claimed ones: the draws of a claim's controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np

from neuronspec.engine.unit_sets import Lane, UnitSet, UnitSets, common_values, of_value
from neuronspec.fit import Sizes
from neuronspec.language.expression import Expression
from neuronspec.networks.cells.cell import Place

DRAWS = 20
"""Random sets per control, where the rest of the site allows that many."""


Drawn: TypeAlias = Callable[[Mapping[Expression, UnitSet]], list[dict[Expression, UnitSet]]]


def random_lanes(claimed: Lane, sizes: Sizes, rng: np.random.Generator, draws: int = DRAWS) -> list[Lane]:
    """Return lanes in which other units of the same site stand in for the picked ones.

    A unit is replaced by the same other unit wherever it occurs (per value of a symbol, where there is a set for
    each): with 2 -> 7 and 5 -> 1 on a lane, ``cell[2]`` becomes ``cell[7]`` there, and ``cell[2] | cell[5]`` becomes
    ``cell[7] | cell[1]``. Where the rest of a site allows fewer different sets than ``draws``, all of them are taken;
    where it is too small, there are none.
    """
    return _per_value(claimed, lambda plain: _replaced(plain, sizes, rng, draws))


def independent_lanes(claimed: Lane, sizes: Sizes, rng: np.random.Generator, draws: int = DRAWS) -> list[Lane]:
    """Return lanes in which every pick is any set of as many units of its site: what two sets share by chance."""

    def drawn(plain: Mapping[Expression, UnitSet]) -> list[dict[Expression, UnitSet]]:
        return [{base: _any_as_many(chosen, sizes, rng) for base, chosen in plain.items()} for _ in range(draws)]

    return _per_value(claimed, drawn)


def _any_as_many(chosen: UnitSet, sizes: Sizes, rng: np.random.Generator) -> UnitSet:
    return chosen.holding(rng.choice(sizes[chosen.place], len(chosen.indices), replace=False).tolist())


def _per_value(claimed: Lane, draw: Drawn) -> list[Lane]:
    """What is drawn for a lane; where it has sets per value, for each value by itself.

    With sets for the values "a" and "b" of a symbol, lane 0 has the first set drawn for "a" and the first for "b".
    Where 20 can be drawn for "a" and only 6 for "b", there are 6 lanes.
    """
    symbols, values = common_values(claimed.values())
    drawn = {v: draw({base: of_value(chosen, symbols, v) for base, chosen in claimed.items()}) for v in values}
    if not symbols:
        return list(drawn[()])
    return [
        {base: UnitSets(symbols, {v: lanes[d][base] for v, lanes in drawn.items()}) for base in claimed}
        for d in range(min(map(len, drawn.values()), default=0))
    ]


def _replaced(
    claimed: Mapping[Expression, UnitSet], sizes: Sizes, rng: np.random.Generator, draws: int
) -> list[dict[Expression, UnitSet]]:
    taken: dict[Place, list[int]] = {}
    for chosen in claimed.values():
        indices = taken.setdefault(chosen.place, [])
        indices.extend(i for i in chosen.indices if i not in indices)
    swaps = {place: _swaps(indices, sizes[place], rng, draws) for place, indices in taken.items() if indices}
    number = min((len(s) for s in swaps.values()), default=0)
    return [
        {
            base: chosen.holding([swaps[chosen.place][d][i] for i in chosen.indices]) if chosen.indices else chosen
            for base, chosen in claimed.items()
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
