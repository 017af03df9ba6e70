"""Networks for whoever asks: from the store, or trained now, in blocks on all cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from joblib import Parallel, delayed
from torch import Tensor

from neuronspec.networks.store import RecipeStore, Unsaved, train_missing
from neuronspec.networks.tasks import Example, Task
from neuronspec.networks.training import block_of, blocks_of
from neuronspec.watcher import Watcher

Weights: TypeAlias = Path | Mapping[str, Tensor]
"""The file of a stored network, or the weights of one that could not be stored."""

PROGRESS_EVERY = 20
"""Training steps between two notes of how far a block is."""


def obtain(shelf: RecipeStore, task: Task, seeds: Sequence[int], jobs: int, watcher: Watcher) -> dict[int, Weights]:
    """Return the weights of each seed, after training those that are not stored.

    Raises:
        StoreError: before any training, where nothing could be kept.
    """
    missing = [seed for seed in seeds if shelf.load(seed, watcher.warn) is None]
    homeless = _train(shelf, task, missing, jobs, watcher) if missing else {}
    return {seed: homeless.get(seed, shelf.weights_file(seed)) for seed in seeds}


def _train(
    shelf: RecipeStore, task: Task, missing: Sequence[int], jobs: int, watcher: Watcher
) -> dict[int, dict[str, Tensor]]:
    """Train the blocks that hold the missing seeds; return the weights that could not be stored."""
    shelf.check_writable()
    corpus, blocks = task.draw("corpus"), blocks_of(missing, shelf.recipe)
    for block in blocks:  # a process that was killed left its note; one that still trains writes another
        _forget(_note(shelf, block))
    wanted = [[seed for seed in missing if seed in block] for block in blocks]
    with _watched(shelf, blocks, watcher):
        kept = Parallel(n_jobs=min(jobs, len(blocks)))(delayed(_train_block)(shelf, corpus, seeds) for seeds in wanted)
    homeless = {seed: weights for block in kept for seed, weights in block.weights.items()}
    if homeless:
        reason = next(block.reason for block in kept if block.reason)
        watcher.warn(
            f"{shelf.name}: {len(homeless)} trained networks could not be written to {shelf.folder}: {reason}; "
            "they are used for this run and will have to be trained again"
        )
    return homeless


def _train_block(shelf: RecipeStore, corpus: Sequence[Example], seeds: Sequence[int]) -> Unsaved:
    """The work of one process: it notes how far it is in a file that the driver reads."""
    note = _note(shelf, block_of(seeds[0], shelf.recipe))

    def progress(step: int) -> None:
        if step % PROGRESS_EVERY == 0:
            with suppress(OSError):
                note.write_text(str(step))

    try:
        return train_missing(shelf, corpus, seeds, progress)
    finally:
        _forget(note)


def _forget(note: Path) -> None:
    with suppress(OSError):
        note.unlink(missing_ok=True)


def _note(shelf: RecipeStore, block: range) -> Path:
    return shelf.folder / f"block-{block.start}.steps"


@contextmanager
def _watched(shelf: RecipeStore, blocks: Sequence[range], watcher: Watcher) -> Iterator[None]:
    """Tell the watcher how far training is, until it is done."""
    over, total = threading.Event(), shelf.recipe.steps * len(blocks)

    def look() -> None:
        furthest = [0] * len(blocks)
        while not over.wait(0.2):
            for index, block in enumerate(blocks):
                with suppress(OSError, ValueError):
                    furthest[index] = max(furthest[index], int(_note(shelf, block).read_text()))
            watcher.training(shelf.name, sum(furthest), total)

    thread = threading.Thread(target=look, daemon=True)
    watcher.training(shelf.name, 0, total)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    watcher.training(shelf.name, total, total)
