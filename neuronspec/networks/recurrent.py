"""Recurrent networks whose every site can be read and edited: cells over time, in layers.

A ``Cell`` (cells/cell.py) computes one step, a ``Layer`` runs one over time, or two in both directions, and
``run`` a stack of layers. ``Recurrent`` holds the weights of such a stack, equal to those of ``torch.nn``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neuronspec.networks.cells import KINDS, backward, in_place
from neuronspec.networks.cells.cell import Cell, Edit, Edits, Place, SiteEdit, State, Weights, leave
from neuronspec.networks.cells.gated import GatedCell


def unroll(
    cell: Cell, inputs: Tensor, state: State, edits: Edits, wanted: Collection[str], alive: Tensor | None = None
) -> tuple[dict[str, Tensor], State]:
    """Run a cell over time, and return the values of the wanted sites and the state after the last step.

    Args:
        alive: ``[time (replicate) batch]``, the rows that take each step; the state of the others stays as it is, and
            the values at their sites mean nothing. All where None.
    """
    if alive is None and in_place.can_run(cell):
        return in_place.unroll(cell, inputs, state, edits, wanted)
    tapes: dict[str, list[Tensor]] = {site: [] for site in wanted}
    lanes = state["hidden"].shape[-2] // inputs.shape[-2]
    if lanes == 1 and backward.can_run(cell, len(inputs), edits, wanted):
        hidden, state = backward.unroll(cell, inputs, state, alive)
        return {"hidden": hidden}, state
    inputs = cell.project(inputs) if isinstance(cell, GatedCell) else inputs
    for t, x in enumerate((inputs.repeat(1, lanes, 1) if lanes > 1 else inputs).unbind(0)):
        values = cell.step(x, state, edits(t))
        for site, tape in tapes.items():
            tape.append(values[site])
        after = {name: values[name] for name in state}
        if alive is not None:
            after = {name: torch.where(alive[t].unsqueeze(-1), after[name], state[name]) for name in state}
        state = after
    return {site: torch.stack(tape) for site, tape in tapes.items()}, state


@dataclass(frozen=True)
class Layer:
    """One recurrent layer; with ``backwards`` it is run in both directions.

    The units of both directions stand side by side, as torch has them: first those that read forwards.
    """

    forwards: Cell
    backwards: Cell | None = None

    @property
    def sites(self) -> Mapping[str, int]:
        """The sites, in the order in which a step computes them, and how many units each has."""
        directions = 1 if self.backwards is None else 2
        return {site: units * directions for site, units in self.forwards.sites.items()}

    def start(self, batch: int) -> State:
        """Return the state before the first step."""
        first = self.forwards.start(batch)
        if self.backwards is None:
            return first
        second = self.backwards.start(batch)
        return {name: torch.cat([first[name], second[name]], -1) for name in first}

    def run(
        self, inputs: Tensor, state: State, edits: Edits, wanted: Collection[str], lengths: Tensor | None
    ) -> tuple[dict[str, Tensor], State]:
        """Run over time; ``lengths`` says where each sequence begins for the direction that reads backwards."""
        if self.backwards is None:
            return unroll(self.forwards, inputs, state, edits, wanted)
        time, sites = len(inputs), self.forwards.sites
        first, second = ({name: v.chunk(2, -1)[side] for name, v in state.items()} for side in (0, 1))
        steps = torch.arange(time - 1, -1, -1, device=inputs.device)
        alive = None if lengths is None else steps.unsqueeze(1) < lengths
        forwards, after = unroll(self.forwards, inputs, first, _side(edits, sites, 0), wanted)
        backwards, before = unroll(
            self.backwards, inputs.flip(0), second, _side(lambda t: edits(time - 1 - t), sites, 1), wanted, alive
        )
        tapes = {site: torch.cat([forwards[site], backwards[site].flip(0)], -1) for site in wanted}
        return tapes, {name: torch.cat([after[name], before[name]], -1) for name in state}


def _side(edits: Edits, sites: Mapping[str, int], side: int) -> Edits:
    """Edits of a layer of two directions, as one of them sees them."""

    def at(step: int) -> SiteEdit:
        edit = edits(step)
        if edit is leave:
            return leave

        def one(site: str, value: Tensor) -> Tensor:
            # An edit knows units of both directions; the other half is not computed yet, and what it gets is dropped.
            halves = [torch.zeros_like(value), value] if side else [value, torch.zeros_like(value)]
            return edit(site, torch.cat(halves, -1)).narrow(-1, side * sites[site], sites[site])

        return one

    return at


def run(
    layers: Sequence[Layer],
    inputs: Float[Tensor, "time *batch input"],
    states: list[State] | None = None,
    edit: Edit | None = None,
    record: Collection[Place] = (),
    lengths: Int[Tensor, " row"] | None = None,
) -> tuple[Float[Tensor, "time *rows unit"], list[State], dict[Place, Tensor]]:
    """Run a stack of layers over time.

    Args:
        inputs: ``[time batch input]``; with replicates ``[time replicate batch input]``, or without
            that axis where all replicates read the same.
        states: the state of every layer before the first step; its start where None. States of n times as many rows
            as the inputs are n lanes, one after the other, which all read the same inputs.
        edit: called at every site of every step, inside the recurrence.
        record: the ``(layer, site)`` whose values are wanted.
        lengths: of each sequence, where they differ; only a layer that reads backwards needs them.

    Returns:
        the hidden states of the last layer, the state of every layer after the last step, and what was
        recorded, each ``[time (replicate) batch unit]``.
    """
    states = [layer.start(inputs.shape[-2]) for layer in layers] if states is None else states
    after: list[State] = []
    recorded: dict[Place, Tensor] = {}
    for number, (layer, state) in enumerate(zip(layers, states, strict=True)):
        wanted = [site for site in layer.sites if (number, site) in record or site == "hidden"]
        tapes, state = layer.run(inputs, state, _of_layer(edit, number), wanted, lengths)
        recorded |= {(number, site): tape for site, tape in tapes.items() if (number, site) in record}
        after.append(state)
        inputs = tapes["hidden"]
    return inputs, after, recorded


def _of_layer(edit: Edit | None, layer: int) -> Edits:
    if edit is None:
        return lambda step: leave
    return lambda step: lambda site, value: edit(layer, site, step, value)


class Recurrent(nn.Module):
    """A stack of recurrent layers of one kind, with the weights of torch.nn under its names.

    Args:
        kind: one of ``KINDS``.
        inputs, units, layers: sizes.
        replicates: how many networks run as one; None is one network without that axis.
        fast_gradients: whether to train by ``cells/backward.py``: faster, with other last digits.
    """

    def __init__(
        self,
        kind: str,
        inputs: int,
        units: int,
        layers: int = 1,
        replicates: int | None = None,
        fast_gradients: bool = False,
    ) -> None:
        super().__init__()
        self.kind, self.units, self.fast_gradients = KINDS[kind], units, fast_gradients
        for layer in range(layers):
            for name, shape in self._shapes(inputs if layer == 0 else units).items():
                lead = () if replicates is None else (replicates,)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(*lead, *shape)))
        self.depth = layers

    def _shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        rows = self.kind.blocks * self.units
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.units)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return shapes | {name: (vectors, self.units) for name, vectors in self.kind.vectors.items()}

    @property
    def layers(self) -> list[Layer]:
        weights = map(self.weights, range(self.depth))
        return [Layer(GatedCell(self.kind, w, self.fast_gradients)) for w in weights]

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites of each layer, in the order in which a step computes them."""
        return self.kind.sites

    def initialise(self, generator: torch.Generator, orthogonal: bool = False) -> None:
        """Draw all weights as torch.nn does: uniform within one over the root of the number of units.

        Args:
            orthogonal: draws the recurrent weights of each gate as an orthogonal matrix instead.
        """
        bound = 1 / math.sqrt(self.units)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        for layer in range(self.depth if orthogonal else 0):
            for gate in self.weights(layer)["weight_hh"].data.split(self.units, -2):
                nn.init.orthogonal_(gate, generator=generator)

    def weights(self, layer: int) -> Weights:
        """Return the weights of one layer by their torch name without ``_l0``."""
        suffix = f"_l{layer}"
        return {name.removesuffix(suffix): p for name, p in self.named_parameters() if name.endswith(suffix)}

    def forward(self, inputs: Tensor, *args: Any, **options: Any) -> tuple[Tensor, list[State], dict[Place, Tensor]]:
        """Run over time; see ``run`` for arguments and result."""
        return run(self.layers, inputs, *args, **options)
