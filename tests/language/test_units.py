"""Units: signs, layers, sites, and which words mean one unit."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError

BEST = ns.cell.best(ns.correlation("a"))


def test_a_sign_turned_twice_is_the_unit():
    unit = ns.cell.layer(1)[3]
    turned = -unit
    assert -turned == unit
    assert turned.sign == -1
    assert turned.site == unit.site == ns.cell.layer(1)


@pytest.mark.parametrize(
    ("units", "one"),
    [
        (ns.cell[0], True),
        (-ns.cell[0], True),
        (BEST, True),
        (ns.cell.best(ns.correlation("a"), n=2), False),
        (ns.cell.all(ns.correlation("a") >= 0.5), False),
        (BEST.on(ns.hidden), True),
        (ns.each(ns.cell[0] | ns.cell[1]), True),
        (ns.increments(BEST), True),
        (ns.cell[0] | ns.cell[1], False),
        (ns.cell, False),
    ],
    ids=repr,
)
def test_which_words_mean_one_unit(units, one):
    assert units.is_one is one


def test_the_site_of_units_is_that_which_they_are_put_on():
    assert BEST.of_site == ns.cell
    assert BEST.on(ns.forget_gate).of_site == ns.forget_gate
    assert ns.cell.layer(2)[0].of_site == ns.cell.layer(2)


def test_units_of_a_negative_index_are_none():
    with pytest.raises(SpecError):
        ns.cell[-1]
