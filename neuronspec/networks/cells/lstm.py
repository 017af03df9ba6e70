"""Long short-term memory, plain and with peepholes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuronspec.networks.cells.kind import Backward, Kind
from neuronspec.networks.cells.lazy import torch
from neuronspec.networks.cells.operations import (
    add_product_,
    affine,
    as_row,
    last,
    of_weight,
    room,
    settled,
    steps,
    tanh_,
    through_sigmoid_,
    through_tanh_,
)  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor

    from neuronspec.networks.cells.cell import Begin, Edits, SiteEdit, State, Weights


def _lstm(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    gates = affine(x + as_row(w["bias_hh"]), state["hidden"], w["weight_hh"])
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
    gates = affine(x + as_row(w["bias_hh"]), state["hidden"], w["weight_hh"])
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


def _lstm_in_place(w: Weights, begin: Begin, time: int, state: State, edits: Edits) -> State:
    to_i, to_f, to_g, to_o = (weight.T for weight in w["weight_hh"].chunk(4))
    project = w["weight_hr"].T if "weight_hr" in w else None
    h, c = state["hidden"], state["cell"]
    for t in range(time):
        slots, edit = begin(t), edits(t)
        i = settled(edit, "input_gate", slots["input_gate"].addmm_(h, to_i).sigmoid_())
        f = settled(edit, "forget_gate", slots["forget_gate"].addmm_(h, to_f).sigmoid_())
        g = settled(edit, "candidate", tanh_(slots["candidate"].addmm_(h, to_g)))
        o = settled(edit, "output_gate", slots["output_gate"].addmm_(h, to_o).sigmoid_())
        c = settled(edit, "cell", torch.mul(f, c, out=slots["cell"]).addcmul_(i, g))
        if project is None:
            tanh_(slots["hidden"].copy_(c)).mul_(o)
        else:
            torch.mm(tanh_(c.clone()).mul_(o), project, out=slots["hidden"])
        h = settled(edit, "hidden", slots["hidden"])
    return {"hidden": h, "cell": c}


def _lstm_forward(
    ctx: Any, sums: Tensor, weight: Tensor, bias: None, over: Tensor | None, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gates, units, transposed = sums.detach(), hidden.shape[-1], weight.mT
    i, f, g, o = gates.chunk(4, -1)
    if over is not None:  # i = 0, f = 1: the cell stays; o = 0: the old hidden state is added below
        for gate, value in ((i, -torch.inf), (f, torch.inf), (o, -torch.inf)):
            gate.masked_fill_(over, value)
    old, new = room(hidden, gates.shape[-3])
    cells, new_cells = room(cell, gates.shape[-3])
    shown = torch.empty_like(new)
    i_f = gates.narrow(-1, 0, 2 * units)
    slots = steps(gates, i_f, i, f, g, o, old, new, cells, new_cells, shown)
    for t, (all_, i_f, i, f, g, o, h, h1, c, c1, s) in enumerate(slots):
        add_product_(all_, h, transposed)
        i_f.sigmoid_()
        o.sigmoid_()
        torch.mul(f, c, out=c1).addcmul_(i, tanh_(g))
        torch.mul(o, tanh_(s.copy_(c1)), out=h1)
        if over is not None:
            h1.addcmul_(over.select(-3, t), h)
    ctx.save_for_backward(gates, shown, old, cells, weight, over)
    return new, last(new), last(new_cells)


def _lstm_backward(ctx: Any, d_tape: Tensor, d_last: Tensor, d_last_cell: Tensor) -> tuple[Tensor | None, ...]:
    gates, shown, old, cells, weight, over = ctx.saved_tensors
    units, sums = shown.shape[-1], torch.empty_like(gates)
    i_f, d_i_f = gates.narrow(-1, 0, 2 * units), sums.narrow(-1, 0, 2 * units)
    dh, dc, d_shown = d_last.clone(), d_last_cell.clone(), torch.empty_like(d_last)
    slots = steps(d_tape, shown, cells, i_f, *gates.chunk(4, -1), sums, d_i_f, *sums.chunk(4, -1))
    # c1 = f * c + i * g and h1 = o * s with s = tanh(c1): dc collects what arrives by h1 and by the next step.
    for t, (arriving, s, c, i_f, i, f, g, o, d, d_i_f, d_i, d_f, d_g, d_o) in reversed(list(enumerate(slots))):
        dh.add_(arriving)
        dc.add_(through_tanh_(torch.mul(dh, o, out=d_shown), s))
        torch.mul(dc, g, out=d_i)
        torch.mul(dc, c, out=d_f)
        through_sigmoid_(d_i_f, i_f)
        through_tanh_(torch.mul(dc, i, out=d_g), g)
        through_sigmoid_(torch.mul(dh, s, out=d_o), o)
        dh = dh.zero_() if over is None else dh.mul_(over.select(-3, t))
        add_product_(dh, d, weight)
        dc.mul_(f)
    return sums, of_weight(sums, old), None, None, dh, dc


GATES = ("input_gate", "forget_gate", "candidate", "output_gate")
KINDS = (
    Kind(
        "lstm",
        gates=GATES,
        sites=(*GATES, "cell", "hidden"),
        step=_lstm,
        states=("hidden", "cell"),
        in_place=_lstm_in_place,
        backward=Backward(_lstm_forward, _lstm_backward),
        torch="LSTM",
    ),
    Kind(
        "peephole_lstm",
        gates=GATES,
        sites=("input_gate", "forget_gate", "candidate", "cell", "output_gate", "hidden"),
        step=_peephole_lstm,
        states=("hidden", "cell"),
        vectors={"peephole": 3},
    ),
)
