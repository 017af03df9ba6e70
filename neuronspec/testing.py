"""Planted networks, whose units are known by construction: for testing specs, engines and one's own checks."""

from __future__ import annotations

import math

import torch

from neuronspec.networks.models import LanguageModel
from neuronspec.networks.tasks import Recipe

OPEN = 20.0
"""A gate's input that holds it at 1 (to the last digit of float32)."""

STEP = 0.05
"""How far the planted counter moves at each symbol."""


def planted_counter(units: int = 6, at: int = 2, sign: int = 1, seed: int = 0) -> LanguageModel:
    """Return an LSTM that completes a^n X b^n by one counting cell unit.

    The unit adds ``sign * STEP`` to its cell at every a, takes it off at every b, and leaves it at X; the read-out
    says b while the count is above one half, then the end. All other units have random weights of their own, and
    nothing reads them.

    Args:
        units: size of the only layer.
        at: index of the counter.
        sign: direction in which it counts.
        seed: of the other units.

    Returns:
        a model over the symbols ``a X b`` and the end symbol.
    """
    model = LanguageModel(Recipe("lstm", units=units), symbols=4).initialise(seed)
    with torch.no_grad():
        weights = model.recurrent.weights(0)
        for gate, value in enumerate((OPEN, OPEN, 0.0, OPEN)):  # input, forget, candidate, output
            row = gate * units + at
            weights["weight_ih"][row] = 0
            weights["weight_hh"][row] = 0
            weights["bias_ih"][row] = value
            weights["bias_hh"][row] = 0
        push = math.atanh(STEP)
        weights["weight_ih"][2 * units + at, :3] = sign * torch.tensor([push, 0.0, -push])
        model.readout_weight.zero_()
        model.readout_bias.copy_(torch.tensor([-1e3, -1e3, 0.0, 100 * math.tanh(STEP / 2)]))
        model.readout_weight[2, at] = sign * 100.0
    return model
