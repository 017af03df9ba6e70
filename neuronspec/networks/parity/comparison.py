"""Two runs side by side: how far their values lie apart, and at which step and site they first differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from neuronspec.errors import NetworkError
from neuronspec.networks.cells.cell import Edit, Place
from neuronspec.networks.models import Model
from neuronspec.networks.recurrent import Layer

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-9}
"""Largest allowed difference, times the largest value where that is above 1."""

LOGITS = "logits"

Values: TypeAlias = dict[Place, Tensor]
"""The values at each site of each layer, and the logits after the last: ``[time batch unit]``."""

Finding: TypeAlias = tuple[float, NetworkError | None]
"""The largest difference between two runs, and the error to raise where it is too large."""


@dataclass
class Comparison:
    """Two runs side by side: the largest difference, and the steps and places where it is too large."""

    names: str
    allowed: float
    largest: float = 0.0
    differing: list[tuple[int, Place]] = field(default_factory=list)

    def add(self, place: Place, ours: Tensor, other: Tensor, first: int = 0, lengths: Tensor | None = None) -> None:
        """Compare ``[time batch unit]`` from step ``first`` on, up to the end of each sequence."""
        # inf - inf is NaN: equal values are set to 0 first, and any NaN left over counts as infinitely far.
        differences = torch.where(ours == other, 0, (ours - other).abs()).nan_to_num(nan=torch.inf)
        by_step = zero_past_end(differences.amax(2), lengths).amax(1)
        self.largest = max(self.largest, float(by_step.max()))
        for step in (by_step > self.allowed).nonzero()[:1].flatten().tolist():
            self.differing.append((first + step, place))

    @property
    def first(self) -> str:
        """The first step and place that differ; within a layer, the site that was compared first."""
        step, place = min(self.differing, key=lambda difference: (difference[0], difference[1][0]))
        return f"first at step {step} in {_shown(place)}"

    def finding(self) -> Finding:
        if not self.differing:
            return self.largest, None
        difference = f"differ by {self.largest:.2g} (allowed {self.allowed:.2g})"
        return self.largest, NetworkError(f"{self.names} {difference}, {self.first}")


def _shown(place: Place) -> str:
    layer, site = place
    return "the logits" if site == LOGITS else f"{site} of layer {layer}"


def zero_past_end(values: Float[Tensor, "time batch"], lengths: Tensor | None) -> Float[Tensor, "time batch"]:
    """Return the values with 0 past the end of each sequence."""
    if lengths is None:
        return values
    return values.where(torch.arange(len(values), device=values.device).unsqueeze(1) < lengths, 0)


def all_values(model: Model, inputs: Tensor, lengths: Tensor, edit: Edit | None = None) -> Values:
    """Return all values of a run, in the order in which a step computes them."""
    logits, _, recorded = model(inputs, edit=edit, record=all_places(model.layers), lengths=lengths)
    return with_logits(model, recorded, logits)


def with_logits(model: Model, recorded: Values, logits: Tensor) -> Values:
    """Return recorded values and, for a network with a read-out, its logits as if of one layer more."""
    return recorded | ({(len(model.layers), LOGITS): logits} if logits.shape[-1] else {})


def all_places(layers: Sequence[Layer]) -> list[Place]:
    return [(number, site) for number, layer in enumerate(layers) for site in layer.sites]


def check_finite(clean: Values, lengths: Tensor) -> None:
    """Raise NetworkError where a clean run gives NaN or infinity."""
    comparison = Comparison("", 0.0)
    for place, values in clean.items():
        comparison.add(place, values.isfinite().to(values.dtype), torch.ones_like(values), lengths=lengths)
    if comparison.differing:
        raise NetworkError(f"a clean run gives NaN or infinity, {comparison.first}")


def allowed_difference(values: Iterable[Tensor], lengths: Tensor | None = None) -> float:
    """Return the tolerance for these values; padding is left out, it may hold anything.

    In float32, values up to 0.3 may differ by 1e-5, and values up to 50 by 50 * 1e-5 = 5e-4.
    """
    numbers = [value for value in values if value.is_floating_point()]
    largest = max(float(zero_past_end(value.abs().amax(2), lengths).max()) for value in numbers)
    return TOLERANCES[numbers[0].dtype] * max(1.0, largest)
