"""Run a network and record it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from safetensors.torch import load_file
from torch import Tensor

from neuronspec.errors import NetworkError
from neuronspec.networks import parity
from neuronspec.networks.cells.cell import Edit, Place, State
from neuronspec.networks.cells.gated import GatedCell
from neuronspec.networks.models import BRIDGE, EncoderDecoder, Model, build, later, tokens_of
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.supply import StoredWeights
from neuronspec.networks.tasks import Completion, Example, Text
from neuronspec.networks.training import IGNORED, encode


@dataclass(frozen=True)
class Network:
    """One trained network under its name.

    Args:
        name: the recipe, e.g. ``counting/lstm``.
        vocabulary: its symbols; a token is an index into it.
        ends: whether the last symbol closes every sequence: it is predicted, never read.
    """

    name: str
    seed: int
    vocabulary: Text
    model: Model
    ends: bool = True

    @property
    def sizes(self) -> dict[Place, int]:
        """How many units each site of each layer has."""
        return {(n, site): size for n, layer in enumerate(self.model.layers) for site, size in layer.sites.items()}

    @property
    def states(self) -> list[Place]:
        """The states that a run resumes from."""
        return [(number, name) for number, layer in enumerate(self.model.layers) for name in layer.start(1)]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(iter(self.start(1)[0].values())).device

    @property
    def causal(self) -> bool:
        """Whether no layer reads backwards."""
        return all(layer.backwards is None for layer in self.model.layers)

    @property
    def shown(self) -> str:
        return f"{self.name} seed {self.seed}"

    def recurrent_weights(self, place: Place) -> Float[np.ndarray, "unit hidden"]:
        """Return the weights by which the units of a gate or candidate read the hidden state.

        Raises:
            NetworkError: only the network itself knows.
        """
        layer, site = place
        cell = self.model.layers[layer].forwards
        if not isinstance(cell, GatedCell) or site not in cell.gates or self.model.layers[layer].backwards is not None:
            raise NetworkError(f"{self.name}: what drives {site} of layer {layer} is not known of this kind of network")
        return cell.weights["weight_hh"].detach().chunk(len(cell.gates))[cell.gates.index(site)].cpu().numpy()

    @property
    def bridge(self) -> int:
        """How many steps come before the first token is read: step 0 of an encoder-decoder is the bridged state."""
        return int(isinstance(self.model, EncoderDecoder))

    def read(self, examples: Sequence[Example]) -> Int[Tensor, "time batch"]:
        """Return what is read at each step; of an encoder-decoder one step more than a text has symbols."""
        tokens = tokens_of([e.text for e in examples], self.vocabulary).to(self.device)
        return torch.cat([torch.full_like(tokens[: self.bridge], BRIDGE), tokens])

    def due(self, examples: Sequence[Example]) -> Int[Tensor, "time batch"]:
        """Return the token due after each one that is read; ``IGNORED`` within the prompt and past the end."""
        _, due = encode(examples, self.vocabulary, self.ends)
        given = torch.tensor([example.prompt for example in examples])
        due[torch.arange(len(due)).unsqueeze(1) + 1 < given] = IGNORED
        return torch.cat([torch.full_like(due[: self.bridge], IGNORED), due]).to(self.device)

    def begin(self, examples: Sequence[Example], short: int = 0) -> list[State]:
        """Return the state before the first step; of an encoder-decoder, the last state of its encoder.

        Args:
            short: how many symbols of each source are left out at its end.
        """
        if not isinstance(self.model, EncoderDecoder):
            return self.start(len(examples))
        sources = [example.source or () for example in examples]
        lengths = torch.tensor([max(0, len(source) - short) for source in sources], device=self.device)
        with torch.no_grad():
            return self.model.encode(tokens_of(sources, self.vocabulary).to(self.device), lengths)

    def start(self, batch: int) -> list[State]:
        """Return what the first step sees of the past, layer by layer."""
        return [layer.start(batch) for layer in self.model.layers]


def trained(name: str, seed: int, recipe: Recipe, vocabulary: Text, ends: bool, weights: StoredWeights) -> Network:
    """Return the network of a recipe that has these weights."""
    model = build(recipe, len(vocabulary))
    model.load_state_dict(dict(load_file(weights) if isinstance(weights, Path) else weights))
    return Network(name, seed, vocabulary, model.requires_grad_(False), ends)


@dataclass(frozen=True)
class RawTrace:
    """What a network computed while it read.

    Args:
        logits: of the next symbol.
        values: of the sites that were recorded.
        states: after the last step.
    """

    logits: Float[Tensor, "time row symbol"]
    values: dict[Place, Float[Tensor, "time row unit"]]
    states: list[State]


@torch.no_grad()
def trace(
    network: Network,
    read: Shaped[Tensor, "time batch *features"],
    places: Collection[Place],
    edit: Edit | None = None,
    states: list[State] | None = None,
    lengths: Int[Tensor, " row"] | None = None,
) -> RawTrace:
    """Run the network over some tokens and record some sites.

    Args:
        states: where to begin; with several times the rows of ``read``, that many lanes read the same tokens.
        lengths: of the sequence of each row.

    Raises:
        NetworkError: a value is not finite; names network, site, layer and step.
    """
    logits, after, values = network.model(read, states, edit, places, lengths)
    first = network.bridge  # whose step 0 has no gates
    if not all(map(_finite, [logits, *after[-1].values(), *(v[first:] for v in values.values())])):
        raise NetworkError(_where_not_finite(network, read, states) if edit is None else _overflow_message(network))
    return RawTrace(logits, values, after)


def _finite(values: Tensor) -> bool:
    """Whether all values are finite; their sum says so in a fraction of the time, unless it overflows itself."""
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())


def _overflow_message(network: Network) -> str:
    return f"{network.shown}: an edit drives the read-out to infinity or NaN"


@torch.no_grad()
def _where_not_finite(network: Network, read: Tensor, states: list[State] | None) -> str:
    everywhere = list(network.sizes)  # in the order in which a step computes them: the first wrong one is the cause
    _, _, recorded = network.model(read, states, record=everywhere)
    not_finite = {place: ~torch.isfinite(v[network.bridge :]).flatten(1).all(1) for place, v in recorded.items()}
    first_wrong = [
        (network.bridge + int(wrong.int().argmax()), place) for place, wrong in not_finite.items() if wrong.any()
    ]
    if not first_wrong:
        return f"{network.shown}: the read-out is not finite, though all states are; its weights are broken"
    step, (layer, site) = min(first_wrong, key=lambda at: (at[0], everywhere.index(at[1])))
    return f"{network.shown}: {site} of layer {layer} is not finite (NaN or infinite) at step {step}"


def check_parity(network: Network) -> dict[str, float]:
    """Return how far the network is from the one it was made from, by check.

    Raises:
        NetworkError: too far for a verdict; names network, check, step, layer and site.
    """
    try:
        return parity.check(network.model, *parity.sample(network.model))
    except NetworkError as error:
        raise NetworkError(f"{network.shown}: {error}") from error


# Generation.


Choice: TypeAlias = Callable[[Tensor, int], Tensor]
"""Chooses the next token of each row from its logits ``[row symbol]``, for the step that the token will stand at."""


def greedy(logits: Tensor, step: int) -> Tensor:
    """Choose the most probable token."""
    return logits.argmax(-1)


@dataclass(frozen=True)
class Sampled:
    """Draws tokens by Gumbel-max: the argmax of logits plus Gumbel noise is a draw from their softmax.

    The noise depends on seed, sequence and step alone, so that an edited run and the clean one share it.

    Args:
        sequence: the sequence of each row: rows of one sequence share their noise.
    """

    temperature: float
    seed: int
    sequence: Int[Tensor, " row"]

    def __call__(self, logits: Tensor, step: int) -> Tensor:
        # No two pairs of seed and step share a generator, as long as a text has fewer than 1,000,003 steps.
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + step)
        shape = (int(self.sequence.max()) + 1, logits.shape[-1])
        gumbel = -torch.empty(shape).exponential_(generator=generator).log_()  # minus the log of an exponential
        return (logits / self.temperature + gumbel[self.sequence].to(logits)).argmax(-1)


@dataclass(frozen=True)
class Rows:
    """Texts that the network continues, one per row of a batch.

    Args:
        tokens: ``[time row]``, with room for all that will be read; those from ``given`` on are overwritten.
        given: how many tokens of each row are given.
        limit: the length at which each row is cut, if it has not ended before.
        start: the step at which all rows resume.
        states: the state of every layer before that step; its start where None.
    """

    tokens: Int[Tensor, "time row"]
    given: Int[Tensor, " row"]
    limit: Int[Tensor, " row"]
    start: int = 0
    states: list[State] | None = None


@torch.no_grad()
def generate(
    network: Network,
    rows: Rows,
    choose: Choice = greedy,
    edit: Edit | None = None,
    before: Callable[[Tensor, Tensor], None] = lambda tokens, going: None,
) -> Int[Tensor, " row"]:
    """Let the network continue each row, write its tokens into ``rows.tokens``, and return the length of each row.

    The end symbol is not written. Rows whose ``given`` is past their limit are not continued.

    Args:
        edit: called with the steps of the whole text.
        before: called before each step with the tokens up to it, and the rows that have not ended.

    Raises:
        NetworkError: a layer reads backwards; or a value is not finite.
    """
    if not network.causal:
        raise NetworkError(f"{network.name} reads backwards too: it cannot write")
    tokens, length = rows.tokens, rows.given.clone()
    end = len(network.vocabulary) - 1 if network.ends else -1
    going, states, step = length < rows.limit, rows.states, rows.start
    while going.any():
        before(tokens[: step + 1], going)
        logits, states, _ = network.model(tokens[step : step + 1], states, edit and later(edit, step))
        if not _finite(logits[0][going]):
            raise NetworkError(
                f"{network.shown}: infinite or NaN while it generates" if edit is None else _overflow_message(network)
            )
        step += 1
        free = going & (step >= rows.given)
        if free.any():
            chosen = choose(logits[0], step)
            going = going & ~(free & (chosen == end))
            written = free & going
            tokens[step] = torch.where(written, chosen, tokens[step])
            length += written
            going = going & (length < rows.limit)
    return length


def padded(tokens: Int[Tensor, "time row"], time: int) -> Int[Tensor, "longer row"]:
    """Return the tokens, padded to at least ``time`` steps."""
    return torch.cat([tokens, tokens.new_zeros(max(0, time - len(tokens)), tokens.shape[1])])


def texts(tokens: Int[Tensor, "time row"], length: Int[Tensor, " row"], vocabulary: Text) -> list[Text]:
    """Return tokens as texts."""
    rows = zip(tokens.T.tolist(), length.tolist(), strict=True)
    joined = "".join if isinstance(vocabulary, str) else tuple
    return [joined(vocabulary[token] for token in row[:n]) for row, n in rows]


def generated(example: Example, text: Text, end: str | None = None) -> Completion:
    """Return a generated text as a completion, beside the one that was due."""
    return Completion(example.text[: example.prompt], example.text[example.prompt :], text[example.prompt :], end)


def as_numpy(values: Tensor) -> Float[np.ndarray, "*time row unit"]:
    """Return values as an array, on whatever device they are."""
    return values.cpu().numpy()
