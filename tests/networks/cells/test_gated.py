"""A cell of a known kind: its sizes are those of its weights, and replicates compute what each does alone."""

import pytest
import torch
from layers import single

from neuronspec.networks.cells import KINDS
from neuronspec.networks.cells.gated import GatedCell


def cells(kind, number):
    return [single(kind, seed=seed).layers[0].forwards for seed in range(number)]


def together(several):
    weights = {name: torch.stack([cell.weights[name] for cell in several]) for name in several[0].weights}
    return GatedCell(several[0].kind, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_those_of_the_weights(kind):
    (cell,) = cells(kind, 1)
    assert cell.single
    assert cell.units == 5
    assert cell.sites == dict.fromkeys(KINDS[kind].sites, 5)
    assert {name: state.shape for name, state in cell.start(2).items()} == dict.fromkeys(KINDS[kind].states, (2, 5))


@pytest.mark.parametrize("kind", KINDS)
def test_replicates_read_the_same_inputs_or_each_its_own(kind):
    alone = cells(kind, 3)
    several = together(alone)
    assert not several.single
    own = torch.randn(4, 3, 2, 3, generator=torch.Generator().manual_seed(0))
    for inputs in (own[:, 0], own):
        found = several.project(inputs)
        for n, cell in enumerate(alone):
            expected = cell.project(inputs if inputs.dim() == 3 else inputs[:, n])
            torch.testing.assert_close(found[:, n], expected)
