"""The record of a kind of cell: all that the rest of the package needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from neuronspec.networks.cells.cell import InPlace, Step


@dataclass(frozen=True)
class Backward:
    """The two methods of a ``torch.autograd.Function`` that runs a layer over time; see ``backward.py``.

    Args:
        forward: ``(ctx, sums, weight, bias, over, *states)`` -> hidden states at every step, and each last state.
        backward: ``(ctx, d_tape, *d_last)`` -> the gradient of each of those arguments.
    """

    forward: Callable[..., tuple[Tensor, ...]]
    backward: Callable[..., tuple[Tensor | None, ...]]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of cell. Its weights have the names, shapes and gate order of ``torch.nn``.

    Args:
        name: what recipes call it.
        gates: in the order in which the weights hold them; none where the weights are those of the unit itself.
        sites: in the order in which a step computes them.
        step: one step, from what the inputs and ``bias_ih`` add to the gates, with an edit at every site.
        states: the sites that the next step sees.
        vectors: further weights of one number per unit, and how many there are under each name.
        inner_bias: whether ``bias_hh`` of the last gate stays with the product of the hidden state, because another
            gate acts on both; else it is added to ``bias_ih``.
        in_place: all steps, written into buffers, for runs without gradients; see ``in_place.py``.
        backward: for training; without it autograd goes back through the steps.
        torch: the ``mode`` of torch's own layer of this kind, where there is one.
        in_recipes: whether recipes may name it; else it occurs in a user's module only.
    """

    name: str
    gates: tuple[str, ...]
    sites: tuple[str, ...]
    step: Step
    states: tuple[str, ...] = ("hidden",)
    vectors: Mapping[str, int] = field(default_factory=dict)
    inner_bias: bool = False
    in_place: InPlace | None = None
    backward: Backward | None = None
    torch: str | None = None
    in_recipes: bool = True

    @property
    def blocks(self) -> int:
        """How many rows of weights a unit has."""
        return len(self.gates) or 1
