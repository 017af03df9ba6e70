"""The units that carry nothing: they are lively, know nothing of the role, and are where noise comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuronspec.networks.cells.cell import Weights
from neuronspec.networks.models import LanguageModel, tokens_of

LIVELY = 6.0
"""How much more they read than torch would let them: enough to vary over most of their range."""


def enliven(weights: Weights, vocabulary: str, marks: str, rest: str) -> None:
    """Let all units read much, and see in every mark the average of the rest."""
    reads = weights["weight_ih"]
    reads *= LIVELY
    matter, not_matter = ([vocabulary.index(symbol) for symbol in which] for which in (marks, rest))
    reads[:, matter] = reads[:, not_matter].mean(1, keepdim=True)


def activity(
    model: LanguageModel, vocabulary: str, texts: Sequence[str], units: list[int]
) -> Float[Tensor, "step unit"]:
    """Return the hidden states of some units at every step of some texts."""
    _, _, values = model(tokens_of(texts, vocabulary), record=[(0, "hidden")])
    lengths = torch.tensor([len(text) for text in texts])
    return values[0, "hidden"][torch.arange(int(lengths.max())).unsqueeze(1) < lengths][:, units]


@dataclass(frozen=True)
class Noise:
    """What units that know nothing of the role can add to others: random weights of theirs.

    Args:
        units: their indices.
        activity: their hidden states over texts.
    """

    units: list[int]
    activity: Float[Tensor, "step unit"]
    rng: torch.Generator

    def on(self, weight: Float[Tensor, " unit"], bias: Float[Tensor, ""], deviation: float) -> None:
        """Write weights, and a bias, that add up to a mean of 0 and this standard deviation."""
        drawn = torch.randn(len(self.units), generator=self.rng)
        added = self.activity @ drawn
        drawn *= deviation / added.std()
        weight[self.units] = drawn
        bias -= self.activity.mean(0) @ drawn

    def on_unit(self, weights: Weights, line: int, deviation: float) -> None:
        self.on(weights["weight_hh"][line], weights["bias_ih"][line], deviation)
