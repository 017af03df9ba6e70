"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from neuronspec.errors import ProjectError


def check_target(path: Path, what: str = "the run") -> None:
    """Raise ProjectError, before any work is done, where a file could not be written."""
    folder = path.resolve().parent
    if path.is_dir() or not str(path).strip("."):
        raise ProjectError(f"cannot write {what} to {path}: it is a folder")
    if folder.exists() and not os.access(folder, os.W_OK):
        raise ProjectError(f"cannot write {what} to {path}: {folder} is not writable")
    if any(parent.exists() and not parent.is_dir() for parent in folder.parents) or folder.is_file():
        raise ProjectError(f"cannot write {what} to {path}: {folder} is not a folder")


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, flush it to the disk, and only then give it that name."""
    path = path.resolve()  # a link goes on to point at it
    if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
