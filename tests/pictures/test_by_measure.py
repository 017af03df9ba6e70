"""Measures by size and by cell, beside the measure on other keeps and other sequences."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import ASKED, EACH, FEW, SAID, SUBJECT, edited

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.picks.picks import found
from neuronspec.engine.verdicts.controls import stand_ins
from neuronspec.language.expression import rewritten
from neuronspec.language.picks import SvmRfe
from neuronspec.pictures.by_measure import BySize
from neuronspec.pictures.drawn import drawn

EXAMPLES = SUBJECT.verification


def test_more_and_fewer_units_are_the_claim_with_another_keep():
    claim = edited(FEW)
    picture = drawn("sizes", claim, SUBJECT)
    assert isinstance(picture, BySize)
    assert (picture.sizes, picture.stated, picture.of) == ([1, 2, 3, 4, 5, 6, 7, 8], 3, 8)
    for number, size in enumerate(picture.sizes):
        keeping = rewritten(claim, lambda e, size=size: replace(e, keep=size) if isinstance(e, SvmRfe) else e)
        own = found(keeping.measure, SUBJECT)
        assert picture.claimed[number] == pytest.approx(estimate(keeping.measure, View(SUBJECT, [own])).values[0])
    lanes = stand_ins(claim, found(claim.measure, SUBJECT), SUBJECT)
    random = [estimate(claim.measure, View(SUBJECT, [lane])).values[0] for lane in lanes]
    assert picture.random[2] == pytest.approx([min(random), np.mean(random), max(random)])
    assert np.isnan(picture.random[4:]).all()  # no set of five can stand in where three others are left
    assert np.isfinite(picture.random[:4]).all()


def test_of_integrated_gradients_there_are_as_many_as_there_are_candidates():
    base = ns.cell.svm_rfe("X", keep=5).integrated_gradients(SAID, at=ASKED - 1, keep=2)
    picture = drawn("sizes", edited(base), SUBJECT)
    assert (picture.sizes, picture.stated) == ([1, 2, 3, 4, 5], 2)
    assert len(set(picture.claimed)) > 1


@pytest.mark.parametrize("units", [FEW, EACH, ns.cell[1]])
def test_a_cell_is_the_measure_on_its_sequences_alone(units):
    claim = edited(units)
    picture = drawn("heat", claim, SUBJECT)
    own = found(claim.measure, SUBJECT)
    lanes = stand_ins(claim, own, SUBJECT)
    assert picture.rows == ["a", "b"]
    assert picture.columns == sorted({e.events["asked"] for e in EXAMPLES})
    for row, letter in enumerate(picture.rows):
        for column, at in enumerate(picture.columns):
            these = [e for e in EXAMPLES if (e.symbols["letter"], e.events["asked"]) == (letter, at)]
            alone = replace(SUBJECT, verification=these)
            if at < 2:  # its edit would be before the first step that has one
                continue
            each = estimate(claim.measure, View(alone, [own, *lanes])).values
            assert picture.claimed[row, column] == pytest.approx(each[0], abs=1e-6)
            assert picture.random[row, column] == pytest.approx(each[1:].mean(), abs=1e-6)
    assert picture.whole[0] == pytest.approx(estimate(claim.measure, View(SUBJECT, [own])).values[0])


def test_a_cell_without_sequences_is_undefined_and_a_whole_site_has_nothing_beside_it():
    some = [e for e in EXAMPLES if (e.symbols["letter"], e.events["asked"]) != ("a", 2)]
    picture = drawn("heat", edited(ns.cell), replace(SUBJECT, verification=some))
    assert np.isnan(picture.claimed[0, picture.columns.index(2)])
    assert picture.random is None
