"""LSTMs against their equations, and what peepholes see."""

import math

import pytest
import torch
from layers import before, everywhere, single


@pytest.mark.parametrize("kind", ["lstm", "peephole_lstm"])
def test_a_trace_obeys_the_equations(kind):
    network = single(kind, layers=2).double()
    _, _, v = network(torch.randn(6, 4, 3, dtype=torch.float64), record=everywhere(network))
    for layer in range(2):
        kept = v[layer, "forget_gate"] * before(v[layer, "cell"])
        assert torch.allclose(v[layer, "cell"], kept + v[layer, "input_gate"] * v[layer, "candidate"], atol=1e-12)
        assert torch.allclose(v[layer, "hidden"], v[layer, "output_gate"] * v[layer, "cell"].tanh(), atol=1e-12)


def test_peephole_without_peepholes_is_an_lstm():
    plain, peephole = single("lstm", layers=2), single("peephole_lstm", layers=2)
    for layer in range(2):
        for name, weight in plain.weights(layer).items():
            peephole.weights(layer)[name].copy_(weight)
        peephole.weights(layer)["peephole"].zero_()
    inputs = torch.randn(9, 2, 3)
    assert torch.equal(plain(inputs)[0], peephole(inputs)[0])


def test_peephole_gates_see_the_cell():
    """One unit, worked out with ``math``: the input and forget gate see the old cell, the output gate the new one."""
    network = single("peephole_lstm", inputs=1, units=1, seed=3)
    w = {name: weight.flatten().tolist() for name, weight in network.weights(0).items()}
    h = c = 0.0
    inputs = [0.5, -1.0, 2.0]
    for x in inputs:
        rows = [w["weight_ih"][g] * x + w["weight_hh"][g] * h + w["bias_ih"][g] + w["bias_hh"][g] for g in range(4)]
        i, f = (1 / (1 + math.exp(-rows[g] - w["peephole"][g] * c)) for g in range(2))
        c = f * c + i * math.tanh(rows[2])
        h = math.tanh(c) / (1 + math.exp(-rows[3] - w["peephole"][2] * c))
    hidden, _, _ = network(torch.tensor(inputs).view(3, 1, 1))
    assert hidden[-1].item() == pytest.approx(h, abs=1e-6)


def test_an_edited_cell_is_seen_by_the_peephole_of_the_same_step():
    network = single("peephole_lstm")
    inputs = torch.randn(3, 2, 3)
    everything = everywhere(network)

    def edit(layer, site, step, value):
        return torch.full_like(value, 5.0) if (site, step) == ("cell", 1) else value

    _, _, v = network(inputs, edit=edit, record=everything)
    w = network.weights(0)
    rows = inputs[1] @ w["weight_ih"].T + w["bias_ih"] + v[0, "hidden"][0] @ w["weight_hh"].T + w["bias_hh"]
    expected = torch.sigmoid(rows[:, 15:] + w["peephole"][2] * 5.0)
    assert torch.allclose(v[0, "output_gate"][1], expected, atol=1e-6)
