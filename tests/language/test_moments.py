"""Moments as data; which step each is, is tested with the engine, in test_sequences.py."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError


def test_steps_before_and_after_a_moment():
    assert ns.first("X") - 2 == ns.first("X") + -2
    assert repr(ns.start + 2) == "start + 2"
    assert repr(ns.end - 1) == "end - 1"


def test_a_character_is_short_for_its_first_step():
    assert ns.before("X") == ns.before(ns.first(ns.char("X")))


def test_half_a_step_is_none():
    with pytest.raises(SpecError, match="expected a whole number of steps"):
        ns.end - 0.5


def test_moments_that_later_steps_decide():
    assert [m.foresees for m in (ns.first("X"), ns.last("X"), ns.start, ns.end)] == [False, True, False, True]
