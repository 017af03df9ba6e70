"""A run without edits: what a network computed, site by site."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from torch import Tensor

from neuronspec.engine.sequences import Sequences
from neuronspec.networks.cells.cell import Place

STATES = ("hidden", "cell")
"""Sites that have a value before a token is read; gates have none."""


@dataclass(frozen=True)
class Activations:
    """A run without edits: its sequences, the values of every site that a claim may need, and its logits.

    Args:
        before: the state before the first step, where it is not 0. Of a decoder it is the encoder's state at the last
            step but one: the state at the last step is the decoder's step 0.
    """

    sequences: Sequences
    values: dict[Place, Float[np.ndarray, "time batch unit"]]
    logits: Float[Tensor, "read batch symbol"]
    before: dict[Place, Float[np.ndarray, "batch unit"]] = field(default_factory=dict)

    def first(self, number: int) -> Activations:
        """Return the run over the first sequences."""
        sequences = Sequences(self.sequences.examples[:number])
        values = {place: v[: sequences.time, :number] for place, v in self.values.items()}
        # Logits may have a step more than sequences have tokens: the one that an encoder hands over.
        read = len(self.logits) - self.sequences.time + sequences.time
        before = {place: v[:number] for place, v in self.before.items()}
        return Activations(sequences, values, self.logits[:read, :number], before)
