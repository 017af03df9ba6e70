"""Picks and what stands in for them."""

import math
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import neuronspec as ns
from neuronspec.engine.picks import UnitSet, bases, random_lanes, units
from neuronspec.engine.selection import pick
from neuronspec.engine.subject import Subject
from neuronspec.engine.tracing import Network
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.tasks import Example, Recipe

SCORE = ns.correlation("a")
BEST = ns.cell.best(SCORE)


def sizes(units):
    return {(0, site): units for site in ("cell", "hidden", "candidate", "forget_gate")}


def picked(base, *scores):
    model = LanguageModel(Recipe("lstm", units=len(scores)), symbols=1)
    subject = Subject(Network("tiny/lstm", 0, "a", model), [Example("a")], [Example("a")], [])
    with patch("neuronspec.engine.selection.scores", return_value=np.array(scores)):
        return pick(base, subject)


def test_best_is_oriented():
    chosen = picked(BEST, 0.1, -0.9, 0.5)
    assert (chosen.indices, chosen.signs) == ((1,), (-1,))
    assert chosen.orientation == (1, -1, 1)


def test_best_n_in_order_and_never_an_undefined_one():
    chosen = picked(ns.cell.best(SCORE, n=4), 0.1, -0.9, 0.5, math.nan)
    assert chosen.indices == (1, 2, 0)


def test_auroc_is_oriented_about_one_half():
    chosen = picked(ns.cell.best(ns.auroc("a")), 0.6, 0.1)
    assert (chosen.indices, chosen.signs) == ((1,), (-1,))


def test_all_that_meet_the_bound_in_either_direction():
    chosen = picked(ns.cell.all(SCORE >= 0.5), 0.5, -0.9, 0.4)
    assert (chosen.indices, chosen.signs) == ((0, 1), (1, -1))
    assert picked(ns.cell.all(SCORE >= 0.95), 0.5, -0.9, 0.4).indices == ()


def lane(*indices):
    return {BEST: UnitSet(0, "cell", indices, (1,) * len(indices), (1, -1) * 4)}


def test_set_algebra():
    one, two = ns.cell[1], ns.cell[2]
    sets = {one: UnitSet(0, "cell", (1,), (-1,), (1,) * 4), two: UnitSet(0, "cell", (2,), (1,), (1,) * 4)}

    def of(expression):
        found = units(expression, sets, sizes(4))
        return list(zip(found.indices, found.signs, strict=True))

    assert of(one | two) == [(1, -1), (2, 1)]
    assert of((one | two) & two) == [(2, 1)]
    assert of((one | two) - two) == [(1, -1)]
    assert of(ns.others(one)) == [(0, 1), (2, 1), (3, 1)]
    assert of(ns.cell) == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_gates_have_no_sign():
    flipped = -ns.cell[1]
    sets = {flipped: UnitSet(0, "cell", (1,), (-1,), (1,) * 4)}
    assert units(flipped.on(ns.candidate), sets, sizes(4)).signs == (-1,)
    assert units(flipped.on(ns.forget_gate), sets, sizes(4)).signs == (1,)
    assert units(flipped.on(ns.forget_gate), sets, sizes(4)).site == "forget_gate"


def test_bases_are_the_picks_outside_scores():
    inner = ns.cell.best(ns.correlation("b"))
    claim = ns.moves(ns.length(), by=1, under=ns.delay(ns.others(BEST | inner), 1, at="X"))
    assert bases(claim) == [BEST, inner]
    assert bases(ns.saturation(of=ns.hidden)) == []


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
