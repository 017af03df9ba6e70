"""A cell of a known kind, with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neuronspec.networks.cells.cell import SiteEdit, State, Weights
from neuronspec.networks.cells.kind import Kind


@dataclass(frozen=True)
class GatedCell:
    """A ``Cell`` of a known kind.

    Args:
        weights: ``weight_ih weight_hh bias_ih bias_hh``, the kind's ``vectors``, or ``weight_hr`` (an LSTM's
            projection).
        fast_gradients: whether gradients may be taken as ``backward.py`` does.
    """

    kind: Kind
    weights: Weights
    fast_gradients: bool = False

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates in the order in which the weights hold them."""
        return self.kind.gates

    @property
    def single(self) -> bool:
        """Whether it is one network, not replicates."""
        return self.weights["weight_hh"].dim() == 2

    @property
    def units(self) -> int:
        return self.weights["weight_hh"].shape[-2] // self.kind.blocks

    @property
    def sites(self) -> Mapping[str, int]:
        sizes = dict.fromkeys(self.kind.sites, self.units)
        return sizes | {"hidden": self.weights["weight_hh"].shape[-1]}

    def start(self, batch: int) -> State:
        weight, sites = self.weights["weight_hh"], self.sites
        return {name: weight.new_zeros(*weight.shape[:-2], batch, sites[name]) for name in self.kind.states}

    def step(self, x: Tensor, state: State, edit: SiteEdit) -> State:
        return self.kind.step(x, state, self.weights, edit)

    def project(self, inputs: Tensor) -> Tensor:
        """Return what the inputs and ``bias_ih`` add to the gates, of all steps in one product."""
        weight, bias = self.weights["weight_ih"], self.weights["bias_ih"]
        if self.single:
            return nn.functional.linear(inputs, weight, bias)
        if inputs.dim() == 3:
            inputs = inputs.unsqueeze(1).expand(-1, len(weight), -1, -1)
        time, replicate, batch, width = inputs.shape
        rows = inputs.movedim(1, 0).reshape(replicate, time * batch, width)
        return torch.baddbmm(bias.unsqueeze(1), rows, weight.mT).unflatten(1, (time, batch)).movedim(1, 0)
