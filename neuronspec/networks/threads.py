"""One thread for what is judged: how sums are split among threads decides their last digits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that sums are added up in the same order; puts the numbers of threads back.

    That goes for torch and for every other library with a pool of threads: the BLAS of numpy, that of scipy, OpenMP.
    """
    threads = torch.get_num_threads()  # before the pools are set: one of them is torch's own
    torch.set_num_threads(1)
    try:
        with _pools(len(sys.modules)).limit(limits=1):
            yield
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:
    """The pools of all libraries. To look for them takes a millisecond or two: once, until more modules are loaded."""
    return ThreadpoolController()
