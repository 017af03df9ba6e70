"""What stands in for what a claim is about: which controls a claim has, and in which order."""

import numpy as np
import pytest
from planted import TALLY, subject

import neuronspec as ns
from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.verdicts.controls import CONTROLS, Look, controls_of, measured_controls, rivals_of
from neuronspec.engine.verdicts.judge import Control, concluded

COUNTS = ns.correlation(TALLY, of=ns.cell[2]) >= 0.95
EDITED = ns.shift(ns.exact_match(), under=ns.zero(ns.cell[2], at="X")) <= -0.9


def names(controls):
    return [control.name for control in controls]


def test_rivals_come_last_in_the_order_of_their_author():
    claim = COUNTS.against(ns.position(), ns.count_of("b"))
    assert names(rivals_of(claim)) == ["rival position()", f"rival {ns.count_of('b')}"]
    assert names(controls_of(claim)) == [*names(CONTROLS), *names(rivals_of(claim))]


def test_matched_displacement_alone_is_required():
    controls = controls_of(EDITED.against(ns.matched_displacement()))
    assert [control.name for control in controls if control.required] == ["matched displacement"]


@pytest.mark.parametrize(("required", "verdict"), {True: "undecided", False: "supported"}.items())
def test_a_control_that_could_not_be_measured_counts_where_it_is_required(required, verdict):
    lacking = Control(note="too few", required=required)
    assert concluded(COUNTS, 0.98, (0.97, 0.99), {"some control": lacking})[0] == verdict


def test_a_control_that_has_no_meaning_for_a_claim_is_left_out():
    """Behaviour has no units, no labels and no signal, so there is nothing to stand in for."""
    look = Look(subject=subject(), twin=lambda: pytest.fail("no twin is wanted"), census=True, level=0.95)
    assert measured_controls(look, ns.exact_match() >= 0.99, {}, Estimate(np.ones((1, 1, 2)))) == {}


def test_why_there_are_no_random_units_is_noted():
    look = Look(subject=subject(), twin=lambda: None, census=True, level=0.95, drawn="too few")
    controls = measured_controls(look, COUNTS, {}, Estimate(np.ones((1, 1, 2))))
    assert {name: control.note for name, control in controls.items()} == {
        "random units": "too few",
        "untrained twin": "no twin: its build gives the trained weights",
    }
