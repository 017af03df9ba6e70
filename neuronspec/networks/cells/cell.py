"""One step of a recurrent layer: the equations of RNN, LSTM, GRU and peephole LSTM, with an edit at every site.

Weights have the names, shapes and gate order of ``torch.nn``. With a leading axis (``replicate``) on every weight,
several networks of one shape run as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from neuronspec.networks.recipes import KINDS

State: TypeAlias = dict[str, Tensor]
"""``hidden`` (and ``cell``) of one layer, each ``[(replicate) batch unit]``."""

Edit: TypeAlias = Callable[[int, str, int, Tensor], Tensor]
"""``edit(layer, site, step, value)`` returns the value that the rest of the step and all later steps see."""

SiteEdit: TypeAlias = Callable[[str, Tensor], Tensor]
"""``edit(site, value)`` of one layer at one step."""

Edits: TypeAlias = Callable[[int], SiteEdit]
"""The edit of one layer at each step."""

Place: TypeAlias = tuple[int, str]
"""A layer and a site."""

Weights: TypeAlias = Mapping[str, Tensor]
Step: TypeAlias = Callable[[Tensor, State, Weights, SiteEdit], State]


def leave(site: str, value: Tensor) -> Tensor:
    """The edit that changes nothing."""
    return value


@runtime_checkable
class Cell(Protocol):
    """What a recurrent layer does at one step: all that a network written by hand has to say of itself.

    Attributes:
        sites: the sites and how many units each has, in the order in which a step computes them; names of the
            language (``hidden``, ``cell``, ``forget_gate``, ...), ``hidden`` among them.
    """

    @property
    def sites(self) -> Mapping[str, int]: ...

    def start(self, batch: int) -> State:
        """Return what the first step sees of the past, each ``[batch unit]``."""

    def step(self, x: Tensor, state: State, edit: SiteEdit) -> State:
        """Return the value of every site after one step, from the input ``[batch input]`` and the state before.

        Every value passes through ``edit(site, value)`` before anything else uses it.
        """


# The equations, one step each.


def _affine(x: Tensor, h: Tensor, weight: Tensor) -> Tensor:
    """``x + h @ weight.T``, for one network or a batch of replicates."""
    return torch.baddbmm(x, h, weight.mT) if h.dim() == 3 else torch.addmm(x, h, weight.mT)


def _bias(bias: Tensor) -> Tensor:
    """A bias ``[(replicate) row]`` as it is added to ``[(replicate) batch row]``."""
    return bias.unsqueeze(-2)


def _rnn(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    x = x + _bias(w["bias_hh"])
    return {"hidden": edit("hidden", torch.tanh(_affine(x, state["hidden"], w["weight_hh"])))}


def _relu_rnn(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    x = x + _bias(w["bias_hh"])
    return {"hidden": edit("hidden", torch.relu(_affine(x, state["hidden"], w["weight_hh"])))}


def _lstm(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    gates = _affine(x + _bias(w["bias_hh"]), state["hidden"], w["weight_hh"])
    i, f, g, o = gates.chunk(4, -1)
    v = {"input_gate": edit("input_gate", torch.sigmoid(i)), "forget_gate": edit("forget_gate", torch.sigmoid(f))}
    v["candidate"] = edit("candidate", torch.tanh(g))
    v["output_gate"] = edit("output_gate", torch.sigmoid(o))
    v["cell"] = edit("cell", v["forget_gate"] * state["cell"] + v["input_gate"] * v["candidate"])
    hidden = v["output_gate"] * torch.tanh(v["cell"])
    v["hidden"] = edit("hidden", hidden @ w["weight_hr"].mT if "weight_hr" in w else hidden)
    return v


def _peephole_lstm(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    """Gers and Schmidhuber's peepholes: input and forget gate see the old cell, the output gate the new one."""
    gates = _affine(x + _bias(w["bias_hh"]), state["hidden"], w["weight_hh"])
    i, f, g, o = gates.chunk(4, -1)
    see_i, see_f, see_o = w["peephole"].unsqueeze(-2).unbind(-3)
    old = state["cell"]
    v = {"input_gate": edit("input_gate", torch.sigmoid(i + see_i * old))}
    v["forget_gate"] = edit("forget_gate", torch.sigmoid(f + see_f * old))
    v["candidate"] = edit("candidate", torch.tanh(g))
    v["cell"] = edit("cell", v["forget_gate"] * old + v["input_gate"] * v["candidate"])
    v["output_gate"] = edit("output_gate", torch.sigmoid(o + see_o * v["cell"]))
    v["hidden"] = edit("hidden", v["output_gate"] * torch.tanh(v["cell"]))
    return v


