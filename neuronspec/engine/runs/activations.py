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
    """A run without edits: what was read, and the values of every site that may be needed.

    Args:
        before: the state before the first step, where it is not 0: of a decoder, that of the encoder's last step but
            one, since the last one is its step 0.
    """

    sequences: Sequences
    values: dict[Place, Float[np.ndarray, "time batch unit"]]
    logits: Float[Tensor, "read batch symbol"]
    before: dict[Place, Float[np.ndarray, "batch unit"]] = field(default_factory=dict)

    def first(self, number: int) -> Activations:
        """Return the run over the first sequences."""
        on = Sequences(self.sequences.examples[:number])
        values = {place: v[: on.time, :number] for place, v in self.values.items()}
        read = len(self.logits) - self.sequences.time + on.time
        before = {place: v[:number] for place, v in self.before.items()}
        return Activations(on, values, self.logits[:read, :number], before)
