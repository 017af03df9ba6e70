"""What units do while a network reads a text: the values behind ``neuronspec trace``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neuronspec.engine.runs.tracing import Network, trace
from neuronspec.errors import ProjectError, did_you_mean
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.models import tokens_of
from neuronspec.networks.tasks import Text
from neuronspec.networks.threads import one_thread
from neuronspec.pictures.picture import GATES, Series, scale

UNITS_SHOWN = 4
"""How many units are shown where none is named."""


@one_thread()
def series(
    network: Network, text: str, site: str | None = None, layer: int = 0, units: Sequence[int] = (), gates: bool = False
) -> list[Series]:
    """Return the values of some units at every character of a text.

    Args:
        site: the cell where None, or the hidden state of a network that has none.
        units: which; where none are named, those that vary most over the text.
        gates: add the gates of the same units.

    Raises:
        ProjectError: the network has no such layer, site or unit, or cannot read the text.
    """
    sizes = network.sizes
    sites = [name for number, name in sizes if number == layer]
    if not sites:
        last = max(number for number, _ in sizes)
        raise ProjectError(f"--layer {layer}: {network.name} has layers 0 to {last}")
    site = site or ("cell" if "cell" in sites else "hidden")
    if site not in sites:
        raise ProjectError(f"--site {site}: {network.name} has no such site{did_you_mean(site, sites)}")
    for unit in units:
        if unit >= sizes[layer, site]:
            raise ProjectError(f"--unit {unit}: {site} of {network.name} has units 0 to {sizes[layer, site] - 1}")
    if network.bridge:
        raise ProjectError(f"{network.name} is an encoder-decoder: it reads more than a text; see neuronspec draw")
    read: Text = text if isinstance(network.vocabulary, str) else tuple(text.split())
    _check_text(network, read)
    gate_sites = [name for name in sites if name in GATES and sizes[layer, name] == sizes[layer, site]] if gates else []
    run = trace(
        network, tokens_of([read], network.vocabulary).to(network.device), [(layer, s) for s in [site, *gate_sites]]
    )
    chosen = units or _most_varying(run.values[layer, site])
    layers = 1 + max(number for number, _ in sizes)
    return [
        _series(run.values, (layer, s), unit, layers) for unit in chosen for s in dict.fromkeys([site, *gate_sites])
    ]


def _check_text(network: Network, text: Text) -> None:
    if not text:
        raise ProjectError("--text: expected a text that is not empty")
    strange = [symbol for symbol in text if symbol not in network.vocabulary]
    if strange:
        few = ", ".join(map(repr, list(dict.fromkeys(strange))[:5]))
        what = "characters" if isinstance(text, str) else "words"
        raise ProjectError(f"--text: {len(strange)} {what} are not in the alphabet of {network.name}: {few}")


def _most_varying(values: Tensor) -> list[int]:
    """The units that vary most, in their order."""
    spread = values[:, 0].std(0, correction=0)
    return sorted(torch.topk(spread, min(UNITS_SHOWN, len(spread))).indices.tolist())


def _series(values: dict[Place, Tensor], place: Place, unit: int, layers: int) -> Series:
    layer, site = place
    unit_values = values[place][:, 0, unit].tolist()
    name = f"{site}.layer({layer})[{unit}]" if layers > 1 else f"{site}[{unit}]"
    return Series(name, unit_values, *scale(site, unit_values))
