"""Edits inside the recurrence, called by hand as a run calls them."""

import math

import torch

from neuronspec.engine.runs.row_edits import Always, Freeze, Known, RowEdit, RunEdits

PLACE = (0, "cell")
SECOND_STEP = Known(torch.tensor([[False, False], [True, False]]))
"""At step 1, in the first of two rows."""


def test_an_edit_keeps_what_it_does_not_name():
    edit = RowEdit(PLACE, SECOND_STEP, value=torch.tensor([[5.0, math.nan], [5.0, math.nan]]))
    old = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert edit(0, old).equal(old)
    assert edit(1, old).tolist() == [[5, 2], [3, 4]]
    assert edit(2, old).equal(old), "past the last step that is known"


def test_a_value_is_written_then_moved_then_bounded():
    ones = torch.ones(1, 1)
    edit = RowEdit(PLACE, Always(torch.tensor([True])), value=2 * ones, amount=3 * ones, low=-ones, high=4 * ones)
    assert edit(0, ones).item() == 4


def test_a_frozen_unit_holds_what_it_had_when_it_was_frozen():
    freeze = Freeze(PLACE, SECOND_STEP, torch.tensor([[True, False], [True, False]]))
    seen = [freeze(step, torch.full((2, 2), float(step))).tolist() for step in range(3)]
    assert seen == [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[1, 2], [2, 2]]]


def test_only_the_place_of_an_edit_is_edited():
    edits = RunEdits([RowEdit(PLACE, Always(torch.tensor([True])), value=torch.zeros(1, 1))])
    old = torch.ones(1, 1)
    assert edits(0, "cell", 0, old).item() == 0
    assert edits(0, "hidden", 0, old).item() == edits(1, "cell", 0, old).item() == 1
    assert not edits.idle
