"""Gated recurrent units against their equations, in both forms."""

import pytest
import torch
from layers import before, everywhere, single


@pytest.mark.parametrize("kind", ["gru", "reset_before_gru"])
def test_a_trace_obeys_the_equations(kind):
    network = single(kind, layers=2).double()
    _, _, v = network(torch.randn(6, 4, 3, dtype=torch.float64), record=everywhere(network))
    for layer in range(2):
        z = v[layer, "update_gate"]
        mixed = (1 - z) * v[layer, "candidate"] + z * before(v[layer, "hidden"])
        assert torch.allclose(v[layer, "hidden"], mixed, atol=1e-12)


def test_the_reset_gate_acts_before_the_product():
    """As an RNN on what the reset gate leaves of the hidden state; torch's form gives something else."""
    network, torchs = single("reset_before_gru"), single("gru")
    inputs = torch.randn(6, 2, 3)
    _, _, v = network(inputs, record=everywhere(network))
    w = {name: weight[-5:] for name, weight in network.weights(0).items()}
    old = before(v[0, "hidden"])
    reads = inputs @ w["weight_ih"].T + w["bias_ih"] + w["bias_hh"]
    expected = torch.tanh(reads + (v[0, "reset_gate"] * old) @ w["weight_hh"].T)
    assert torch.allclose(v[0, "candidate"], expected, atol=1e-6)
    assert (torchs(inputs)[0] - v[0, "hidden"]).abs().max() > 1e-3
