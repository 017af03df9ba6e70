"""Recurrent networks that can be looked into: RNN, LSTM, GRU and peephole LSTM.

Weights have the names, shapes and gate order of ``torch.nn``, so its state dicts load as they are. With
``replicates`` every weight has a leading axis, and several networks of one shape run as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuronspec.networks.tasks import KINDS

State: TypeAlias = dict[str, Tensor]
"""``hidden`` (and ``cell``) of one layer, each ``[(replicate) batch unit]``."""

Edit: TypeAlias = Callable[[int, str, int, Tensor], Tensor]
"""``edit(layer, site, step, value)`` returns the value that the rest of the step and all later steps see."""

SiteEdit: TypeAlias = Callable[[str, Tensor], Tensor]
Step: TypeAlias = Callable[[Tensor, State, dict[str, Tensor], SiteEdit], State]


def _affine(x: Tensor, h: Tensor, weight: Tensor) -> Tensor:
    """``x + h @ weight.T``, for one network or a batch of replicates."""
    return torch.baddbmm(x, h, weight.mT) if h.dim() == 3 else torch.addmm(x, h, weight.mT)


def _bias(bias: Tensor) -> Tensor:
    """A bias ``[(replicate) row]`` as it is added to ``[(replicate) batch row]``."""
    return bias.unsqueeze(-2)


def _rnn(x: Tensor, state: State, w: dict[str, Tensor], edit: SiteEdit) -> State:
    x = x + _bias(w["bias_hh"])
    return {"hidden": edit("hidden", torch.tanh(_affine(x, state["hidden"], w["weight_hh"])))}


def _lstm(x: Tensor, state: State, w: dict[str, Tensor], edit: SiteEdit) -> State:
    gates = _affine(x + _bias(w["bias_hh"]), state["hidden"], w["weight_hh"])
    i, f, g, o = gates.chunk(4, -1)
    v = {"input_gate": edit("input_gate", torch.sigmoid(i)), "forget_gate": edit("forget_gate", torch.sigmoid(f))}
    v["candidate"] = edit("candidate", torch.tanh(g))
    v["output_gate"] = edit("output_gate", torch.sigmoid(o))
    v["cell"] = edit("cell", v["forget_gate"] * state["cell"] + v["input_gate"] * v["candidate"])
    v["hidden"] = edit("hidden", v["output_gate"] * torch.tanh(v["cell"]))
    return v


def _peephole_lstm(x: Tensor, state: State, w: dict[str, Tensor], edit: SiteEdit) -> State:
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


def _gru(x: Tensor, state: State, w: dict[str, Tensor], edit: SiteEdit) -> State:
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


STEPS: dict[str, Step] = {"rnn": _rnn, "lstm": _lstm, "peephole_lstm": _peephole_lstm, "gru": _gru}
BLOCKS = {"rnn": 1, "lstm": 4, "peephole_lstm": 4, "gru": 3}
"""How many rows of weights a unit has."""


def leave(site: str, value: Tensor) -> Tensor:
    """The edit that changes nothing."""
    return value


class Recurrent(nn.Module):
    """A stack of recurrent layers of one kind.

    Args:
        kind: ``rnn`` (tanh), ``lstm``, ``gru`` (torch's form) or ``peephole_lstm``.
        inputs, units, layers: sizes.
        replicates: how many networks run as one; None is one network without that axis.
    """

    def __init__(self, kind: str, inputs: int, units: int, layers: int = 1, replicates: int | None = None) -> None:
        super().__init__()
        self.kind, self.units, self.layers, self.replicates = kind, units, layers, replicates
        for layer in range(layers):
            for name, shape in self._shapes(inputs if layer == 0 else units).items():
                lead = () if replicates is None else (replicates,)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(*lead, *shape)))

    def _shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        rows = BLOCKS[self.kind] * self.units
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.units)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return shapes | ({"peephole": (3, self.units)} if self.kind == "peephole_lstm" else {})

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites of each layer, in the order in which a step computes them."""
        return KINDS[self.kind]

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights as torch.nn does: uniform within one over the root of the number of units."""
        bound = 1 / math.sqrt(self.units)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def weights(self, layer: int) -> dict[str, Tensor]:
        """Return the weights of one layer by their torch name without ``_l0``."""
        suffix = f"_l{layer}"
        return {name.removesuffix(suffix): p for name, p in self.named_parameters() if name.endswith(suffix)}

    def start(self, batch: int) -> list[State]:
        """Return the zero state of every layer."""
        lead = () if self.replicates is None else (self.replicates,)
        zeros = next(self.parameters()).new_zeros(*lead, batch, self.units)
        names = ("hidden", "cell") if "cell" in self.sites else ("hidden",)
        return [dict.fromkeys(names, zeros) for _ in range(self.layers)]

    def forward(
        self,
        inputs: Float[Tensor, "time *batch input"],
        states: list[State] | None = None,
        edit: Edit | None = None,
        record: Collection[tuple[int, str]] = (),
    ) -> tuple[Float[Tensor, "time *rows unit"], list[State], dict[tuple[int, str], Tensor]]:
        """Run over time.

        Args:
            inputs: ``[time batch input]``; with replicates ``[time replicate batch input]``, or without
                that axis where all replicates read the same.
            states: the state of every layer before the first step; zero where None.
            edit: called at every site of every step, inside the recurrence.
            record: the ``(layer, site)`` whose values are wanted.

        Returns:
            the hidden states of the last layer, the state of every layer after the last step, and what was
            recorded, each ``[time (replicate) batch unit]``.
        """
        states = self.start(inputs.shape[-2]) if states is None else states
        after: list[State] = []
        recorded: dict[tuple[int, str], Tensor] = {}
        for layer, state in enumerate(states):
            wanted = [site for site in self.sites if (layer, site) in record or site == "hidden"]
            tapes, state = self._run(layer, inputs, state, edit, wanted)
            recorded |= {(layer, site): tape for site, tape in tapes.items() if (layer, site) in record}
            after.append(state)
            inputs = tapes["hidden"]
        return inputs, after, recorded

    def _run(
        self, layer: int, inputs: Tensor, state: State, edit: Edit | None, wanted: list[str]
    ) -> tuple[dict[str, Tensor], State]:
        weights = self.weights(layer)
        step, projected = STEPS[self.kind], self._project(inputs, weights)
        tapes: dict[str, list[Tensor]] = {site: [] for site in wanted}
        for t, x in enumerate(projected.unbind(0)):
            values = step(x, state, weights, leave if edit is None else _at(edit, layer, t))
            for site, tape in tapes.items():
                tape.append(values[site])
            state = {name: values[name] for name in state}
        return {site: torch.stack(tape) for site, tape in tapes.items()}, state

    def _project(self, inputs: Tensor, weights: dict[str, Tensor]) -> Tensor:
        """The part of all steps that depends on the input alone, in one product."""
        weight, bias = weights["weight_ih"], weights["bias_ih"]
        if self.replicates is None:
            return nn.functional.linear(inputs, weight, bias)
        if inputs.dim() == 3:
            inputs = inputs.unsqueeze(1).expand(-1, self.replicates, -1, -1)
        time, replicate, batch, width = inputs.shape
        rows = inputs.movedim(1, 0).reshape(replicate, time * batch, width)
        return torch.baddbmm(bias.unsqueeze(1), rows, weight.mT).unflatten(1, (time, batch)).movedim(1, 0)


def _at(edit: Edit, layer: int, step: int) -> SiteEdit:
    return lambda site, value: edit(layer, site, step, value)
