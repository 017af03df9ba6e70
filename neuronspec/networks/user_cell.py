"""Whether a user's own cell does what a ``Cell`` must; see ``cells/cell.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from neuronspec.errors import did_you_mean
from neuronspec.language.units import SITES
from neuronspec.networks.cells.cell import Cell


def listed(words: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def types(tensors: Iterable[Tensor]) -> str:
    """Return the types of numbers, as ``float16 and float32``."""
    return listed(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors}))


def fault(cell: Cell, x: Tensor) -> str | None:
    """Return what is wrong with a cell, after one step on ``[batch input]`` with an edit of every value."""
    return _sites_fault(cell.sites) or _step_fault(cell, x)


def _sites_fault(sites: object) -> str | None:
    if not isinstance(sites, Mapping):
        return f"sites is {type(sites).__name__}, expected a mapping of site to number of units"
    for name, units in sites.items():
        if name not in SITES:
            return f"site {name!r} does not exist{did_you_mean(str(name), SITES)}"
        if type(units) is not int or units < 1:
            return f"sites[{name!r}]={units!r}, expected a whole number of units"
    return None if "hidden" in sites else f"sites has {listed(list(sites))}, and no hidden"


def _step_fault(cell: Cell, x: Tensor) -> str | None:
    state = cell.start(len(x))
    if not isinstance(state, dict):
        return f"start gives {type(state).__name__}, expected a dict of site to tensor"
    if "hidden" not in state:
        return f"start gives {listed(sorted(state)) or 'nothing'}, and no hidden"
    if not state.keys() <= cell.sites.keys():
        return f"start names {listed(sorted(state.keys() - cell.sites.keys()))}, which sites does not"
    edited: dict[str, Tensor] = {}
    twice: list[str] = []

    def edit(site: str, value: Tensor) -> Tensor:
        twice.extend([site] if site in edited else [])
        edited[site] = value + 0.5
        return edited[site]

    start_fault = _values_fault("start", state, {name: cell.sites[name] for name in state}, x)
    if start_fault is not None:
        return start_fault
    values = cell.step(x, state, edit)
    if twice:
        return f"step passes {listed(twice)} through edit twice"
    return _values_fault("step", values, cell.sites, x) or _edit_fault(cell.sites, values, edited)


def _values_fault(method: str, values: Any, sites: Mapping[str, int], like: Tensor) -> str | None:
    if not isinstance(values, Mapping):
        return f"{method} gives {type(values).__name__}, expected a dict of site to tensor"
    for site, units in sites.items():
        value = values.get(site)
        if not isinstance(value, Tensor):
            return f"{method} gives no tensor for {site}"
        if value.shape != (len(like), units):
            return f"{method} gives {site} as {list(value.shape)}, expected {[len(like), units]}"
        if value.dtype != like.dtype:
            return f"{method} gives {site} as {types([value])}, and the weights are {types([like])}"
    return None


def _edit_fault(sites: Mapping[str, int], values: Mapping[str, Tensor], edited: Mapping[str, Tensor]) -> str | None:
    missed = [site for site in sites if site not in edited]
    if missed:
        return f"step does not pass {listed(missed)} through edit(site, value)"
    unknown = sorted(edited.keys() - sites.keys())
    if unknown:
        return f"step passes {listed(unknown)} through edit, which sites does not name"
    for site in sites:
        if not torch.allclose(values[site], edited[site], equal_nan=True):
            return f"step does not return what edit made of {site}"
    return None