def _gru(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    """Torch's form: the reset gate acts on the product of the hidden state, not before it."""
    old = state["hidden"]
    from_h = _affine(_bias(w["bias_hh"]).expand(*old.shape[:-1], -1), old, w["weight_hh"])
    (r, z, n), (hr, hz, hn) = x.chunk(3, -1), from_h.chunk(3, -1)
    v = {
        "reset_gate": edit("reset_gate", torch.sigmoid(r + hr)),
        "update_gate": edit("update_gate", torch.sigmoid(z + hz)),
    }
    v["candidate"] = edit("candidate", torch.tanh(n + v["reset_gate"] * hn))
    v["hidden"] = edit("hidden", v["candidate"] + v["update_gate"] * (old - v["candidate"]))
    return v


def _reset_before_gru(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    """The form of Cho et al. (2014): the reset gate acts on the hidden state, before the product."""
    old, x = state["hidden"], x + _bias(w["bias_hh"])
    units = old.shape[-1]
    gates, candidate = x.split([2 * units, units], -1)
    to_gates, to_candidate = w["weight_hh"].split([2 * units, units], -2)
    r, z = _affine(gates, old, to_gates).chunk(2, -1)
    v = {"reset_gate": edit("reset_gate", torch.sigmoid(r)), "update_gate": edit("update_gate", torch.sigmoid(z))}
    v["candidate"] = edit("candidate", torch.tanh(_affine(candidate, v["reset_gate"] * old, to_candidate)))
    v["hidden"] = edit("hidden", v["candidate"] + v["update_gate"] * (old - v["candidate"]))
    return v


STEPS: dict[str, Step] = {
    "rnn": _rnn, "relu_rnn": _relu_rnn, "lstm": _lstm, "peephole_lstm": _peephole_lstm,
    "gru": _gru, "reset_before_gru": _reset_before_gru,
}  # fmt: skip
BLOCKS = {"rnn": 1, "relu_rnn": 1, "lstm": 4, "peephole_lstm": 4, "gru": 3, "reset_before_gru": 3}
"""How many rows of weights a unit has."""
ROWS = {
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate"),
    "peephole_lstm": ("input_gate", "forget_gate", "candidate", "output_gate"),
    "gru": ("reset_gate", "update_gate", "candidate"),
    "reset_before_gru": ("reset_gate", "update_gate", "candidate"),
}
"""The gates in the order in which the weights hold them."""
SITES = KINDS | {"relu_rnn": KINDS["rnn"]}


@dataclass(frozen=True)
class GatedCell:
    """A cell of a known kind with weights under torch's names, without ``_l0``.

    Args:
        weights: ``weight_ih weight_hh bias_ih bias_hh``, and ``peephole`` or ``weight_hr`` (an LSTM's projection).
        fast_gradients: whether gradients may be taken as ``backward.py`` does.
    """

    kind: str
    weights: Weights
    fast_gradients: bool = False

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates in the order in which the weights hold them."""
        return ROWS.get(self.kind, ())

    @property
    def single(self) -> bool:
        """Whether it is one network, not replicates."""
        return self.weights["weight_hh"].dim() == 2

    @property
    def units(self) -> int:
        return self.weights["weight_hh"].shape[-2] // BLOCKS[self.kind]

    @property
    def sites(self) -> Mapping[str, int]:
        sizes = dict.fromkeys(SITES[self.kind], self.units)
        return sizes | {"hidden": self.weights["weight_hh"].shape[-1]}

    def start(self, batch: int) -> State:
        weight, sites = self.weights["weight_hh"], self.sites
        names = [name for name in ("hidden", "cell") if name in sites]
        return {name: weight.new_zeros(*weight.shape[:-2], batch, sites[name]) for name in names}

    def step(self, x: Tensor, state: State, edit: SiteEdit) -> State:
        return STEPS[self.kind](x, state, self.weights, edit)

    def project(self, inputs: Tensor) -> Tensor:
        """The part of all steps that depends on the input alone, in one product."""
        weight, bias = self.weights["weight_ih"], self.weights["bias_ih"]
        if self.single:
            return nn.functional.linear(inputs, weight, bias)
        if inputs.dim() == 3:
            inputs = inputs.unsqueeze(1).expand(-1, len(weight), -1, -1)
        time, replicate, batch, width = inputs.shape
        rows = inputs.movedim(1, 0).reshape(replicate, time * batch, width)
        return torch.baddbmm(bias.unsqueeze(1), rows, weight.mT).unflatten(1, (time, batch)).movedim(1, 0)
