"""Claims: what meets their bounds, what their keys depend on, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuronspec as ns
from neuronspec.errors import SpecError

MEASURE = ns.correlation("a", of=ns.cell[0])
values = st.floats(-2, 2)


@given(values, values, values)
def test_a_value_meets_a_bound_as_python_compares(value, low, high):
    low, high = sorted((low, high))
    assert (low <= MEASURE).met_by(value) == (value >= low)
    assert (high >= MEASURE).met_by(value) == (value <= high)
    if low < high:
        assert MEASURE.between(low, high).met_by(value) == (low <= value <= high)


def test_the_bound_as_it_is_read():
    assert (MEASURE >= 0.95).bound == ">= 0.95"
    assert (MEASURE <= 0).bound == "<= 0"
    assert MEASURE.between(0, 1).bound == "from 0 to 1"


def test_keys_of_the_evidence_leave_out_what_is_expected():
    claim = MEASURE >= 0.5
    others = [MEASURE >= 0.6, ns.refuted(claim), ns.side_effect(claim), claim.against(ns.position())]
    assert {other.evidence_key("toy/gru") for other in others} == {claim.evidence_key("toy/gru")}
    assert len({other.key("toy/gru") for other in [claim, *others]}) == 5
    assert claim.evidence_key("toy/lstm") != claim.evidence_key("toy/gru")


def test_rivals_add_up():
    claim = (MEASURE >= 0.5).against(ns.position()).against("b")
    assert claim == (MEASURE >= 0.5).against(ns.position(), "b")


def test_nothing_is_known_before_it_is_measured():
    with pytest.raises(SpecError, match="has no truth value: nothing has been measured yet"):
        bool(MEASURE >= 0.5)
