"""A network against itself: alone, without padding, with an edit that changes nothing, and resumed half-way."""

from __future__ import annotations

import torch
from torch import Tensor

from neuronspec.networks.models import Model
from neuronspec.networks.parity.comparison import Comparison, Finding, Values, all_places, all_values, with_logits

PADDING = 2
"""Steps of padding that are added behind a sequence."""


def batched_is_single(model: Model, inputs: Tensor, lengths: Tensor, clean: Values, allowed: float) -> Finding:
    """Compare each sequence in the batch with the same sequence alone."""
    comparison = Comparison("batched and single runs", allowed)
    for row in range(inputs.shape[1]):
        one = slice(row, row + 1)
        for place, values in all_values(model, inputs[:, one], lengths[one]).items():
            comparison.add(place, clean[place][:, one], values, lengths=lengths[one])
    return comparison.finding()


def padded_is_unpadded(model: Model, inputs: Tensor, lengths: Tensor, allowed: float) -> Finding:
    """Compare each sequence alone with itself followed by padding.

    The padding repeats its first input, which any embedding of the user's can read.
    """
    comparison = Comparison("padded and unpadded runs", allowed)
    for row, length in enumerate(lengths.tolist()):
        sequence, ends = inputs[:length, row : row + 1], lengths[row : row + 1]
        padded = all_values(model, torch.cat([sequence, *[sequence[:1]] * PADDING]), ends)
        for place, values in all_values(model, sequence, ends).items():
            comparison.add(place, padded[place][:length], values)
    return comparison.finding()


def edited_is_clean(model: Model, inputs: Tensor, lengths: Tensor, clean: Values, allowed: float) -> Finding:
    """Compare a run with an edit that changes nothing with one without."""
    comparison = Comparison("runs with an edit that changes nothing and without", allowed)
    # A copy: a step that runs in place writes nothing where an edit returns the tensor it was given.
    edited = all_values(model, inputs, lengths, lambda layer, site, step, value: value.clone())
    for place, values in edited.items():
        comparison.add(place, values, clean[place], lengths=lengths)
    return comparison.finding()


def resumed_is_whole(model: Model, inputs: Tensor, lengths: Tensor, clean: Values, allowed: float) -> Finding:
    """Compare a run resumed half-way with the second half of the whole run.

    An embedding or a read-out that looks at other steps gives other values there.
    """
    comparison, half = Comparison("resumed and whole runs", allowed), len(inputs) // 2
    _, states, _ = model(inputs[:half])
    logits, _, resumed = model(inputs[half:], states, record=all_places(model.layers))
    ends = (lengths - half).clamp(min=0)
    for place, values in with_logits(model, resumed, logits).items():
        comparison.add(place, values, clean[place][half:], first=half, lengths=ends)
    return comparison.finding()
