"""What is drawn in place of the units of a claim."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sets_per_value import EIGHT, LATER, PICK, by_value, chosen_sets, made, own

import neuronspec as ns
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.engine.verdicts.random_sets import independent_lanes, random_lanes
from neuronspec.networks.tasks import Example

SCORE = ns.correlation("a")
BEST = ns.cell.best(SCORE)


def sizes(units):
    return {(0, site): units for site in ("cell", "hidden", "candidate", "forget_gate")}


def lane(*indices):
    return {BEST: UnitSet(0, "cell", indices, (1,) * len(indices), (1, -1) * 4)}


@given(st.integers(1, 7), st.integers(0, 99))
def test_random_lanes_come_from_the_rest_with_the_same_number(size, seed):
    own = lane(*range(size))
    drawn = random_lanes(own, sizes(8), np.random.default_rng(seed))
    assert len(drawn) == min(20, math.comb(8 - size, size))
    for stand_in in drawn:
        chosen = stand_in[BEST]
        assert len(set(chosen.indices)) == size
        assert not set(chosen.indices) & set(range(size))
        assert chosen.signs == tuple(chosen.orientation[i] for i in chosen.indices)


def test_few_other_units_are_all_taken():
    drawn = random_lanes(lane(3), sizes(8), np.random.default_rng(0))
    assert sorted(stand_in[BEST].indices[0] for stand_in in drawn) == [0, 1, 2, 4, 5, 6, 7]


def test_one_unit_is_replaced_by_the_same_other_wherever_it_occurs():
    named = ns.cell[1]
    own = lane(1, 2) | {named: UnitSet(0, "cell", (1,), (1,), (1,) * 30)}
    own[BEST] = replace(own[BEST], orientation=(1,) * 30)
    for stand_in in random_lanes(own, sizes(30), np.random.default_rng(0)):
        assert stand_in[named].indices[0] == stand_in[BEST].indices[0]


def test_draws_are_repeatable():
    a, b = (random_lanes(lane(1, 2), sizes(8), np.random.default_rng(5)) for _ in range(2))
    assert a == b


@pytest.mark.parametrize("draw", [random_lanes, independent_lanes])
@given(chosen=by_value, other=chosen_sets, seed=st.integers(0, 99))
def test_lanes_drawn_for_each_value(draw, chosen, other, seed):
    bases = {PICK: made(chosen), LATER: made(other)}
    drawn = draw(bases, sizes(8), np.random.default_rng(seed))
    assert len(drawn) <= 20
    examples = [Example("a", symbols={"letter": x, "other": y}) for x in "abX" for y in "abX"]
    for stand_in in drawn:
        for example in examples:
            sets = [own(one, example) for one in bases.values()]
            if None in sets:
                continue
            theirs = [own(stand_in[base], example) for base in bases]
            assert [len(one.indices) for one in theirs] == [len(one.indices) for one in sets]
            for one in theirs:
                assert len(set(one.indices)) == len(one.indices)
                assert one.signs == tuple(EIGHT[i] for i in one.indices)
            if draw is random_lanes:
                taken = {i for one in sets for i in one.indices}
                assert not taken & {i for one in theirs for i in one.indices}
                shared = [len(set(a.indices) & set(b.indices)) for a, b in (sets, theirs)]
                assert shared[0] == shared[1]
