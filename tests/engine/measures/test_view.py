"""What measures are taken on."""

import pytest
from planted import STRINGS, subject

import neuronspec as ns
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.unit_sets import UnitSet

SUBJECT = subject()


def test_sets_are_those_of_each_lane():
    lanes = [{ns.cell[0]: UnitSet(0, "cell", (index,), (1,), (1,) * 6)} for index in (2, 4)]
    sets = View(SUBJECT, lanes).sets(ns.others(ns.cell[0]))
    assert [chosen.indices for chosen in sets] == [(0, 1, 3, 4, 5), (0, 1, 2, 3, 5)]


def test_sequences_are_those_of_the_split():
    halves = type(SUBJECT)(SUBJECT.network, STRINGS[:4], STRINGS[4:], SUBJECT.places)
    assert View(halves, [{}]).sequences.examples == STRINGS[4:]
    assert View(halves, [{}], split="discovery").sequences.examples == STRINGS[:4]


def test_what_is_no_measure_has_no_estimate():
    with pytest.raises(NotImplementedError, match="no estimate for 3"):
        estimate(3, View(SUBJECT, [{}]))
