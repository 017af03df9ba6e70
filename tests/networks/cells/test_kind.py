"""What holds for the record of every kind of cell."""

import pytest
import torch
from layers import single

from neuronspec.errors import TaskError
from neuronspec.networks.cells import KINDS
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.user_cell import fault


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_names_fit_together(kind):
    assert {*kind.gates, *kind.states} <= {*kind.sites}
    assert len({*kind.sites}) == len(kind.sites)
    assert kind.states[0] == "hidden"


@pytest.mark.parametrize("kind", KINDS)
def test_sites_stand_in_the_order_in_which_a_step_computes_them(kind):
    seen = []
    single(kind)(torch.randn(1, 2, 3), edit=lambda layer, site, step, value: seen.append(site) or value)
    assert tuple(seen) == KINDS[kind].sites


@pytest.mark.parametrize("kind", KINDS)
def test_each_does_what_is_asked_of_a_users_cell(kind):
    cell = single(kind, units=5).layers[0].forwards
    assert fault(cell, torch.randn(2, 5 * KINDS[kind].blocks)) is None  # a step reads what inputs add to the gates


def test_a_rectified_rnn_is_met_in_modules_only():
    with pytest.raises(TaskError, match="'relu_rnn'"):
        Recipe("relu_rnn", units=2)
