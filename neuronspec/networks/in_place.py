"""The steps of LSTM and GRU written into one buffer, for runs without gradients.

Same values as ``cells.py`` (a test holds the two together). The product of all inputs is laid down gate by gate, and
each step turns it into the gates in place, so that recording every site costs no copy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from neuronspec.networks.cells import Edits, GatedCell, SiteEdit, State, Weights


def can_run(cell: object) -> bool:
    """Whether this module can run a cell now."""
    return isinstance(cell, GatedCell) and cell.kind in RUNS and cell.single and not torch.is_grad_enabled()


def unroll(
    cell: GatedCell, inputs: Tensor, state: State, edits: Edits, wanted: Collection[str]
) -> tuple[dict[str, Tensor], State]:
    """Run a cell over time; see ``recurrent.unroll``."""
    gates = _projected(cell, inputs)
    tapes = RUNS[cell.kind](cell.weights, gates, state, edits)
    after = {name: tapes[name][-1] for name in state}
    return {site: tapes[site] for site in wanted}, after


def _projected(cell: GatedCell, inputs: Tensor) -> list[Tensor]:
    """What the inputs and the biases add to each gate, ``[time batch unit]``."""
    w, rows = cell.weights, inputs.flatten(0, 1)
    bias = w["bias_ih"] + w["bias_hh"]
    if cell.kind == "gru":  # its reset gate acts on the hidden bias of the candidate too
        bias[-cell.units :] = w["bias_ih"][-cell.units :]
    pairs = zip(bias.split(cell.units), w["weight_ih"].split(cell.units), strict=True)
    return [torch.addmm(b, rows, weight.T).unflatten(0, inputs.shape[:2]) for b, weight in pairs]


def _settled(edit: SiteEdit, site: str, slot: Tensor) -> Tensor:
    """The slot, holding what the edit makes of it."""
    value = edit(site, slot)
    return slot if value is slot else slot.copy_(value)


def _tanh_(x: Tensor) -> Tensor:
    """Tanh in place, by way of torch's sigmoid, which takes a fifth of the time of its tanh."""
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)


def _lstm(w: Weights, gates: list[Tensor], state: State, edits: Edits) -> dict[str, Tensor]:
    to_i, to_f, to_g, to_o = (weight.T for weight in w["weight_hh"].chunk(4))
    project = w["weight_hr"].T if "weight_hr" in w else None
    cells, hiddens = torch.empty_like(gates[0]), gates[0].new_empty(*gates[0].shape[:2], len(to_i))
    h, c = state["hidden"], state["cell"]
    for t, (i, f, g, o, cell, hidden) in enumerate(zip(*gates, cells, hiddens, strict=True)):
        edit = edits(t)
        _settled(edit, "input_gate", i.addmm_(h, to_i).sigmoid_())
        _settled(edit, "forget_gate", f.addmm_(h, to_f).sigmoid_())
        _settled(edit, "candidate", _tanh_(g.addmm_(h, to_g)))
        _settled(edit, "output_gate", o.addmm_(h, to_o).sigmoid_())
        c = _settled(edit, "cell", torch.mul(f, c, out=cell).addcmul_(i, g))
        if project is None:
            _tanh_(hidden.copy_(c)).mul_(o)
        else:
            torch.mm(_tanh_(c.clone()).mul_(o), project, out=hidden)
        h = _settled(edit, "hidden", hidden)
    names = ("input_gate", "forget_gate", "candidate", "output_gate")
    return dict(zip(names, gates, strict=True)) | {"cell": cells, "hidden": hiddens}


def _gru(w: Weights, gates: list[Tensor], state: State, edits: Edits) -> dict[str, Tensor]:
    to_r, to_z, to_n = (weight.T for weight in w["weight_hh"].chunk(3))
    bias = w["bias_hh"].chunk(3)[2]
    hiddens, product = torch.empty_like(gates[0]), torch.empty_like(gates[0][0])
    h = state["hidden"]
    for t, (r, z, n, hidden) in enumerate(zip(*gates, hiddens, strict=True)):
        edit = edits(t)
        _settled(edit, "reset_gate", r.addmm_(h, to_r).sigmoid_())
        _settled(edit, "update_gate", z.addmm_(h, to_z).sigmoid_())
        torch.addmm(bias, h, to_n, out=product)
        _settled(edit, "candidate", _tanh_(n.addcmul_(r, product)))
        h = _settled(edit, "hidden", torch.sub(h, n, out=hidden).mul_(z).add_(n))
    return dict(zip(("reset_gate", "update_gate", "candidate"), gates, strict=True)) | {"hidden": hiddens}


RUNS: dict[str, Callable[[Weights, list[Tensor], State, Edits], dict[str, Tensor]]] = {"lstm": _lstm, "gru": _gru}
