"""Simple recurrent networks against their equation."""

import pytest
import torch
from layers import before, everywhere, single


@pytest.mark.parametrize(("kind", "function"), [("rnn", torch.tanh), ("relu_rnn", torch.relu)])
def test_a_trace_obeys_the_equation(kind, function):
    network = single(kind).double()
    inputs = torch.randn(6, 4, 3, dtype=torch.float64)
    hidden = network(inputs, record=everywhere(network))[2][0, "hidden"]
    w = network.weights(0)
    sums = inputs @ w["weight_ih"].T + w["bias_ih"] + before(hidden) @ w["weight_hh"].T + w["bias_hh"]
    assert torch.allclose(hidden, function(sums), atol=1e-12)
