"""Annotations for GitHub Actions: a sentence shown beside the line of the spec that it is about."""

from __future__ import annotations

import os
from pathlib import Path

from neuronspec.collection import line_of


def wanted() -> bool:
    """Whether this runs in GitHub Actions, which reads annotations from what is printed."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotation(root: Path, id: str, says: str) -> str:
    """Return the workflow command that makes GitHub show a sentence beside its claim.

    Args:
        root: of the project, where the file of the id begins.

    Source: GitHub, Workflow commands for GitHub Actions, "Setting an error message".
    """
    file, _, rest = id.partition("::")
    spec, _, sentence = rest.partition("::")
    line = line_of(root / file, sentence, spec)
    place = f"file={_property(_in_repository(root / file))}" + (f",line={line}" if line else "")
    return f"::error {place},title={_property(rest or file)}::{_data(says)}"


def _in_repository(file: Path) -> str:
    """A file's path in the repository, as GitHub needs it; the project may be a folder inside."""
    folder = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    for base in (folder, folder.resolve()):
        if file.is_relative_to(base):
            return file.relative_to(base).as_posix()
    return file.as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
