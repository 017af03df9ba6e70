"""The simple recurrent network (Elman 1990), with tanh or rectified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuronspec.networks.cells.kind import Kind
from neuronspec.networks.cells.lazy import torch
from neuronspec.networks.cells.operations import affine, as_row

if TYPE_CHECKING:
    from torch import Tensor

    from neuronspec.networks.cells.cell import SiteEdit, State, Weights


def _rnn(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    x = x + as_row(w["bias_hh"])
    return {"hidden": edit("hidden", torch.tanh(affine(x, state["hidden"], w["weight_hh"])))}


def _relu_rnn(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    x = x + as_row(w["bias_hh"])
    return {"hidden": edit("hidden", torch.relu(affine(x, state["hidden"], w["weight_hh"])))}


KINDS = (
    Kind("rnn", gates=(), sites=("hidden",), step=_rnn, torch="RNN_TANH"),
    Kind("relu_rnn", gates=(), sites=("hidden",), step=_relu_rnn, torch="RNN_RELU", in_recipes=False),
)
