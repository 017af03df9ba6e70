"""Measures of units: of one or several, and with their labels shuffled."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.signals import Shuffled
from neuronspec.language.unit_measures import with_shuffled_labels

PICK = ns.cell.svm_rfe(ns.char("b"), keep=2)


def test_a_measure_of_one_unit_refuses_several():
    assert ns.mean(of=ns.cell).of == ns.cell
    with pytest.raises(SpecError, match="a measure of one unit"):
        ns.correlation("a", of=ns.cell)


def test_a_detector_is_of_a_yes_or_no():
    with pytest.raises(SpecError, match="compare the number"):
        ns.auroc(ns.position(), of=ns.cell[0])


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
