"""Operations that several kinds share. Those whose names end in ``_`` write into their first argument."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from neuronspec.networks.cells.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from neuronspec.networks.cells.cell import SiteEdit


# For one step.


def affine(x: Tensor, h: Tensor, weight: Tensor) -> Tensor:
    """Return ``x + h @ weight.T``, for one network or a batch of replicates."""
    return torch.baddbmm(x, h, weight.mT) if h.dim() == 3 else torch.addmm(x, h, weight.mT)


def as_row(bias: Tensor) -> Tensor:
    """Return a bias ``[(replicate) row]`` as it is added to ``[(replicate) batch row]``."""
    return bias.unsqueeze(-2)


# For all steps in place.


def settled(edit: SiteEdit, site: str, slot: Tensor) -> Tensor:
    """Return the slot, holding its edited value."""
    value = edit(site, slot)
    return slot if value is slot else slot.copy_(value)  # mostly nothing is edited, and nothing copied


def tanh_(x: Tensor) -> Tensor:
    """Take tanh in place as ``2 * sigmoid(2x) - 1``: torch's sigmoid takes a fifth of the time of its tanh."""
    return torch.add(_minus_one(), x.add_(x).sigmoid_(), alpha=2, out=x)


@cache
def _minus_one() -> Tensor:
    """Made once: a Python number would be converted to a tensor at every call."""
    return torch.tensor(-1.0, dtype=torch.float32, device="cpu")


# For the backward pass.


def steps(*tapes: Tensor) -> list[tuple[Tensor, ...]]:
    """Return the slots of each step."""
    return list(zip(*(tape.unbind(-3) for tape in tapes), strict=True))


def room(start: Tensor, time: int) -> tuple[Tensor, Tensor]:
    """Return buffers for a state before and after every step; the first state is written already.

    Both are views of one buffer, one step apart: what a step writes is what the next one reads, without a copy.
    """
    both = start.new_empty(*start.shape[:-2], time + 1, *start.shape[-2:])
    both.select(-3, 0).copy_(start)
    return both.narrow(-3, 0, time), both.narrow(-3, 1, time)


def last(tape: Tensor) -> Tensor:
    return tape.select(-3, -1).clone()


def add_product_(to: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    return to.baddbmm_(rows, weight) if to.dim() == 3 else to.addmm_(rows, weight)


def of_weight(sums: Tensor, seen: Tensor) -> Tensor:
    """Return the gradient of a weight, from that of its sums and what it was multiplied with.

    With ``sums[t] = seen[t] @ weight.T``, it is the sum of ``d_sums[t].T @ seen[t]`` over steps: one product of all.
    """
    return sums.flatten(-3, -2).mT @ seen.flatten(-3, -2)


def through_sigmoid_(gradient: Tensor, value: Tensor) -> Tensor:
    """Multiply by the slope of sigmoid, ``value * (1 - value)``: at a value of 0.5 by 0.25."""
    return torch.ops.aten.sigmoid_backward.grad_input(gradient, value, grad_input=gradient)


def through_tanh_(gradient: Tensor, value: Tensor) -> Tensor:
    """Multiply by the slope of tanh, ``1 - value ** 2``: at a value of 0.5 by 0.75."""
    return torch.ops.aten.tanh_backward.grad_input(gradient, value, grad_input=gradient)
