"""The steps of LSTM and GRU written into one buffer, for runs without gradients.

Same values as ``cell.py`` (a test holds the two together). The product of all inputs is laid down gate by gate, and
each step turns it into the gates in place, so that recording every site costs no copy. Where several lanes read the
same inputs, that product is made once, and only what is wanted gets a buffer over time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from neuronspec.networks.cells.cell import Edits, GatedCell, SiteEdit, State, Weights


def can_run(cell: object) -> bool:
    """Whether this module can run a cell now."""
    return isinstance(cell, GatedCell) and cell.kind in RUNS and cell.single and not torch.is_grad_enabled()


def unroll(
    cell: GatedCell, inputs: Tensor, state: State, edits: Edits, wanted: Collection[str]
) -> tuple[dict[str, Tensor], State]:
    """Run a cell over time; see ``recurrent.unroll``."""
    products, rows = _products(cell, inputs), len(state["hidden"])
    shared = rows > inputs.shape[1]
    tapes = {
        site: products[site] if site in products and not shared else _tape(inputs, units, rows, site in wanted)
        for site, units in cell.sites.items()
    }

    def begin(t: int) -> dict[str, Tensor]:
        """The slots of a step; those of the gates hold what the inputs add."""
        slots = {site: tape[t] for site, tape in tapes.items()}
        for site, product in products.items() if shared else ():
            slots[site].unflatten(0, (-1, inputs.shape[1])).copy_(product[t])
        return slots

    state = RUNS[cell.kind](cell.weights, begin, len(inputs), state, edits)
    return {site: tapes[site] for site in wanted}, state


def _products(cell: GatedCell, inputs: Tensor) -> dict[str, Tensor]:
    """What the inputs and the biases add to each gate, ``[time batch unit]``."""
    w, rows = cell.weights, inputs.flatten(0, 1)
    bias = w["bias_ih"] + w["bias_hh"]
    if cell.kind == "gru":  # torch's form: its reset gate acts on the hidden bias of the candidate too
        bias[-cell.units :] = w["bias_ih"][-cell.units :]
    parts = zip(cell.gates, bias.split(cell.units), w["weight_ih"].split(cell.units), strict=True)
    return {site: torch.addmm(b, rows, weight.T).unflatten(0, inputs.shape[:2]) for site, b, weight in parts}


def _tape(inputs: Tensor, units: int, rows: int, wanted: bool) -> Tensor:
    """Room for a site at every step; of one that is not wanted, all steps share the room of one."""
    room = inputs.new_empty(len(inputs) if wanted else 1, rows, units)
    return room if wanted else room.expand(len(inputs), -1, -1)


def _settled(edit: SiteEdit, site: str, slot: Tensor) -> Tensor:
    """The slot, holding what the edit makes of it."""
    value = edit(site, slot)
    return slot if value is slot else slot.copy_(value)


def tanh_(x: Tensor) -> Tensor:
    """Take tanh in place, by way of torch's sigmoid, which takes a fifth of the time of its tanh."""
    return torch.add(_MINUS_ONE, x.add_(x).sigmoid_(), alpha=2, out=x)


_MINUS_ONE = torch.tensor(-1.0)  # made once: a number of Python's is made a tensor at every call


Begin = Callable[[int], Mapping[str, Tensor]]


def _lstm(w: Weights, begin: Begin, time: int, state: State, edits: Edits) -> State:
    to_i, to_f, to_g, to_o = (weight.T for weight in w["weight_hh"].chunk(4))
    project = w["weight_hr"].T if "weight_hr" in w else None
    h, c = state["hidden"], state["cell"]
    for t in range(time):
        slots, edit = begin(t), edits(t)
        i = _settled(edit, "input_gate", slots["input_gate"].addmm_(h, to_i).sigmoid_())
        f = _settled(edit, "forget_gate", slots["forget_gate"].addmm_(h, to_f).sigmoid_())
        g = _settled(edit, "candidate", tanh_(slots["candidate"].addmm_(h, to_g)))
        o = _settled(edit, "output_gate", slots["output_gate"].addmm_(h, to_o).sigmoid_())
        c = _settled(edit, "cell", torch.mul(f, c, out=slots["cell"]).addcmul_(i, g))
        if project is None:
            tanh_(slots["hidden"].copy_(c)).mul_(o)
        else:
            torch.mm(tanh_(c.clone()).mul_(o), project, out=slots["hidden"])
        h = _settled(edit, "hidden", slots["hidden"])
    return {"hidden": h, "cell": c}


def _gru(w: Weights, begin: Begin, time: int, state: State, edits: Edits) -> State:
    to_r, to_z, to_n = (weight.T for weight in w["weight_hh"].chunk(3))
    bias = w["bias_hh"].chunk(3)[2]
    h = state["hidden"]
    product = torch.empty_like(h)
    for t in range(time):
        slots, edit = begin(t), edits(t)
        r = _settled(edit, "reset_gate", slots["reset_gate"].addmm_(h, to_r).sigmoid_())
        z = _settled(edit, "update_gate", slots["update_gate"].addmm_(h, to_z).sigmoid_())
        torch.addmm(bias, h, to_n, out=product)
        n = _settled(edit, "candidate", tanh_(slots["candidate"].addcmul_(r, product)))
        h = _settled(edit, "hidden", torch.sub(h, n, out=slots["hidden"]).mul_(z).add_(n))
    return {"hidden": h}


def _reset_before_gru(w: Weights, begin: Begin, time: int, state: State, edits: Edits) -> State:
    to_r, to_z, to_n = (weight.T for weight in w["weight_hh"].chunk(3))
    h = state["hidden"]
    for t in range(time):
        slots, edit = begin(t), edits(t)
        r = _settled(edit, "reset_gate", slots["reset_gate"].addmm_(h, to_r).sigmoid_())
        z = _settled(edit, "update_gate", slots["update_gate"].addmm_(h, to_z).sigmoid_())
        n = _settled(edit, "candidate", tanh_(slots["candidate"].addmm_(r * h, to_n)))
        h = _settled(edit, "hidden", torch.sub(h, n, out=slots["hidden"]).mul_(z).add_(n))
    return {"hidden": h}


RUNS: dict[str, Callable[[Weights, Begin, int, State, Edits], State]] = {
    "lstm": _lstm,
    "gru": _gru,
    "reset_before_gru": _reset_before_gru,
}
