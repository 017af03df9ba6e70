"""LSTM and GRU over time with gradients worked out by hand, for training.

Same values as ``cell.py`` and the same gradients as autograd takes through it, up to rounding (tests hold them
together), for a layer of which nothing but the hidden states and the last state is wanted. Each step, there and back,
is one product (two where the reset gate stands between) and a few operations that write into buffers made once; the
gradient of the weights is one product over all steps.

Inside, time stands right before the batch, ``[(replicate) time batch unit]``: all steps of a replicate are one matrix.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from neuronspec.networks.cells.cell import Edits, GatedCell, State, leave
from neuronspec.networks.cells.in_place import tanh_


def can_run(cell: object, time: int, edits: Edits, wanted: Collection[str]) -> bool:
    """Whether this module is asked to run a cell, and can."""
    if not (isinstance(cell, GatedCell) and cell.fast_gradients and torch.is_grad_enabled()):
        return False
    known = cell.kind in LAYERS and "weight_hr" not in cell.weights
    return known and set(wanted) == {"hidden"} and all(edits(t) is leave for t in range(time))


def unroll(
    cell: GatedCell,
    inputs: Float[Tensor, "time *batch input"],
    state: State,
    alive: Bool[Tensor, "time *lead batch"] | None = None,
) -> tuple[Float[Tensor, "time *rows unit"], State]:
    """Run a cell over time, and return its hidden states and the state after the last step.

    Args:
        alive: ``[time (replicate) batch]``, the rows that take each step; the state of the others stays as it is,
            and their hidden state is the one they had. All where None.
    """
    outer, inner = _biases(cell)
    gates = replace(cell, weights={**cell.weights, "bias_ih": outer}).project(inputs).movedim(0, -3)
    over = None if alive is None else ~alive.movedim(0, -2).unsqueeze(-1)
    names = [name for name in ("hidden", "cell") if name in state]
    start = [state[name] for name in names]
    tape, *last = LAYERS[cell.kind].apply(gates, cell.weights["weight_hh"], inner, over, *start)
    return tape.movedim(-3, 0), dict(zip(names, last, strict=True))


def _biases(cell: GatedCell) -> tuple[Tensor, Tensor | None]:
    """What is added to all gates before the first step; of torch's GRU, what its reset gate acts on too."""
    w, units = cell.weights, cell.units
    if cell.kind != "gru":
        return w["bias_ih"] + w["bias_hh"], None
    switches, candidate = w["bias_hh"].split([2 * units, units], -1)
    return w["bias_ih"] + nn.functional.pad(switches, (0, units)), candidate


# What the layers share.


def _steps(*tapes: Tensor) -> list[tuple[Tensor, ...]]:
    """The slots of each step."""
    return list(zip(*(tape.unbind(-3) for tape in tapes), strict=True))


def _room(start: Tensor, time: int) -> tuple[Tensor, Tensor]:
    """Room for a state before every step, which holds the first, and after every step."""
    room = start.new_empty(*start.shape[:-2], time + 1, *start.shape[-2:])
    room.select(-3, 0).copy_(start)
    return room.narrow(-3, 0, time), room.narrow(-3, 1, time)


def _last(tape: Tensor) -> Tensor:
    return tape.select(-3, -1).clone()


