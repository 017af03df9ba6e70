"""What a recurrent layer computes at one step, and how an edit changes it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

State: TypeAlias = dict[str, Tensor]
"""``hidden`` (and ``cell``) of one layer, each ``[(replicate) batch unit]``."""

Edit: TypeAlias = Callable[[int, str, int, Tensor], Tensor]
"""``edit(layer, site, step, value)`` returns the value that the rest of the step and all later steps see."""

SiteEdit: TypeAlias = Callable[[str, Tensor], Tensor]
"""``edit(site, value)`` of one layer at one step."""

Edits: TypeAlias = Callable[[int], SiteEdit]
"""The edit of one layer at each step."""

Place: TypeAlias = tuple[int, str]
"""A layer and a site."""

Weights: TypeAlias = Mapping[str, Tensor]
"""By torch's names, without ``_l0``. With a leading axis (``replicate``) on each, several networks run as one."""

Step: TypeAlias = Callable[[Tensor, State, Weights, SiteEdit], State]
"""One step of a kind, from what the inputs add to its gates."""

Begin: TypeAlias = Callable[[int], Mapping[str, Tensor]]
"""The buffer of each site at a step; that of a gate already holds what the inputs add to it."""

InPlace: TypeAlias = Callable[[Weights, Begin, int, State, Edits], State]
"""Runs this many steps of a kind in their buffers, and returns the state after the last."""


def leave(site: str, value: Tensor) -> Tensor:
    """The edit that changes nothing."""
    return value


@runtime_checkable
class Cell(Protocol):
    """What a recurrent layer computes at one step: all that a user's own cell has to define.

    Attributes:
        sites: the sites and how many units each has, in the order in which a step computes them; names of the
            language (``hidden``, ``cell``, ``forget_gate``, ...), ``hidden`` among them.
    """

    @property
    def sites(self) -> Mapping[str, int]: ...

    def start(self, batch: int) -> State:
        """Return the state before the first step, each ``[batch unit]``."""

    def step(self, x: Tensor, state: State, edit: SiteEdit) -> State:
        """Return the value of every site after one step, from the input ``[batch input]`` and the state before.

        Every value passes through ``edit(site, value)`` before anything else uses it.
        """
