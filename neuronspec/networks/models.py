"""Networks that read tokens and predict the next one."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neuronspec.networks.cells.cell import Edit, Place, State, leave
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.recurrent import Layer, Recurrent, unroll
from neuronspec.networks.tasks import Text


@runtime_checkable
class Model(Protocol):
    """What the engine examines: an embedding, recurrent layers and a read-out."""

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
        self.recipe, self.symbols = recipe, symbols
        self.embedding = nn.Parameter(torch.empty(*lead, symbols, width)) if recipe.embedding else None
        self.recurrent = Recurrent(recipe.kind, width, recipe.units, recipe.layers, replicates)
        self.readout_weight = nn.Parameter(torch.empty(*lead, symbols, recipe.units))
        self.readout_bias = nn.Parameter(torch.empty(*lead, symbols))

    def initialise(self, seed: int) -> LanguageModel:
        """Draw all weights as the recipe says, from this seed alone."""
        self.draw(torch.Generator().manual_seed(seed))
        return self

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights."""
        self.recurrent.initialise(generator, self.recipe.orthogonal)
        if self.embedding is not None:
            nn.init.normal_(self.embedding, std=self.recipe.embedding_scale, generator=generator)
        bound = 1 / math.sqrt(self.recurrent.units)
        nn.init.uniform_(self.readout_weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.readout_bias, -bound, bound, generator=generator)

    @property
    def layers(self) -> list[Layer]:
        return self.recurrent.layers

    def embed(self, tokens: Int[Tensor, " time *batch"]) -> Float[Tensor, "time *rows input"]:
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
        tokens: Int[Tensor, " time *batch"],
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


BRIDGE = -1
"""The token that stands for the source before a decoder's first: reading it leaves the state as it is."""


class EncoderDecoder(LanguageModel):
    """An encoder reads a source, and a decoder of the same kind and size goes on from its last state.

    The bridge between them is the identity, and they share the embedding (Sutskever, Vinyals and Le 2014, "Sequence
    to sequence learning with neural networks"). Its layers are the decoder's. Where the first tokens are ``BRIDGE``,
    step 0 is the bridged state: it can be read and edited, and has no gates (NaN).
    """

    def __init__(self, recipe: Recipe, symbols: int, replicates: int | None = None) -> None:
        super().__init__(recipe, symbols, replicates)
        shape = recipe.kind, recipe.embedding or symbols, recipe.units, recipe.layers, replicates
        self.recurrent, self.encoder = (Recurrent(*shape, fast_gradients=True) for _ in range(2))

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights."""
        super().draw(generator)
        self.encoder.initialise(generator, self.recipe.orthogonal)

    def embed(self, tokens: Int[Tensor, " time *batch"]) -> Float[Tensor, "time *rows input"]:
        """Return what the recurrent layers read: looked up, which for many words is faster than a product."""
        if self.embedding is None:
            return super().embed(tokens)
        table = self.embedding.flatten(0, -2)
        if self.embedding.dim() == 3:  # each replicate has a table of its own, also where all read the same
            by_replicate = tokens if tokens.dim() == 3 else tokens.unsqueeze(1)
            tokens = by_replicate + self.symbols * torch.arange(len(self.embedding), device=tokens.device).view(
                1, -1, 1
            )
        return nn.functional.embedding(tokens, table)

    def read_out(self, hidden: Float[Tensor, "time *batch unit"]) -> Float[Tensor, "time *batch symbol"]:
        """Return the logits of the next token, of all steps in one product."""
        if self.readout_weight.dim() == 2:
            return nn.functional.linear(hidden, self.readout_weight, self.readout_bias)
        time, replicate, batch, units = hidden.shape
        rows = hidden.movedim(1, 0).reshape(replicate, time * batch, units)
        logits = torch.baddbmm(self.readout_bias.unsqueeze(1), rows, self.readout_weight.mT)
        return logits.unflatten(1, (time, batch)).movedim(0, 1)

    def encode(self, source: Int[Tensor, " source_time *batch"], lengths: Int[Tensor, " *batch"]) -> list[State]:
        """Return the state of every layer after the last token of each source; its start where a length is 0."""
        inputs, last = self.embed(source), []
        steps = torch.arange(len(source), device=source.device)
        alive = steps.view(-1, *[1] * lengths.dim()) < lengths
        for layer in self.encoder.layers:
            tapes, state = unroll(
                layer.forwards, inputs, layer.start(source.shape[-1]), lambda step: leave, ["hidden"], alive
            )
            inputs = tapes["hidden"]
            last.append(state)
        return last

    def forward(
        self,
        tokens: Int[Tensor, " time *batch"],
        states: list[State] | None = None,
        edit: Edit | None = None,
        record: Collection[Place] = (),
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[State], dict[Place, Tensor]]:
        """Run the decoder; see ``LanguageModel.forward``."""
        if states is None or not bool((tokens[0] == BRIDGE).all()):
            return super().forward(tokens, states, edit, record, lengths)
        states = _edited(states, edit)
        first, bridged = self.read_out(states[-1]["hidden"].unsqueeze(0)), self._bridged(states, record)
        if len(tokens) == 1:
            return first, states, bridged
        logits, after, recorded = super().forward(tokens[1:], states, edit and later(edit), record, lengths)
        return torch.cat([first, logits]), after, {p: torch.cat([bridged[p], recorded[p]]) for p in recorded}

    def _bridged(self, states: list[State], record: Collection[Place]) -> dict[Place, Tensor]:
        """What is recorded of step 0."""
        none = {n: torch.full_like(state["hidden"], math.nan) for n, state in enumerate(states)}
        return {(n, site): states[n].get(site, none[n]).unsqueeze(0) for n, site in record}


def _edited(states: list[State], edit: Edit | None) -> list[State]:
    """The bridged state after an edit of step 0."""
    if edit is None:
        return states
    return [{site: edit(n, site, 0, value) for site, value in state.items()} for n, state in enumerate(states)]


def later(edit: Edit, by: int = 1) -> Edit:
    """Return ``edit`` for a run whose step 0 is step ``by`` of the sequence."""
    return lambda layer, site, step, value: edit(layer, site, by + step, value)


def build(recipe: Recipe, symbols: int, replicates: int | None = None) -> LanguageModel:
    """Return the network of a recipe, with weights yet to be drawn or loaded."""
    return (EncoderDecoder if recipe.encoder else LanguageModel)(recipe, symbols, replicates)


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
