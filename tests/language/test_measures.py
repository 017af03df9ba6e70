"""Measures become claims by a bound, and their labels can be shuffled."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.measures import with_shuffled_labels
from neuronspec.language.signals import Shuffled

PICK = ns.cell.svm_rfe(ns.char("b"), keep=2)


def test_a_bound_makes_a_claim():
    measure = ns.exact_match()
    assert ((measure >= 0.5).low, (measure >= 0.5).high) == (0.5, None)
    assert ((measure <= 0.5).low, (measure <= 0.5).high) == (None, 0.5)
    assert (measure.between(0, 1).low, measure.between(0, 1).high) == (0, 1)
    with pytest.raises(SpecError):
        measure > 0.5  # noqa: B015  # it raises


def test_all_that_units_are_compared_with_and_picked_by_is_shuffled():
    claim = ns.correlation("a", of=ns.each(PICK)) >= 0.5
    shuffled = with_shuffled_labels(claim, draw=3)
    assert shuffled.measure.signal == Shuffled(ns.char("a"), draw=3)
    assert shuffled.measure.of.units.labels == Shuffled(ns.char("b"), draw=3)
    assert (shuffled.low, shuffled.measure.of.units.keep) == (0.5, 2)
    assert claim == (ns.correlation("a", of=ns.each(PICK)) >= 0.5), "expressions do not change"


def test_a_measure_without_labels_has_none_to_shuffle():
    claim = ns.shift(ns.length("b"), under=ns.zero(ns.cell[0])) <= 0
    assert with_shuffled_labels(claim) == claim
