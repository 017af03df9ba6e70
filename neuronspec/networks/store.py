"""Train once, load ever after.

A network is two files: ``seed-7.safetensors`` and its card ``seed-7.json``, in a folder named after the recipe and
a key of all that decides the weights. The card is written last and holds a checksum of the weights: a network
without a matching card counts as not stored.
"""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from filelock import FileLock
from safetensors.torch import load, save
from torch import Tensor

from neuronspec import schema
from neuronspec.errors import StoreError
from neuronspec.files import write_atomically
from neuronspec.networks.models import build
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example, Task, Text
from neuronspec.networks.training import TRAINING, Trained, block_of, train_block

CARD_SCHEMA = 1


@dataclass(frozen=True)
class RecipeStore:
    """The folder of one recipe's networks in the store, and what they are made from."""

    folder: Path
    name: str
    recipe: Recipe
    vocabulary: Text
    corpus_hash: str
    ends: bool = True

    @classmethod
    def of(cls, store: Path, name: str, task: Task, recipe: Recipe) -> RecipeStore:
        """Return the store of a recipe; ``name`` is its full name, e.g. ``counting/lstm``."""
        corpus_hash = task.corpus_hash()
        facts: dict[str, object] = {"recipe": recipe.facts(), "vocabulary": task.vocabulary}
        facts |= {"corpus": corpus_hash, "training": TRAINING}
        if recipe.until is not None:
            facts["events"] = [example.events.get(recipe.until[0]) for example in task.draw("corpus")]
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
        # name@full shares the folder: where the recipe has no larger size, it is the same network.
        base = name.partition("@")[0].replace("/", "-")
        folder = store / "networks" / f"{base}-{key}"
        return cls(folder, name, recipe, task.vocabulary, corpus_hash, task.ends)

    @property
    def made_of(self) -> dict[str, Any]:
        """What its networks are made of, as JSON data; not their weights, which differ between machines."""
        facts = json.loads(json.dumps(self.recipe.facts()))
        return {"key": self.folder.name.rpartition("-")[2], "corpus": self.corpus_hash, "recipe": facts}

    def weights_file(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}.safetensors"

    def card_file(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}.json"

    def load(self, seed: int, warn: Callable[[str], None] = warnings.warn) -> dict[str, Tensor] | None:
        """Return the weights of a seed, or None where there are none.

        A file that is cut short, foreign or of the wrong shape is set aside with a warning.
        """
        if not self.card_file(seed).exists():
            return None
        try:
            return self._read(seed)
        except (StoreError, OSError, safetensors.SafetensorError) as error:
            warn(self._set_aside(seed, error))
            return None

    def _read(self, seed: int) -> dict[str, Tensor]:
        card = self._read_card(seed)
        data = self.weights_file(seed).read_bytes()
        if (card.get("schema"), card.get("seed")) != (CARD_SCHEMA, seed):
            raise StoreError(f"its card is for schema {card.get('schema')!r:.60}, seed {card.get('seed')!r:.60}")
        if hashlib.sha256(data).hexdigest() != card.get("sha256"):
            raise StoreError("the weights are not those that its card describes")
        weights = load(data)
        shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        expected = {n: tuple(p.shape) for n, p in build(self.recipe, len(self.vocabulary)).named_parameters()}
        if shapes != expected:
            raise StoreError("the weights do not have the recipe's shapes")
        return weights

    def _read_card(self, seed: int) -> dict[str, Any]:
        try:
            card = schema.loads(self.card_file(seed).read_text("utf-8"))
        except ValueError:  # of JSON and of UTF-8
            raise StoreError("its card is cut short, or no JSON") from None
        if not isinstance(card, dict):
            raise StoreError("its card is no JSON object")
        return card

    def _set_aside(self, seed: int, error: Exception) -> str:
        """Rename files that cannot be read, so that they are neither lost nor in the way; return the warning."""
        aside = [file for file in (self.card_file(seed), self.weights_file(seed)) if file.exists()]
        try:
            for file in aside:
                with suppress(FileNotFoundError):  # another process, which saw the same, has set it aside
                    file.rename(file.with_name(file.name + ".set-aside"))
        except OSError as unwritable:
            raise StoreError(f"{self.card_file(seed)} cannot be read ({error}) nor set aside ({unwritable})") from error
        names = " and ".join(file.name for file in aside)
        return f"{self.name} seed {seed}: {error}; {names} in {self.folder} set aside, the network is trained again"

    def save(self, trained: Trained) -> None:
        """Write weights, then card, each whole or not at all."""
        data = save({name: tensor.contiguous() for name, tensor in trained.weights.items()})
        card = {
            "schema": CARD_SCHEMA,
            "network": self.name,
            "seed": trained.seed,
            "recipe": self.recipe.facts(),
            "vocabulary": self.vocabulary,
            "corpus": self.corpus_hash,
            "training": TRAINING,
            "sha256": hashlib.sha256(data).hexdigest(),
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
            "curve": trained.curve,
        }
        write_atomically(self.weights_file(trained.seed), data)
        write_atomically(self.card_file(trained.seed), json.dumps(card, indent=1).encode())

    def lock(self, block: range) -> FileLock:
        """Return the lock under which a block is trained; it is released when the process that holds it ends."""
        file = self.folder / f"block-{block.start}.lock"
        if file.is_dir():
            raise StoreError(f"{file} is a folder where a lock file should be: remove it")
        return FileLock(file)

    def check_writable(self) -> None:
        """Raise StoreError, before any time is spent, where a trained network could not be saved."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / ".writable", b"")
            (self.folder / ".writable").unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot write to {self.folder}: {error.strerror}; "
                "what is trained would be lost. Free the disk, change the rights, or name another folder with --store"
            ) from None


@dataclass(frozen=True)
class Unsaved:
    """Weights, by seed, of trained networks that could not be written to the store, and why."""

    weights: dict[int, dict[str, Tensor]]
    reason: str = ""


def train_missing(
    store: RecipeStore,
    corpus: Sequence[Example],
    seeds: Sequence[int],
    progress: Callable[[int], None] = lambda step: None,
) -> Unsaved:
    """Train the block that holds ``seeds`` unless its networks are stored, and store it.

    A second process that needs the same block waits for the lock, and then loads what the first one stored.
    """
    block = block_of(seeds[0], store.recipe)
    with store.lock(block):
        missing = [seed for seed in block if store.load(seed) is None]
        if not set(missing) & set(seeds):
            return Unsaved({})
        trained = train_block(store.recipe, corpus, store.vocabulary, block, progress, store.ends)
        return _save_all(store, [network for network in trained if network.seed in missing])


def _save_all(store: RecipeStore, networks: list[Trained]) -> Unsaved:
    unsaved = Unsaved({})
    for network in networks:
        try:
            store.save(network)
        except OSError as error:
            weights = unsaved.weights | {network.seed: network.weights}
            unsaved = Unsaved(weights, error.strerror or str(error))
    return unsaved
