"""The values of sites while a wrapped module read some sequences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuronspec.engine.runs.activations import Activations
from neuronspec.errors import SpecError, did_you_mean
from neuronspec.language.units import Site, Unit
from neuronspec.networks.cells.cell import Place


@dataclass(frozen=True)
class Trace:
    """The values of some sites while a network read some sequences.

    Args:
        values: by layer and site, ``[time batch unit]``; NaN past the end of a sequence.
        logits: of the next symbol, ``[time batch symbol]``; NaN past the end too.
        lengths: of each sequence.
        texts: what was read, where it was text.
        edited: the sequences in which the edit, if there was one, could be made; the others are as they were.
    """

    values: Mapping[Place, Float[Tensor, "time batch unit"]]
    logits: Float[Tensor, "time batch symbol"]
    lengths: Int[Tensor, " batch"]
    texts: Sequence[str] = ()
    edited: Sequence[bool] = ()

    def __repr__(self) -> str:
        sites = ", ".join(dict.fromkeys(site for _, site in self.values))
        return f"Trace of {len(self.lengths)} sequences, up to {len(self.logits)} steps: {sites}"

    @property
    def mask(self) -> Bool[Tensor, "time batch"]:
        """Where there is a step: false past the end of a sequence."""
        return torch.arange(len(self.logits), device=self.lengths.device).unsqueeze(1) < self.lengths

    def __getitem__(self, of: str | Site | Unit) -> Tensor:
        """Return a site by its word or name, ``[time batch unit]``, or one unit, ``[time batch]``.

        Raises:
            SpecError: it is not among those that were recorded, or several layers have it.
        """
        if not isinstance(of, str | Site | Unit):
            raise SpecError(f"trace[{of!r}]: expected a site or a unit, e.g. trace[cell] or trace[cell[3]]")
        if isinstance(of, Unit):
            values = self[of.site]
            if of.index >= values.shape[-1]:
                raise SpecError(f"{of}: {of.site} has units 0 to {values.shape[-1] - 1}")
            return values[..., of.index] * of.sign
        site = Site(of) if isinstance(of, str) else of
        matching = [place for place in self.values if place[1] == site.name]
        if site.layer_number is not None:
            matching = [place for place in matching if place[0] == site.layer_number]
        if not matching:
            known = dict.fromkeys(name for _, name in self.values)
            raise SpecError(f"{site} was not recorded{did_you_mean(site.name, known)}")
        if len(matching) > 1:
            raise SpecError(f"{site}: there are {len(matching)} layers: write trace[{site}.layer(0)]")
        return self.values[matching[0]]


def nan_past_end(values: Tensor, run: Activations) -> Tensor:
    """The values, NaN past the end of each sequence."""
    past_end = torch.from_numpy(np.isnan(run.sequences.steps))
    return values.masked_fill(past_end.unsqueeze(-1), math.nan)
