"""The steps of a cell written into one buffer, for runs without gradients.

Same values as the kind's ``step`` (a test compares the two). The product of all inputs is stored gate by gate, and each
step turns it into the gates in place, so that recording every site costs no copy. Where several lanes read the same
inputs, that product is made once, and only wanted sites get a buffer over time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeGuard

import torch
from torch import Tensor

from neuronspec.networks.cells.cell import Edits, State
from neuronspec.networks.cells.gated import GatedCell


def can_run(cell: object) -> TypeGuard[GatedCell]:
    """Whether this module can run a cell now."""
    return isinstance(cell, GatedCell) and bool(cell.kind.in_place) and cell.single and not torch.is_grad_enabled()


def unroll(
    cell: GatedCell, inputs: Tensor, state: State, edits: Edits, wanted: Collection[str]
) -> tuple[dict[str, Tensor], State]:
    """Run a cell over time; see ``recurrent.unroll``."""
    run = cell.kind.in_place
    assert run is not None
    products, rows = _products(cell, inputs), len(state["hidden"])
    shared = rows > inputs.shape[1]  # several lanes read the same inputs
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

    state = run(cell.weights, begin, len(inputs), state, edits)
    return {site: tapes[site] for site in wanted}, state


def _products(cell: GatedCell, inputs: Tensor) -> dict[str, Tensor]:
    """What the inputs and the biases add to each gate, ``[time batch unit]``."""
    w, rows = cell.weights, inputs.flatten(0, 1)
    bias = w["bias_ih"] + w["bias_hh"]
    if cell.kind.inner_bias:
        # The kind adds bias_hh of the last gate itself, to a product that another gate then scales.
        bias[-cell.units :] = w["bias_ih"][-cell.units :]
    parts = zip(cell.gates, bias.split(cell.units), w["weight_ih"].split(cell.units), strict=True)
    return {site: torch.addmm(b, rows, weight.T).unflatten(0, inputs.shape[:2]) for site, b, weight in parts}


def _tape(inputs: Tensor, units: int, rows: int, wanted: bool) -> Tensor:
    """A buffer for a site at every step; where it is not wanted, all steps share the buffer of one."""
    tape = inputs.new_empty(len(inputs) if wanted else 1, rows, units)
    return tape if wanted else tape.expand(len(inputs), -1, -1)
