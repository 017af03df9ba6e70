"""Networks with something to read and something to say."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neuronspec.networks.cells import Edit, Place, State
from neuronspec.networks.recurrent import Layer, Recurrent
from neuronspec.networks.tasks import Recipe, Text


@runtime_checkable
class Model(Protocol):
    """What the engine examines: something is read, recurrent layers run over it, something is said."""

    @property
    def layers(self) -> Sequence[Layer]: ...

    def __call__(
        self,
        tokens: Tensor,
        states: list[State] | None = None,
        edit: Edit | None = None,
        record: Collection[Place] = (),
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[State], dict[Place, Tensor]]:
        """Return logits ``[time batch symbol]``, the states after the last step and what was recorded.

        See ``recurrent.run`` for the arguments.
        """


class LanguageModel(nn.Module):
    """Token -> (one-hot or embedding) -> recurrent layers -> read-out of the next token."""

    def __init__(self, recipe: Recipe, symbols: int, replicates: int | None = None) -> None:
        super().__init__()
        lead = () if replicates is None else (replicates,)
        width = recipe.embedding or symbols
        self.symbols = symbols
        self.embedding = nn.Parameter(torch.empty(*lead, symbols, width)) if recipe.embedding else None
        self.recurrent = Recurrent(recipe.kind, width, recipe.units, recipe.layers, replicates)
        self.readout_weight = nn.Parameter(torch.empty(*lead, symbols, recipe.units))
        self.readout_bias = nn.Parameter(torch.empty(*lead, symbols))

    def initialise(self, seed: int) -> LanguageModel:
        """Draw all weights as torch.nn does, from this seed alone."""
        generator = torch.Generator().manual_seed(seed)
        self.recurrent.initialise(generator)
        if self.embedding is not None:
            nn.init.normal_(self.embedding, generator=generator)
        bound = 1 / math.sqrt(self.recurrent.units)
        nn.init.uniform_(self.readout_weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.readout_bias, -bound, bound, generator=generator)
        return self

    @property
    def layers(self) -> list[Layer]:
        return self.recurrent.layers

    def embed(self, tokens: Int[Tensor, time * batch]) -> Float[Tensor, "time *rows input"]:
        """Return what the recurrent layers read."""
        onehot = nn.functional.one_hot(tokens, self.symbols).to(self.readout_bias.dtype)
        if self.embedding is None:
            return onehot
        shared = self.embedding.dim() == 3 and onehot.dim() == 3  # all replicates read the same, by tables of their own
        return (onehot.unsqueeze(1) if shared else onehot) @ self.embedding

    def read_out(self, hidden: Float[Tensor, "time *batch unit"]) -> Float[Tensor, "time *batch symbol"]:
        """Return the logits of the next token."""
        return hidden @ self.readout_weight.mT + self.readout_bias.unsqueeze(-2)

    def forward(
        self,
        tokens: Int[Tensor, time * batch],
        states: list[State] | None = None,
        edit: Edit | None = None,
        record: Collection[Place] = (),
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[State], dict[Place, Tensor]]:
        """Return logits ``[time (replicate) batch symbol]``, the states after the last step and what was recorded.

        See ``recurrent.run`` for the arguments.
        """
        hidden, after, recorded = self.recurrent(self.embed(tokens), states, edit, record, lengths)
        return self.read_out(hidden), after, recorded


def tokens_of(texts: Sequence[Text], vocabulary: Text) -> Int[Tensor, "time batch"]:
    """Return texts as tokens, 0 past the end of each."""
    token = {symbol: index for index, symbol in enumerate(vocabulary)}
    longest = max(len(text) for text in texts)
    return torch.tensor([[token[s] for s in text] + [0] * (longest - len(text)) for text in texts]).T


def stack(models: list[LanguageModel], into: LanguageModel) -> LanguageModel:
    """Copy the weights of single networks into one that holds them as replicates."""
    singles = [dict(model.named_parameters()) for model in models]
    with torch.no_grad():
        for name, parameter in into.named_parameters():
            parameter.copy_(torch.stack([single[name] for single in singles]))
    return into


def unstack(model: LanguageModel) -> list[dict[str, Tensor]]:
    """Return the weights of each replicate, by name."""
    named = {name: parameter.detach().unbind(0) for name, parameter in model.named_parameters()}
    return [{name: rows[r].clone() for name, rows in named.items()} for r in range(len(model.readout_bias))]
