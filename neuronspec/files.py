"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from neuronspec.errors import ProjectError

UNFINISHED = ".unfinished"
"""How the names of files end that are being written: no reader ever asks for one, and none is anybody else's."""

FORSAKEN = 24 * 60 * 60.0
"""Seconds after which a file is taken for one whose writer was killed: to write one takes a moment."""


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
    """Remove what writers that were killed left in a folder; a process looks once."""
    with suppress(OSError):
        for file in folder.glob(f".*.{'[0-9a-f]' * 8}{UNFINISHED}"):
            with suppress(OSError):  # another process was faster, or it is not ours
                if time.time() - file.stat().st_mtime > FORSAKEN:
                    file.unlink()


def keep_out_of_git(folder: Path) -> None:
    """Let git pass over a folder of ours, as ``.pytest_cache`` does; unless it may not be written to."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text("*\n")
