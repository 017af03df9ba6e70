"""The gate: every check of a network, and what they are run on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from neuronspec.networks.models import Model
from neuronspec.networks.parity.comparison import Finding, all_values, allowed_difference, check_finite
from neuronspec.networks.parity.fused_layers import fused_forms, stepped_is_fused
from neuronspec.networks.parity.module_forward import forward_is_adapted
from neuronspec.networks.parity.repeated_runs import (
    batched_is_single,
    edited_is_clean,
    padded_is_unpadded,
    resumed_is_whole,
)
from neuronspec.networks.restoring import full_precision, same_randomness
from neuronspec.networks.wrap import Adapted


def check(
    model: Model,
    inputs: Shaped[Tensor, "time batch *features"],
    lengths: Int[Tensor, " batch"],
    *,
    fused: Sequence[nn.Module | None] | None = None,
    forward: Callable[[Tensor], Any] | None = None,
) -> dict[str, float]:
    """Return the largest difference that each check found, by the name of the check.

    ``stepped = fused`` is left out where there is no fused form, ``resumed = whole`` where a layer reads backwards, and
    ``module's own forward`` where the model is no user's module. That one is NaN where the module cannot be copied or
    called with the inputs alone, or gives nothing like logits.

    Args:
        model: one network, not replicates.
        inputs: tokens or features; a few short sequences are enough (``sample``).
        lengths: of each sequence.
        fused: torch's own form of each recurrent part, None for a layer that has none; by default the user's
            modules, or those of torch with the same weights.
        forward: replaces the module's forward, and is called with inputs in the module's own layout.

    Raises:
        NetworkError: where a difference is above 1e-5 of the largest value, or of 1 (1e-9 in float64); or where the
            network gives NaN or infinity. A network with large weights may magnify float32's rounding above that: a
            difference that is gone in a copy in float64 is accepted, where such a copy can be made.
    """
    with torch.no_grad(), full_precision(inputs.device), same_randomness(inputs.device):
        forms = fused_forms(model) if fused is None else fused
        findings = _findings(model, inputs, lengths, forms, forward)
        faults = {name: fault for name, (_, fault) in findings.items() if fault is not None}
        in_double = _faults_in_double(model, inputs, lengths, forms, forward) if faults else None
        for name, fault in faults.items():
            if in_double is None or name in in_double:
                raise fault
    return {name: largest for name, (largest, _) in findings.items()}


def _findings(
    model: Model, inputs: Tensor, lengths: Tensor, forms: Sequence[nn.Module | None], forward: Any
) -> dict[str, Finding]:
    """What each check found; of several errors, the first is raised."""
    clean = all_values(model, inputs, lengths)
    check_finite(clean, lengths)  # before the tolerance: that of an infinite value would allow anything
    allowed = allowed_difference([*clean.values(), inputs], lengths)
    findings: dict[str, Finding] = {}
    if any(form is not None for form in forms):
        findings["stepped = fused"] = stepped_is_fused(model, forms, inputs, lengths, clean, allowed)
    findings["batched = single"] = batched_is_single(model, inputs, lengths, clean, allowed)
    findings["padded = unpadded"] = padded_is_unpadded(model, inputs, lengths, allowed)
    findings["no-op edit = clean"] = edited_is_clean(model, inputs, lengths, clean, allowed)
    if len(inputs) > 1 and all(layer.backwards is None for layer in model.layers):
        findings["resumed = whole"] = resumed_is_whole(model, inputs, lengths, clean, allowed)
    if isinstance(model, Adapted):
        findings["module's own forward"] = forward_is_adapted(model, inputs, forward)
    return findings


def _faults_in_double(
    model: Model, inputs: Tensor, lengths: Tensor, forms: Sequence[nn.Module | None], forward: Any
) -> set[str] | None:
    """The checks that a copy in float64 fails too; None where it cannot be copied or run so."""
    try:
        twin, forms, forward = copy.deepcopy((model, forms, forward))  # in one call: they may share modules
        parts = [*vars(twin).values(), *twin.recurrent] if isinstance(twin, Adapted) else [twin]
        for part in (*parts, *forms, forward):
            if isinstance(part, nn.Module):
                part.double()
        inputs = inputs.double() if inputs.is_floating_point() else inputs
        with same_randomness(inputs.device):
            findings = _findings(twin, inputs, lengths, forms, forward)
    except Exception:  # functions of the user's that hold float32 tensors fail in any way
        return None
    return {name for name, (largest, fault) in findings.items() if fault is not None or isnan(largest)}


def sample(model: Any, seed: int = 0, time: int = 8, batch: int = 4) -> tuple[Tensor, Int[Tensor, " batch"]]:
    """Return a few random sequences that the model reads, time first, and their lengths; the first is the longest.

    Raises:
        NetworkError: where only the user's own embedding knows what it reads.
    """
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, time + 1, (batch,), generator=generator)
    lengths[0] = time
    vocabulary = model.vocabulary if isinstance(model, Adapted) else model.symbols
    device = model.device if isinstance(model, Adapted) else next(model.parameters()).device
    if vocabulary is not None:
        return torch.randint(vocabulary, (time, batch), generator=generator).to(device), lengths.to(device)
    if not model.reads_features:
        raise model.error(f"cannot make inputs for the embedding {model.parts['embedding']}: give some, or an alphabet")
    features = torch.randn(time, batch, model.inputs, generator=generator, dtype=model.dtype)
    return features.to(device), lengths.to(device)