def _add_product_(to: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    return to.baddbmm_(rows, weight) if to.dim() == 3 else to.addmm_(rows, weight)


def _of_weight(sums: Tensor, seen: Tensor) -> Tensor:
    """The gradient of a weight, from that of its sums and what it was multiplied with."""
    return sums.flatten(-3, -2).mT @ seen.flatten(-3, -2)


def _through_sigmoid_(gradient: Tensor, value: Tensor) -> Tensor:
    """Multiply by ``value * (1 - value)``."""
    return torch.ops.aten.sigmoid_backward.grad_input(gradient, value, grad_input=gradient)


def _through_tanh_(gradient: Tensor, value: Tensor) -> Tensor:
    """Multiply by ``1 - value ** 2``."""
    return torch.ops.aten.tanh_backward.grad_input(gradient, value, grad_input=gradient)


# The layers, in the letters of the equations; ``d_r`` is the gradient of the sum that r is a function of. Each layer
# writes its gates over what the inputs add to them, which nobody else holds. A row that is over has its gates shut, by
# infinite sums, so that its state passes each step untouched in both directions. Only an LSTM's hidden state, which it
# shows anew at each step, has to be carried past it.


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sums: Tensor, weight: Tensor, bias: None, over: Tensor | None, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        gates, units, transposed = sums.detach(), hidden.shape[-1], weight.mT
        i, f, g, o = gates.chunk(4, -1)
        if over is not None:
            for gate, value in ((i, -torch.inf), (f, torch.inf), (o, -torch.inf)):
                gate.masked_fill_(over, value)
        old, new = _room(hidden, gates.shape[-3])
        cells, new_cells = _room(cell, gates.shape[-3])
        shown = torch.empty_like(new)
        i_f = gates.narrow(-1, 0, 2 * units)
        slots = _steps(gates, i_f, i, f, g, o, old, new, cells, new_cells, shown)
        for t, (all_, i_f, i, f, g, o, h, h1, c, c1, s) in enumerate(slots):
            _add_product_(all_, h, transposed)
            i_f.sigmoid_()
            o.sigmoid_()
            torch.mul(f, c, out=c1).addcmul_(i, tanh_(g))
            torch.mul(o, tanh_(s.copy_(c1)), out=h1)
            if over is not None:
                h1.addcmul_(over.select(-3, t), h)
        ctx.save_for_backward(gates, shown, old, cells, weight, over)
        return new, _last(new), _last(new_cells)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_tape: Tensor, d_last: Tensor, d_last_cell: Tensor) -> tuple[Tensor | None, ...]:
        gates, shown, old, cells, weight, over = ctx.saved_tensors
        units, sums = shown.shape[-1], torch.empty_like(gates)
        i_f, d_i_f = gates.narrow(-1, 0, 2 * units), sums.narrow(-1, 0, 2 * units)
        dh, dc, d_shown = d_last.clone(), d_last_cell.clone(), torch.empty_like(d_last)
        slots = _steps(d_tape, shown, cells, i_f, *gates.chunk(4, -1), sums, d_i_f, *sums.chunk(4, -1))
        for t, (arriving, s, c, i_f, i, f, g, o, d, d_i_f, d_i, d_f, d_g, d_o) in reversed(list(enumerate(slots))):
            dh.add_(arriving)
            dc.add_(_through_tanh_(torch.mul(dh, o, out=d_shown), s))
            torch.mul(dc, g, out=d_i)
            torch.mul(dc, c, out=d_f)
            _through_sigmoid_(d_i_f, i_f)
            _through_tanh_(torch.mul(dc, i, out=d_g), g)
            _through_sigmoid_(torch.mul(dh, s, out=d_o), o)
            dh = dh.zero_() if over is None else dh.mul_(over.select(-3, t))
            _add_product_(dh, d, weight)
            dc.mul_(f)
        return sums, _of_weight(sums, old), None, None, dh, dc


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sums: Tensor, weight: Tensor, bias: Tensor, over: Tensor | None, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        gates, units = sums.detach(), hidden.shape[-1]
        tapes = gates.chunk(3, -1)  # r, z, n
        if over is not None:
            tapes[1].masked_fill_(over, torch.inf)
        to_r_z, to_n = (part.mT for part in weight.split([2 * units, units], -2))
        old, new = _room(hidden, gates.shape[-3])
        products = torch.empty_like(new).copy_(bias[..., None, None, :])
        for r_z, r, z, n, p, h, h1 in _steps(gates.narrow(-1, 0, 2 * units), *tapes, products, old, new):
            _add_product_(r_z, h, to_r_z).sigmoid_()
            n.addcmul_(r, _add_product_(p, h, to_n))
            torch.lerp(tanh_(n), h, z, out=h1)
        ctx.save_for_backward(gates, products, old, weight)
        return new, _last(new)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_tape: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        gates, products, old, weight = ctx.saved_tensors
        units, sums, d_products = old.shape[-1], torch.empty_like(gates), torch.empty_like(products)
        to_r_z, to_n = weight.split([2 * units, units], -2)
        d_r_z, dh = sums.narrow(-1, 0, 2 * units), d_last.clone()
        slots = _steps(d_tape, old, products, *gates.chunk(3, -1), d_r_z, *sums.chunk(3, -1), d_products)
        for arriving, h, p, r, z, n, d_switches, d_r, d_z, d_n, d_p in reversed(slots):
            dh.add_(arriving)
            _through_sigmoid_(torch.sub(h, n, out=d_z).mul_(dh), z)
            _through_tanh_(torch.addcmul(dh, dh, z, value=-1, out=d_n), n)
            _through_sigmoid_(torch.mul(d_n, p, out=d_r), r)
            _add_product_(dh.mul_(z), d_switches, to_r_z)
            _add_product_(dh, torch.mul(d_n, r, out=d_p), to_n)
        d_weight = torch.cat([_of_weight(d_r_z, old), _of_weight(d_products, old)], -2)
        return sums, d_weight, d_products.sum((-3, -2)), None, dh


