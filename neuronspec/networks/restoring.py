"""Run a user's code and leave everything as it was."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(*parts: object) -> Iterator[None]:
    """Run modules as in eval mode; the ``training`` flag of every submodule is put back, also after an error.

    Only the flags are set: a ``train()`` that the user wrote is not called.
    """
    modules = [module for part in parts if isinstance(part, nn.Module) for module in part.modules()]
    training = [module for module in modules if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def same_randomness(device: torch.device) -> Iterator[None]:
    """Put the state of torch's generators back in the end."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hide warnings of torch and the user's code: they are not about our call, and a filter may make them errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Run cuDNN's layers in float32 throughout; by default, products on newer devices keep ten bits."""
    if device.type != "cuda":
        yield
        return
    allowed = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = False
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
