"""Gated recurrent units, in torch's form and in that of Cho et al. (2014)."""

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


def _gru(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    """Torch's form: the reset gate acts on the product of the hidden state, not before it."""
    old = state["hidden"]
    from_h = affine(as_row(w["bias_hh"]).expand(*old.shape[:-1], -1), old, w["weight_hh"])
    (r, z, n), (hr, hz, hn) = x.chunk(3, -1), from_h.chunk(3, -1)
    v = {
        "reset_gate": edit("reset_gate", torch.sigmoid(r + hr)),
        "update_gate": edit("update_gate", torch.sigmoid(z + hz)),
    }
    v["candidate"] = edit("candidate", torch.tanh(n + v["reset_gate"] * hn))
    # (1 - z) * n + z * h with one product less: from n = 0 and h = 1, z = 0.9 keeps 0.9.
    v["hidden"] = edit("hidden", v["candidate"] + v["update_gate"] * (old - v["candidate"]))
    return v


def _gru_in_place(w: Weights, begin: Begin, time: int, state: State, edits: Edits) -> State:
    to_r, to_z, to_n = (weight.T for weight in w["weight_hh"].chunk(3))
    bias = w["bias_hh"].chunk(3)[2]
    h = state["hidden"]
    product = torch.empty_like(h)
    for t in range(time):
        slots, edit = begin(t), edits(t)
        r = settled(edit, "reset_gate", slots["reset_gate"].addmm_(h, to_r).sigmoid_())
        z = settled(edit, "update_gate", slots["update_gate"].addmm_(h, to_z).sigmoid_())
        torch.addmm(bias, h, to_n, out=product)
        n = settled(edit, "candidate", tanh_(slots["candidate"].addcmul_(r, product)))
        h = settled(edit, "hidden", torch.sub(h, n, out=slots["hidden"]).mul_(z).add_(n))
    return {"hidden": h}


def _shut(sums: Tensor, over: Tensor | None) -> Tensor:
    """Keep the state of rows that are over as it is: their update gate is sigmoid(inf) = 1."""
    if over is not None:
        sums.chunk(3, -1)[1].masked_fill_(over, torch.inf)
    return sums


def _gru_forward(
    ctx: Any, sums: Tensor, weight: Tensor, bias: Tensor, over: Tensor | None, hidden: Tensor
) -> tuple[Tensor, Tensor]:
    gates, units = _shut(sums.detach(), over), hidden.shape[-1]
    to_r_z, to_n = (part.mT for part in weight.split([2 * units, units], -2))
    old, new = room(hidden, gates.shape[-3])
    products = torch.empty_like(new).copy_(bias[..., None, None, :])
    for r_z, r, z, n, p, h, h1 in steps(gates.narrow(-1, 0, 2 * units), *gates.chunk(3, -1), products, old, new):
        add_product_(r_z, h, to_r_z).sigmoid_()
        n.addcmul_(r, add_product_(p, h, to_n))
        torch.lerp(tanh_(n), h, z, out=h1)
    ctx.save_for_backward(gates, products, old, weight)
    return new, last(new)


def _gru_backward(ctx: Any, d_tape: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
    gates, products, old, weight = ctx.saved_tensors
    units, sums, d_products = old.shape[-1], torch.empty_like(gates), torch.empty_like(products)
    to_r_z, to_n = weight.split([2 * units, units], -2)
    d_r_z, dh = sums.narrow(-1, 0, 2 * units), d_last.clone()
    slots = steps(d_tape, old, products, *gates.chunk(3, -1), d_r_z, *sums.chunk(3, -1), d_products)
    # h1 = n + z * (h - n) gives d_z = dh * (h - n) and d_n = dh * (1 - z); through p = h @ to_n.T, d_p = d_n * r.
    for arriving, h, p, r, z, n, d_switches, d_r, d_z, d_n, d_p in reversed(slots):
        dh.add_(arriving)
        through_sigmoid_(torch.sub(h, n, out=d_z).mul_(dh), z)
        through_tanh_(torch.addcmul(dh, dh, z, value=-1, out=d_n), n)
        through_sigmoid_(torch.mul(d_n, p, out=d_r), r)
        add_product_(dh.mul_(z), d_switches, to_r_z)
        add_product_(dh, torch.mul(d_n, r, out=d_p), to_n)
    d_weight = torch.cat([of_weight(d_r_z, old), of_weight(d_products, old)], -2)
    return sums, d_weight, d_products.sum((-3, -2)), None, dh


def _reset_before(x: Tensor, state: State, w: Weights, edit: SiteEdit) -> State:
    """The form of Cho et al. (2014): the reset gate acts on the hidden state, before the product."""
    old, x = state["hidden"], x + as_row(w["bias_hh"])
    units = old.shape[-1]
    gates, candidate = x.split([2 * units, units], -1)
    to_gates, to_candidate = w["weight_hh"].split([2 * units, units], -2)
    r, z = affine(gates, old, to_gates).chunk(2, -1)
    v = {"reset_gate": edit("reset_gate", torch.sigmoid(r)), "update_gate": edit("update_gate", torch.sigmoid(z))}
    v["candidate"] = edit("candidate", torch.tanh(affine(candidate, v["reset_gate"] * old, to_candidate)))
    v["hidden"] = edit("hidden", v["candidate"] + v["update_gate"] * (old - v["candidate"]))
    return v


def _reset_before_in_place(w: Weights, begin: Begin, time: int, state: State, edits: Edits) -> State:
    to_r, to_z, to_n = (weight.T for weight in w["weight_hh"].chunk(3))
    h = state["hidden"]
    for t in range(time):
        slots, edit = begin(t), edits(t)
        r = settled(edit, "reset_gate", slots["reset_gate"].addmm_(h, to_r).sigmoid_())
        z = settled(edit, "update_gate", slots["update_gate"].addmm_(h, to_z).sigmoid_())
        n = settled(edit, "candidate", tanh_(slots["candidate"].addmm_(r * h, to_n)))
        h = settled(edit, "hidden", torch.sub(h, n, out=slots["hidden"]).mul_(z).add_(n))
    return {"hidden": h}


def _reset_before_forward(
    ctx: Any, sums: Tensor, weight: Tensor, bias: None, over: Tensor | None, hidden: Tensor
) -> tuple[Tensor, Tensor]:
    gates, units = _shut(sums.detach(), over), hidden.shape[-1]
    to_r_z, to_n = (part.mT for part in weight.split([2 * units, units], -2))
    old, new = room(hidden, gates.shape[-3])
    seen = torch.empty_like(new)
    for r_z, r, z, n, s, h, h1 in steps(gates.narrow(-1, 0, 2 * units), *gates.chunk(3, -1), seen, old, new):
        add_product_(r_z, h, to_r_z).sigmoid_()
        add_product_(n, torch.mul(r, h, out=s), to_n)
        torch.lerp(tanh_(n), h, z, out=h1)
    ctx.save_for_backward(gates, seen, old, weight)
    return new, last(new)


def _reset_before_backward(ctx: Any, d_tape: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
    gates, seen, old, weight = ctx.saved_tensors
    units, sums = old.shape[-1], torch.empty_like(gates)
    to_r_z, to_n = weight.split([2 * units, units], -2)
    d_r_z, dh, d_seen = sums.narrow(-1, 0, 2 * units), d_last.clone(), torch.empty_like(d_last)
    slots = steps(d_tape, old, *gates.chunk(3, -1), d_r_z, *sums.chunk(3, -1))
    for arriving, h, r, z, n, d_switches, d_r, d_z, d_n in reversed(slots):
        dh.add_(arriving)
        through_sigmoid_(torch.sub(h, n, out=d_z).mul_(dh), z)
        through_tanh_(torch.addcmul(dh, dh, z, value=-1, out=d_n), n)
        torch.matmul(d_n, to_n, out=d_seen)
        through_sigmoid_(torch.mul(d_seen, h, out=d_r), r)
        add_product_(dh.mul_(z).addcmul_(d_seen, r), d_switches, to_r_z)
    d_n = sums.narrow(-1, 2 * units, units)
    d_weight = torch.cat([of_weight(d_r_z, old), of_weight(d_n, seen)], -2)
    return sums, d_weight, None, None, dh


GATES = ("reset_gate", "update_gate", "candidate")
KINDS = (
    Kind(
        "gru",
        gates=GATES,
        sites=(*GATES, "hidden"),
        step=_gru,
        inner_bias=True,
        in_place=_gru_in_place,
        backward=Backward(_gru_forward, _gru_backward),
        torch="GRU",
    ),
    Kind(
        "reset_before_gru",
        gates=GATES,
        sites=(*GATES, "hidden"),
        step=_reset_before,
        in_place=_reset_before_in_place,
        backward=Backward(_reset_before_forward, _reset_before_backward),
    ),
)