class _ResetBeforeGRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sums: Tensor, weight: Tensor, bias: None, over: Tensor | None, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        gates, units = sums.detach(), hidden.shape[-1]
        tapes = gates.chunk(3, -1)  # r, z, n
        if over is not None:
            tapes[1].masked_fill_(over, torch.inf)
        to_r_z, to_n = (part.mT for part in weight.split([2 * units, units], -2))
        old, new = _room(hidden, gates.shape[-3])
        seen = torch.empty_like(new)
        for r_z, r, z, n, s, h, h1 in _steps(gates.narrow(-1, 0, 2 * units), *tapes, seen, old, new):
            _add_product_(r_z, h, to_r_z).sigmoid_()
            _add_product_(n, torch.mul(r, h, out=s), to_n)
            torch.lerp(tanh_(n), h, z, out=h1)
        ctx.save_for_backward(gates, seen, old, weight)
        return new, _last(new)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_tape: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        gates, seen, old, weight = ctx.saved_tensors
        units, sums = old.shape[-1], torch.empty_like(gates)
        to_r_z, to_n = weight.split([2 * units, units], -2)
        d_r_z, dh, d_seen = sums.narrow(-1, 0, 2 * units), d_last.clone(), torch.empty_like(d_last)
        slots = _steps(d_tape, old, *gates.chunk(3, -1), d_r_z, *sums.chunk(3, -1))
        for arriving, h, r, z, n, d_switches, d_r, d_z, d_n in reversed(slots):
            dh.add_(arriving)
            _through_sigmoid_(torch.sub(h, n, out=d_z).mul_(dh), z)
            _through_tanh_(torch.addcmul(dh, dh, z, value=-1, out=d_n), n)
            torch.matmul(d_n, to_n, out=d_seen)
            _through_sigmoid_(torch.mul(d_seen, h, out=d_r), r)
            _add_product_(dh.mul_(z).addcmul_(d_seen, r), d_switches, to_r_z)
        d_n = sums.narrow(-1, 2 * units, units)
        d_weight = torch.cat([_of_weight(d_r_z, old), _of_weight(d_n, seen)], -2)
        return sums, d_weight, None, None, dh


LAYERS: dict[str, type[torch.autograd.Function]] = {"lstm": _LSTM, "gru": _GRU, "reset_before_gru": _ResetBeforeGRU}
