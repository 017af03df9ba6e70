"""Planted networks, whose units are known by construction: for testing specs, engines and one's own checks.

``planted_detector("gru", decoys=2)`` returns a ``Planted``: the network, its unit, the signal that the unit tracks and
the units that only look like it; ``example_texts`` draws texts to try it on. No network is trained, the same seed
gives the same weights, and torch's own random numbers are left alone.
"""

from __future__ import annotations

import math

import torch

from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.planted.build import Planted, Variant, example_texts
from neuronspec.planted.parts import OPEN, STEP
from neuronspec.planted.roles import (
    planted_copy,
    planted_detector,
    planted_latch,
    planted_predictor,
    planted_tally,
    planted_trigger,
)

__all__ = [
    "OPEN",
    "STEP",
    "Planted",
    "Variant",
    "example_texts",
    "planted_copy",
    "planted_counter",
    "planted_detector",
    "planted_latch",
    "planted_predictor",
    "planted_tally",
    "planted_trigger",
]


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
