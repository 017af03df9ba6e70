"""Run a network and record it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neuronspec.errors import NetworkError
from neuronspec.networks.cells import Edit, Place, State
from neuronspec.networks.models import Model
from neuronspec.networks.tasks import Example, Generated
from neuronspec.networks.training import encode


@dataclass(frozen=True)
class Network:
    """One trained network under its name.

    Args:
        name: the recipe, e.g. ``counting/lstm``.
        vocabulary: its symbols, the end symbol last.
    """

    name: str
    seed: int
    vocabulary: str
    model: Model

    @property
    def sizes(self) -> dict[Place, int]:
        """How many units each site of each layer has."""
        return {(n, site): size for n, layer in enumerate(self.model.layers) for site, size in layer.sites.items()}

    @property
    def shown(self) -> str:
        return f"{self.name} seed {self.seed}"


@torch.no_grad()
def trace(
    network: Network, examples: Sequence[Example], places: Collection[Place], edit: Edit | None = None
) -> dict[Place, Float[Tensor, "time batch unit"]]:
    """Return the values of some sites while the network reads the examples.

    Raises:
        NetworkError: a value is not finite; names network, site, layer and step.
    """
    read, _ = encode(examples, network.vocabulary)
    logits, _, recorded = network.model(read, edit=edit, record=places)
    if not torch.isfinite(logits).all():
        raise NetworkError(_first_nan(network, read) if edit is None else _driven_too_far(network))
    return recorded


def _driven_too_far(network: Network) -> str:
    return f"{network.shown}: an edit drives the read-out to infinity or NaN"


@torch.no_grad()
def _first_nan(network: Network, read: Tensor) -> str:
    everywhere = list(network.sizes)
    _, _, recorded = network.model(read, record=everywhere)
    bad = [(int((~torch.isfinite(v)).flatten(1).any(1).int().argmax()), place) for place, v in recorded.items()
           if not torch.isfinite(v).all()]  # fmt: skip
    if not bad:
        return f"{network.shown}: the read-out is not finite, though all states are; its weights are broken"
    step, (layer, site) = min(bad, key=lambda b: (b[0], everywhere.index(b[1])))
    return f"{network.shown}: {site} of layer {layer} is not finite (NaN or infinite) at step {step}"


@dataclass(frozen=True)
class Rows:
    """Runs to be continued by the network itself, side by side.

    Args:
        known: tokens that are given, ``[row time]``.
        given: how many of them, per row; the network's own output follows.
        start: the step at which each row starts.
        limit: the length at which each row is cut, if it has not ended before.
        states: the state of every layer before that step.
    """

    known: Tensor
    given: Tensor
    start: Tensor
    limit: Tensor
    states: list[State]


@torch.no_grad()
def generate(network: Network, rows: Rows, edit: Edit | None = None) -> list[list[int]]:
    """Let the network go on greedily, and return the tokens it adds to each row, without the end symbol.

    Rows may start at different steps; ``edit`` is called with steps counted from each row's own start.
    """
    end = len(network.vocabulary) - 1
    added: list[list[int]] = [[] for _ in rows.given]
    states, step, done = rows.states, rows.start, torch.zeros(len(rows.given), dtype=torch.bool)
    token = _known(rows, step)
    local = 0
    while not done.all():
        logits, states, _ = network.model(token.unsqueeze(0), states, _now(edit, local))
        if not torch.isfinite(logits[0][~done]).all():
            raise NetworkError(
                f"{network.shown}: infinite or NaN while it generates" if edit is None else _driven_too_far(network)
            )
        said, step = logits[0].argmax(-1), step + 1
        free = step >= rows.given
        done = done | (free & (said == end))
        for row in torch.nonzero(free & ~done).flatten().tolist():
            added[row].append(int(said[row]))
        done = done | (free & (step + 1 >= rows.limit))
        token, local = torch.where(free, said, _known(rows, step)), local + 1
    return added


def _known(rows: Rows, step: Tensor) -> Tensor:
    """The given token of each row at a step (any, past the last)."""
    last = rows.known.shape[1] - 1
    return rows.known.gather(1, step.clamp(max=last).unsqueeze(1)).squeeze(1)


def _now(edit: Edit | None, step: int) -> Edit | None:
    """``edit`` for a run over one step, which stands at ``step``."""
    if edit is None:
        return None
    return lambda layer, site, _, value: edit(layer, site, step, value)


def complete(network: Network, examples: Sequence[Example], longest: int) -> list[Generated]:
    """Return what the network makes of the examples' prompts, greedily."""
    read, _ = encode(examples, network.vocabulary)
    given = torch.tensor([example.prompt for example in examples])
    states = [layer.start(len(examples)) for layer in network.model.layers]
    added = generate(network, Rows(read.T, given, torch.zeros_like(given), given + longest, states))
    return [generated(example, added[row], network.vocabulary) for row, example in enumerate(examples)]


def generated(example: Example, added: Sequence[int], vocabulary: str) -> Generated:
    """Put a completion beside the one that was due."""
    came = "".join(vocabulary[token] for token in added)
    return Generated(example.text[: example.prompt], example.text[example.prompt :], came)


def as_numpy(values: Tensor) -> Float[np.ndarray, "time batch unit"]:
    """Return values in double precision, in which sums are taken."""
    return values.double().numpy()
