"""Weights of the seeds that a run needs: from the store, or trained now, in blocks on all cores."""

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

StoredWeights: TypeAlias = Path | Mapping[str, Tensor]
"""The file of a stored network, or the weights of one that was trained and could not be stored."""

PROGRESS_EVERY = 20
"""Training steps between two writes of a block's progress file."""


def obtain(
    store: RecipeStore, task: Task, seeds: Sequence[int], jobs: int, watcher: Watcher
) -> dict[int, StoredWeights]:
    """Return the weights of each seed, after training those that are not stored.

    Raises:
        StoreError: before any training, where the store cannot be written to.
    """
    missing = [seed for seed in seeds if store.load(seed, watcher.warn) is None]
    unsaved = _train(store, task, missing, jobs, watcher) if missing else {}
    return {seed: unsaved.get(seed, store.weights_file(seed)) for seed in seeds}


def _train(
    store: RecipeStore, task: Task, missing: Sequence[int], jobs: int, watcher: Watcher
) -> dict[int, dict[str, Tensor]]:
    """Train the blocks that hold the missing seeds; return the weights that could not be stored."""
    store.check_writable()
    corpus, blocks = task.draw("corpus"), blocks_of(missing, store.recipe)
    for block in blocks:  # a killed process left its file behind; one that still trains writes it again
        _delete(_progress_file(store, block))
    seeds_by_block = [[seed for seed in missing if seed in block] for block in blocks]
    with _watched(store, blocks, watcher):
        parallel = Parallel(n_jobs=min(jobs, len(blocks)))
        unsaved_blocks = parallel(delayed(_train_block)(store, corpus, seeds) for seeds in seeds_by_block)
    unsaved = {seed: weights for block in unsaved_blocks for seed, weights in block.weights.items()}
    if unsaved:
        reason = next(block.reason for block in unsaved_blocks if block.reason)
        watcher.warn(
            f"{store.name}: {len(unsaved)} trained networks could not be written to {store.folder}: {reason}; "
            "they are used for this run and will have to be trained again"
        )
    return unsaved


def _train_block(store: RecipeStore, corpus: Sequence[Example], seeds: Sequence[int]) -> Unsaved:
    """The work of one process; the driver reads its progress from a file."""
    file = _progress_file(store, block_of(seeds[0], store.recipe))

    def progress(step: int) -> None:
        if step % PROGRESS_EVERY == 0:
            with suppress(OSError):
                file.write_text(str(step))

    try:
        return train_missing(store, corpus, seeds, progress)
    finally:
        _delete(file)


def _delete(file: Path) -> None:
    with suppress(OSError):  # progress is for show: no training may fail because of it
        file.unlink(missing_ok=True)


def _progress_file(store: RecipeStore, block: range) -> Path:
    return store.folder / f"block-{block.start}.steps"


@contextmanager
def _watched(store: RecipeStore, blocks: Sequence[range], watcher: Watcher) -> Iterator[None]:
    """Tell the watcher how far training is, until it is done."""
    done, total = threading.Event(), store.recipe.steps * len(blocks)

    def report() -> None:
        steps = [0] * len(blocks)  # the most seen: a block that is done has deleted its file
        while not done.wait(0.2):
            for index, block in enumerate(blocks):
                with suppress(OSError, ValueError):
                    steps[index] = max(steps[index], int(_progress_file(store, block).read_text()))
            watcher.training(store.name, sum(steps), total)

    thread = threading.Thread(target=report, daemon=True)
    watcher.training(store.name, 0, total)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    watcher.training(store.name, total, total)
