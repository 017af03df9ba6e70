"""Cells over time with gradients that are written out, for training.

Values are those of the kind's ``step`` and gradients those of autograd through it, up to rounding (tests compare them).
Only the hidden states and the last state of a layer may be wanted. Each step, forward and backward, is one product (two
where the reset gate stands between) and a few operations that write into buffers made once. The gradient of the weights
is one product over all steps.

Inside, time stands right before the batch, ``[(replicate) time batch unit]``: all steps of a replicate are one matrix.

The kinds use the letters of their equations; ``d_r`` is the gradient of the sum that r is a function of. A layer writes
its gates over what the inputs add to them, which nothing else uses. A row that is over has infinite sums in its gates,
so that its state passes each step unchanged in both directions. Only an LSTM's hidden state, which is computed anew at
each step, has to be carried past it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeGuard

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from neuronspec.networks.cells.cell import Edits, State, leave
from neuronspec.networks.cells.gated import GatedCell
from neuronspec.networks.cells.kind import Backward


def can_run(cell: object, time: int, edits: Edits, wanted: Collection[str]) -> TypeGuard[GatedCell]:
    """Whether this module may run a cell, and can."""
    if not (isinstance(cell, GatedCell) and cell.fast_gradients and torch.is_grad_enabled()):
        return False
    known = cell.kind.backward is not None and "weight_hr" not in cell.weights
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
    start = [state[name] for name in cell.kind.states]
    over_time: type[torch.autograd.Function] = _OverTime  # its own apply has no types
    tape, *last = over_time.apply(cell.kind.backward, gates, cell.weights["weight_hh"], inner, over, *start)
    return tape.movedim(-3, 0), dict(zip(cell.kind.states, last, strict=True))


def _biases(cell: GatedCell) -> tuple[Tensor, Tensor | None]:
    """What is added to all gates before the first step, and the kind's inner bias."""
    w, units = cell.weights, cell.units
    if not cell.kind.inner_bias:
        return w["bias_ih"] + w["bias_hh"], None
    added, inner = w["bias_hh"].tensor_split([-units], -1)
    return w["bias_ih"] + nn.functional.pad(added, (0, units)), inner


class _OverTime(torch.autograd.Function):
    """A kind's forward and backward pass, in the form that autograd takes."""

    @staticmethod
    def forward(ctx: Any, of_kind: Backward, *arguments: Tensor | None) -> tuple[Tensor, ...]:
        ctx.of_kind = of_kind
        return of_kind.forward(ctx, *arguments)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.of_kind.backward(ctx, *gradients)
