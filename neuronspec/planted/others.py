"""The units without a role: they are active, carry no information about the role, and are the source of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuronspec.networks.cells.cell import Weights
from neuronspec.networks.models import LanguageModel, tokens_of

LIVELY = 6.0
"""Factor on the input weights that torch draws: enough for the units to vary over most of their range."""


def enliven(weights: Weights, vocabulary: str, marks: str, rest: str) -> None:
    """Scale all input weights, and make every mark look to all units like the average of the rest."""
    input_weights = weights["weight_ih"]
    input_weights *= LIVELY
    mark_tokens, rest_tokens = ([vocabulary.index(symbol) for symbol in symbols] for symbols in (marks, rest))
    input_weights[:, mark_tokens] = input_weights[:, rest_tokens].mean(1, keepdim=True)


def activity(
    model: LanguageModel, vocabulary: str, texts: Sequence[str], units: list[int]
) -> Float[Tensor, "step unit"]:
    """Return the hidden states of these units at every step of these texts."""
    _, _, values = model(tokens_of(texts, vocabulary), record=[(0, "hidden")])
    lengths = torch.tensor([len(text) for text in texts])
    return values[0, "hidden"][torch.arange(int(lengths.max())).unsqueeze(1) < lengths][:, units]


@dataclass(frozen=True)
class Noise:
    """Random weights from units without a role, which add noise to other units.

    Args:
        units: their indices.
        activity: their hidden states over texts.
    """

    units: list[int]
    activity: Float[Tensor, "step unit"]
    rng: torch.Generator

    def on(self, weight: Float[Tensor, " unit"], bias: Float[Tensor, ""], deviation: float) -> None:
        """Write weights, and a bias, that add up to a mean of 0 and this standard deviation."""
        noise_weights = torch.randn(len(self.units), generator=self.rng)
        noise_weights *= deviation / (self.activity @ noise_weights).std()
        weight[self.units] = noise_weights
        bias -= self.activity.mean(0) @ noise_weights

    def on_unit(self, weights: Weights, line: int, deviation: float) -> None:
        self.on(weights["weight_hh"][line], weights["bias_ih"][line], deviation)
