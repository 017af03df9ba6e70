"""Every kind that has its steps in place has the same steps there."""

import pytest
import torch
from layers import everywhere, single

from neuronspec.networks.cells import KINDS


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.in_place])
def test_in_place_steps_are_the_steps_of_the_equations(kind):
    network = single(kind, layers=2, units=9)
    inputs = torch.randn(11, 4, 3)

    def edit(layer, site, step, value):
        return value + 0.25 if (layer + step + len(site)) % 3 == 0 else value

    with torch.no_grad():
        _, ours, fast = network(inputs, edit=edit, record=everywhere(network))
    _, theirs, plain = network(inputs, edit=edit, record=everywhere(network))
    for place, values in plain.items():
        assert torch.allclose(fast[place], values, atol=1e-6), place
    for state, other in zip(ours, theirs, strict=True):
        assert all(torch.allclose(state[name], other[name], atol=1e-6) for name in other)
