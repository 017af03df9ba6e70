"""One look at a claim on the planted counter: its units, what stands in for them, and what is shown of both."""

from dataclasses import replace

import numpy as np
import pytest
from planted import COUNTER, TALLY, ask, subject

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, of_claim
from neuronspec.engine.picks.picks import found
from neuronspec.engine.verdicts.controls import stand_ins


def look_at(claim):
    (outcome,) = ask(claim).outcomes
    return outcome


def test_what_stands_in_is_measured_in_one_batch_as_it_is_one_by_one():
    claim = ns.moves(ns.length("b"), by=1, under=ns.delay(COUNTER, 1, at=ns.first("X") + 2)) >= 0.9
    on = subject()
    own = found(claim.measure, on)
    lanes = [own, *stand_ins(claim, own, on)]
    together = of_claim(claim, View(on, lanes))
    one_by_one = [of_claim(claim, View(on, [lane])).sums[0] for lane in lanes]
    np.testing.assert_array_equal(together.sums, np.stack(one_by_one))
    random = look_at(claim).controls["random units"]
    assert random.draws == len(lanes) - 1
    assert random.value == pytest.approx(replace(together, sums=together.sums[1:]).values.mean())


def test_a_draw_that_cannot_be_measured_is_left_out():
    """Of the other units all but few stay below 0.2, where the clamp would cross itself."""
    under = ns.clamp(ns.cell[2], low=0.2, high=ns.quantile(1.0))
    outcome = look_at(ns.shift(ns.length("b"), under=under) >= -99)
    assert outcome.verdict != "undecided", outcome.reason
    assert outcome.controls["random units"].draws < 5


def test_too_few_other_units():
    most = ns.cell[0] | ns.cell[1] | ns.cell[2] | ns.cell[3]
    outcome = look_at(ns.mean(of=most) >= -10)
    assert np.isnan(outcome.controls["random units"].value)
    assert outcome.controls["random units"].note == "too few other units are left in the site"


def test_a_pick_that_finds_nothing():
    never = ns.cell.all(ns.correlation(ns.char("X")) >= 0.9999)
    outcome = look_at(ns.mean(of=never) >= 0)
    assert outcome.verdict == "undecided"
    assert outcome.reason == f"{never} finds no unit"


def test_a_signal_that_never_occurs():
    outcome = look_at(ns.correlation(ns.one_of("Z"), of=ns.cell[2]) >= 0)
    assert (outcome.verdict, outcome.reason) == ("undecided", "one_of('Z') never holds at the steps that count")


def test_the_ranking_shows_how_alone_the_best_unit_is():
    ranking = look_at(ns.correlation(TALLY, of=COUNTER) >= 0.95).rankings[repr(COUNTER)]
    assert ranking["best"][0] == {"index": 2, "sign": 1, "score": pytest.approx(1, abs=1e-3)}
    assert ranking["median"] < 0.95
