"""Measures become claims by a bound, and differences take an edit to measures that can be edited."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError


def test_a_bound_makes_a_claim():
    measure = ns.exact_match()
    assert ((measure >= 0.5).low, (measure >= 0.5).high) == (0.5, None)
    assert ((measure <= 0.5).low, (measure <= 0.5).high) == (None, 0.5)
    assert (measure.between(0, 1).low, measure.between(0, 1).high) == (0, 1)
    with pytest.raises(SpecError):
        measure > 0.5  # noqa: B015  # it raises


def test_a_difference_takes_the_edit_of_its_measure():
    edit = ns.zero(ns.cell[0])
    assert ns.shift(ns.exact_match(), under=edit).measure == ns.exact_match()
    with pytest.raises(SpecError, match="its inner measure must not"):
        ns.shift(ns.exact_match(under=edit), under=edit)
    with pytest.raises(SpecError, match="cannot be taken under an intervention"):
        ns.shift(ns.size(ns.cell), under=edit)


def test_one_measure_less_another():
    assert repr(ns.length() - ns.count("b")) == "length() - count(char('b'))"
