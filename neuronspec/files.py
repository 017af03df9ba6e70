"""Writing files so that no reader ever sees half of one."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from neuronspec.errors import ProjectError

UNFINISHED = ".unfinished"
"""The ending of files that are being written: no reader looks for it, and no other program uses it."""

FORSAKEN = 24 * 60 * 60.0
"""Seconds after which an unfinished file counts as left by a killed writer: writing one takes a moment."""


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
    path = path.resolve()  # a symbolic link stays, and its target is replaced
    if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@cache
def _clear(folder: Path) -> None:
    """Remove unfinished files of killed writers from a folder, once per process."""
    with suppress(OSError):
        for file in folder.glob(f".*.{'[0-9a-f]' * 8}{UNFINISHED}"):
            with suppress(OSError):  # another process was faster, or it is not ours
                if time.time() - file.stat().st_mtime > FORSAKEN:
                    file.unlink()


def keep_out_of_git(folder: Path) -> None:
    """Let git ignore a folder of ours, as ``.pytest_cache`` does; do nothing where it is not writable."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text("*\n")
