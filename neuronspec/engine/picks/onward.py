"""A network that resumes at a step of each sequence, and what it then predicts: teacher-forced, with gradients.

The steps differ between sequences; every run begins at the step itself, with the traced state before it, so that the
recurrence before it is not run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from neuronspec.engine.measures.of_behaviour import check_symbols, tokens
from neuronspec.engine.runs.activations import Activations
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.sequences import NOWHERE, Sequences, moments
from neuronspec.language import behaviour_measures as words
from neuronspec.networks.cells.cell import Edit, Place, State
from neuronspec.networks.tasks import Text
from neuronspec.networks.training import IGNORED

IN_CACHE, IN_MEMORY = 2**18, 2**25
"""The most numbers that a batch computes at each step, and over all its steps."""


# What is expected.


@dataclass(frozen=True)
class Probability:
    """The probability of each sequence's tokens ``asked``, after its step ``last`` (NOWHERE where it has none)."""

    outcome: words.probability
    last: Int[np.ndarray, " batch"]
    asked: Sequence[tuple[str, ...]]
    due: Sequence[Text]
    counted: Bool[Tensor, "batch symbol"]

    def __call__(
        self,
        logits: Float[Tensor, "time lane chosen symbol"],
        start: Int[Tensor, " chosen"],
        which: Int[Tensor, " chosen"],
    ) -> Float[Tensor, "lane chosen"]:
        """Return the outcome of the chosen sequences, from logits that begin at ``start`` of each."""
        step = torch.from_numpy(self.last).to(start)[which] - start
        row = torch.arange(len(which), device=start.device)
        at_step = logits[step.clamp(0, len(logits) - 1), :, row]
        return (at_step.double().softmax(-1) * self.counted[which].unsqueeze(1)).sum(-1).T


@dataclass(frozen=True)
class CrossEntropy:
    """The cross-entropy of all that is due, in nats, summed over a sequence from the step where its logits begin."""

    outcome: words.cross_entropy
    last: Int[np.ndarray, " batch"]
    due: Int[Tensor, "time batch"]

    def __call__(
        self,
        logits: Float[Tensor, "time lane chosen symbol"],
        start: Int[Tensor, " chosen"],
        which: Int[Tensor, " chosen"],
    ) -> Float[Tensor, "lane chosen"]:
        """Return the outcome of the chosen sequences, from logits that begin at ``start`` of each."""
        due = _window(self.due, start, which, len(logits), IGNORED).unsqueeze(1).expand(logits.shape[:3])
        losses = nn.functional.cross_entropy(logits.movedim(-1, 1), due, ignore_index=IGNORED, reduction="none")
        return losses.double().sum(0)


Target: TypeAlias = Probability | CrossEntropy


@singledispatch
def target(outcome: object, on: Sequences, network: Network) -> Target:
    """Return how an outcome is computed in each sequence."""
    raise NotImplementedError(f"no gradient of {outcome!r}")


@target.register
def _target_of_probability(outcome: words.probability, on: Sequences, network: Network) -> Target:
    check_symbols(outcome, on.examples)
    asked = [tokens(outcome.what, example) for example in on.examples]
    counted = torch.tensor([[token in a for token in network.vocabulary] for a in asked], device=network.device)
    step = moments(outcome.at, on)
    due = [example.text[s : s + 1] for example, s in zip(on.examples, step.tolist(), strict=True)]
    exists = (step > 0) & counted.any(1).cpu().numpy()
    last = np.where(exists, step - 1 + network.bridge, NOWHERE)  # a symbol is expected one token before it is read
    return Probability(outcome, last, asked, due, counted)


@target.register(words.cross_entropy)
@target.register(words.perplexity)
def _target_of_cross_entropy(outcome: words.Behaviour, on: Sequences, network: Network) -> Target:
    due = network.due(on.examples)
    steps = torch.arange(len(due), device=due.device).unsqueeze(1)
    last = torch.where(due != IGNORED, steps, NOWHERE).amax(0).cpu().numpy()
    return CrossEntropy(words.cross_entropy(among=outcome.among), last, due)


# The run from the step on.


