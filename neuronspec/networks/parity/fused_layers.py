"""Our stepped layers against torch's fused ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from neuronspec.networks.models import LanguageModel, Model
from neuronspec.networks.parity.comparison import Comparison, Finding, Values
from neuronspec.networks.recurrent import Layer, Recurrent, run
from neuronspec.networks.restoring import evaluating, without_warnings
from neuronspec.networks.wrap import Adapted

PREFIXES = 8
"""The longest prefix whose last states are compared, beside the whole sequence: each costs a run of both."""


def fused_forms(model: Model) -> Sequence[nn.Module | None]:
    """Return torch's own form of each recurrent part; none for a kind that torch does not have."""
    if isinstance(model, Adapted):
        return model.fused
    return [_as_torch(model.recurrent)] if isinstance(model, LanguageModel) and model.recurrent.kind.torch else []


def _as_torch(ours: Recurrent) -> nn.Module:
    """Torch's module with our weights, made without drawing random ones first."""
    weights = ours.state_dict()
    like = weights["weight_ih_l0"]
    name, _, nonlinearity = str(ours.kind.torch).partition("_")
    options = {"nonlinearity": nonlinearity.lower()} if nonlinearity else {}
    fused = getattr(nn, name)(like.shape[1], ours.units, ours.depth, device="meta", dtype=like.dtype, **options)
    fused.to_empty(device=like.device)
    fused.load_state_dict(weights)
    return fused


def stepped_is_fused(
    model: Any, forms: Sequence[nn.Module | None], inputs: Tensor, lengths: Tensor, clean: Values, allowed: float
) -> Finding:
    """Compare every fused part with our layers.

    Each reads the output of our layers before it, so that a difference arises in that part alone.
    """
    comparison = Comparison("stepped and fused runs", allowed)
    layers, first = model.layers, 0
    for form in forms:
        depth = getattr(form, "num_layers", 1)
        if form is not None:
            reads = clean[first - 1, "hidden"] if first else model.embed(inputs)
            with evaluating(form), without_warnings():
                _compare_form(comparison, form, layers[first : first + depth], first, reads, lengths)
        first += depth
    return comparison.finding()


def _compare_form(
    comparison: Comparison, form: nn.Module, layers: Sequence[Layer], first: int, inputs: Tensor, lengths: Tensor
) -> None:
    """Compare the output at every step, and the last states of every prefix: torch returns no other states."""
    time, top = len(inputs), len(layers) - 1
    states = [(number, site) for number, layer in enumerate(layers) for site in layer.start(1)]
    for steps in {*range(1, min(time, PREFIXES) + 1), time}:
        ends = lengths.clamp(max=steps)
        output, last = _fused_run(form, inputs[:steps], ends)
        _, _, ours = run(layers, inputs[:steps], record={*states, (top, "hidden")}, lengths=ends)
        for number, site in states:
            state = _last(ours[number, site], ends, layers[number].backwards is not None)
            comparison.add((first + number, site), state.unsqueeze(0), last[site][number].unsqueeze(0), first=steps - 1)
        comparison.add((first + top, "hidden"), ours[top, "hidden"], output, lengths=ends)


def _last(
    values: Float[Tensor, "time batch unit"], ends: Int[Tensor, " batch"], both: bool
) -> Float[Tensor, "batch unit"]:
    """The state after the last step of each direction: the first half of the units reads forwards."""
    last = values[ends - 1, torch.arange(len(ends), device=ends.device)]
    half = values.shape[2] // 2
    return torch.cat([last[:, :half], values[0, :, half:]], -1) if both else last


def _fused_run(
    form: Any, inputs: Tensor, lengths: Tensor
) -> tuple[Float[Tensor, "time batch unit"], Mapping[str, Sequence[Tensor]]]:
    """The hidden states of the last layer, and for every layer its last ``hidden`` (and ``cell``)."""
    if isinstance(form, nn.RNNCellBase):
        return _looped(form, inputs, lengths)
    output, last = form(pack_padded_sequence(inputs, lengths.cpu(), enforce_sorted=False))
    states = last if isinstance(last, tuple) else (last,)
    shape = (form.num_layers, 2 if form.bidirectional else 1)
    sides = [list(state.unflatten(0, shape).movedim(1, 2).flatten(2)) for state in states]
    return pad_packed_sequence(output, total_length=len(inputs))[0], dict(zip(("hidden", "cell"), sides, strict=False))


def _looped(
    form: nn.Module, inputs: Tensor, lengths: Tensor
) -> tuple[Float[Tensor, "time batch unit"], Mapping[str, Sequence[Tensor]]]:
    """The same for a cell, called once per step; what it gives past the end of a sequence is not read."""
    state, tapes = None, []
    for x in inputs:
        state = form(x, state)
        tapes.append(state if isinstance(state, tuple) else (state,))
    whole = [torch.stack(tape) for tape in zip(*tapes, strict=True)]
    return whole[0], {
        name: [_last(tape, lengths, False)] for name, tape in zip(("hidden", "cell"), whole, strict=False)
    }
