"""A user's trained networks: weights from her file, in the module that her function builds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from neuronspec.errors import NeuronspecError, TaskError
from neuronspec.networks.recipes import checkpoint
from neuronspec.networks.tasks import Task, Text
from neuronspec.networks.weights import put_weights, read_weights
from neuronspec.networks.wrap import Adapted, adapt


def vocabulary_of(recipe: checkpoint, task: Task, name: str) -> Text:
    """Return the symbols of a checkpoint in the order of its tokens.

    Raises:
        TaskError: it does not read all that the task writes.
    """
    vocabulary = task.vocabulary if recipe.alphabet is None else recipe.alphabet
    missing = [symbol for symbol in task.vocabulary if symbol not in vocabulary]
    if missing:
        few = ", ".join(map(repr, missing[:10]))
        raise TaskError(f"{name}: its alphabet lacks {len(missing)} symbols of task {task.name}: {few}")
    if task.ends and vocabulary[-1] != task.end:
        raise TaskError(f"{name}: the symbol that ends a sequence, end={task.end!r}, must be its last; or end=None")
    return vocabulary


def load(recipe: checkpoint, root: Path, name: str, seed: int, symbols: int) -> Adapted:
    """Return the trained network of a seed.

    Args:
        root: the folder that files are named from.
        symbols: how many tokens it reads and predicts.

    Raises:
        NeuronspecError: file and module do not fit, or the file does not exist; the message names the recipe.
    """
    file = file_of(recipe, root, seed)
    module = _built(recipe, name, seed)
    try:
        put_weights(module, read_weights(file), file.name)
        return _adapted(module, recipe, symbols)
    except NeuronspecError as error:
        raise type(error)(f"{name}: {error}") from error


def made_of(recipe: checkpoint, root: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return what identifies the networks of a checkpoint, as JSON data."""
    files = {seed: file_of(recipe, root, seed) for seed in seeds}
    sums = {str(seed): hashlib.sha256(file.read_bytes()).hexdigest() for seed, file in files.items()}
    return {"checkpoint": str(recipe.file), "sha256": sums}


def file_of(recipe: checkpoint, root: Path, seed: int) -> Path:
    """Return the file of a seed."""
    return root / str(recipe.file).replace("{seed}", str(seed))


def untrained_twin(recipe: checkpoint, trained: Adapted, name: str, seed: int, symbols: int) -> Adapted | None:
    """Return the module with the weights it is built with; None where those are the trained ones."""
    module = _built(recipe, name, seed)
    fresh, loaded = module.state_dict(), trained.module.state_dict()
    if all(torch.equal(fresh[key], loaded[key]) for key in fresh):
        return None
    return _adapted(module, recipe, symbols)


def _adapted(module: nn.Module, recipe: checkpoint, symbols: int) -> Adapted:
    return adapt(
        module,
        symbols=symbols,
        embedding=recipe.embedding,
        recurrent=recipe.recurrent,
        read_out=recipe.read_out,
        batch_first=recipe.batch_first,
    )


def _built(recipe: checkpoint, name: str, seed: int) -> nn.Module:
    """A module with fresh weights, drawn from the seed; torch's own random state stays as it is."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = recipe.build()
    except Exception as error:  # build is the user's code, and may fail in any way
        raise TaskError(f"{name}: build raised {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise TaskError(f"{name}: build returned {type(module).__name__}, expected a torch.nn.Module")
    return module.requires_grad_(False)