def _window(
    of: Int[Tensor, "time batch"],
    start: Int[Tensor, " chosen"],
    which: Int[Tensor, " chosen"],
    steps: int,
    past: int = 0,
) -> Int[Tensor, "step chosen"]:
    """``steps`` steps of the chosen sequences, each from its own start; ``past`` beyond the last step."""
    at = start + torch.arange(steps, device=start.device).unsqueeze(1)
    return of[at.clamp(max=len(of) - 1), which].masked_fill(at >= len(of), past)


@dataclass(frozen=True)
class Onward:
    """A network that resumes at the step where values are put into a place, and runs until the targets are decided.

    A network that also reads backwards has no state to resume from, and reads whole sequences.

    Args:
        sequences: the numbers of the sequences that are run.
        start: the step at which each begins.
        step: the step at which values are put in.
        steps: how many steps are run.
        states: of every layer, before ``start``.
    """

    network: Network
    place: Place
    targets: Sequence[Target]
    sequences: Int[Tensor, " used"]
    read: Int[Tensor, "time batch"]
    lengths: Int[Tensor, " batch"]
    start: Int[Tensor, " batch"]
    step: Int[Tensor, " batch"]
    steps: Int[Tensor, " batch"]
    states: Sequence[State]

    @classmethod
    def of(
        cls,
        network: Network,
        run: Activations,
        place: Place,
        step: Int[np.ndarray, " batch"],
        targets: Sequence[Target],
        sequences: Int[np.ndarray, " used"],
    ) -> Onward:
        """Return a network that resumes at a step of each sequence of a run."""
        start = step if network.causal else np.zeros_like(step)
        last = np.max([t.last for t in targets], axis=0) if network.causal else run.sequences.time - 1

        def on(numbers: np.ndarray) -> Tensor:
            return torch.from_numpy(numbers).to(network.device)

        return cls(
            network=network,
            place=place,
            targets=targets,
            sequences=on(sequences),
            read=network.read(run.sequences.examples),
            lengths=on(run.sequences.lengths),
            start=on(start),
            step=on(step),
            steps=on(np.maximum(last - start + 1, 1)),
            states=_states(network, run, start),
        )

    @property
    def at_once(self) -> int:
        """How many rows run as one batch; on a CPU, as many as keep what a step computes in its cache."""
        numbers = sum(self.network.sizes.values()) + len(self.network.vocabulary)
        most = IN_MEMORY // (numbers * int(self.steps[self.sequences].max()))
        return min(most, IN_CACHE // numbers) if self.network.device.type == "cpu" else most

    def __call__(
        self, values: Float[Tensor, "lane chosen unit"], which: Int[Tensor, " chosen"]
    ) -> Float[Tensor, "target lane chosen"]:
        """Return the outcome of every target with these values, lane after lane."""
        which, lanes = self.sequences[which], len(values)
        start = self.start[which]
        read = _window(self.read, start, which, int(self.steps[which].max()))
        states = [{name: v[which].repeat(lanes, 1) for name, v in state.items()} for state in self.states]
        edit = self._put(values.flatten(0, 1), (self.step[which] - start).repeat(lanes))
        logits, _, _ = self.network.model(read, states, edit, (), self.lengths[which].repeat(lanes))
        logits = logits.unflatten(1, (lanes, len(which)))
        return torch.stack([t(logits, start, which) for t in self.targets])

    def _put(self, values: Float[Tensor, "row unit"], at: Int[Tensor, " row"]) -> Edit:
        def edit(layer: int, site: str, step: int, value: Tensor) -> Tensor:
            if (layer, site) != self.place:
                return value
            if self.network.causal:
                return values if step == 0 else value
            return torch.where((at == step).unsqueeze(1), values, value)

        return edit


def _states(network: Network, run: Activations, start: Int[np.ndarray, " batch"]) -> list[State]:
    """The traced state of every layer before a step of each sequence, and what the first step sees of the past."""
    first, before = network.begin(run.sequences.examples), np.maximum(start - 1, 0)
    begun = torch.from_numpy(start > 0).to(network.device).unsqueeze(1)
    states: list[State] = [{} for _ in first]
    for layer, name in network.states:
        traced = torch.from_numpy(run.values[layer, name][before, np.arange(len(start))]).to(network.device)
        states[layer][name] = torch.where(begun, traced, first[layer][name].detach())
    return states
