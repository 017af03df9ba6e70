"""Measures of behaviour: which runs they need, and which edits they refuse."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.behaviour_measures import Behaviour

LATE = ns.zero(ns.cell[0], at=ns.last("a"))


def test_what_is_expected_needs_no_generated_text():
    expected = [ns.probability("b", at="X"), ns.cross_entropy(), ns.perplexity()]
    generated = [ns.exact_match(), ns.length(), ns.count("b"), ns.step_of("b"), ns.emits("b", at="X")]
    assert all(isinstance(measure, Behaviour) for measure in expected + generated)
    assert not any(measure.generates for measure in expected)
    assert all(measure.generates for measure in generated)


def test_a_run_that_generates_cannot_be_edited_by_later_steps():
    assert ns.cross_entropy(under=LATE).under == LATE
    with pytest.raises(SpecError, match="decided by later steps"):
        ns.exact_match(under=LATE)


def test_a_token_is_a_character_or_a_symbol():
    assert ns.step_of("b").what == ns.char("b")
    with pytest.raises(SpecError, match="expected a character"):
        ns.step_of(ns.position())
