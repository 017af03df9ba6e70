"""What may have influenced the numbers of a run; neither host nor user, nor any path."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from neuronspec.runner import cores

PACKAGES = ("neuronspec", "torch", "numpy", "scikit-learn")
PATIENCE = 5.0
"""Seconds to wait for git: a commit is worth knowing, but not worth waiting for."""

Corpora: TypeAlias = Mapping[str, Path]
"""The text files that tasks were made from in a run, by task name."""

NONE: Corpora = MappingProxyType({})


def environment(root: Path | None = None, corpora: Corpora = NONE, jobs: int | None = None) -> dict[str, Any]:
    """Return the circumstances of a run of the project in a folder."""
    return {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "machine": platform.machine(),
        "cores": cores(),
        "jobs": jobs or cores(),
        "threads": 1,  # per process: sums in another number of threads would round differently
        "device": "cpu",
        "commit": _commit(root) if root else None,
        "corpora": {
            task: {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for task, file in corpora.items()
        },
    }


def _commit(root: Path) -> dict[str, Any] | None:
    """The commit that is checked out, and whether files differ from it; None where there is none."""
    try:
        head, status = (_git(root, *words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None
    return {"id": head.strip(), "dirty": bool(status.strip())}


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), "--no-optional-locks", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
