"""The family of exceptions, and "did you mean".

NeuronspecError
├── SpecError      words of a spec that cannot be meant; raised where they are written
├── TaskError      a task or recipe that contradicts itself, or is not there
├── ProjectError   a folder, file or option that does not fit
├── StoreError     a network that cannot be written or read
├── NetworkError   a network that computes nonsense (NaN)
└── Undecidable    too little to judge by; becomes the verdict *undecided*, never a crash

Catch ``NeuronspecError`` for "the set-up is wrong"; anything else that escapes is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class NeuronspecError(Exception):
    """Anything that a user can put right."""


class SpecError(NeuronspecError):
    """A spec says something that has no meaning."""


class TaskError(NeuronspecError):
    """A task or recipe contradicts itself or does not exist."""


class ProjectError(NeuronspecError):
    """A folder, a file or an option does not fit."""


class StoreError(NeuronspecError):
    """A network cannot be written to the store or read from it."""


class NetworkError(NeuronspecError):
    """A network computes something that no verdict can rest on."""


class Undecidable(NeuronspecError):
    """There is too little to judge a claim by."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or the known words where none is near."""
    words = sorted(set(known))
    return nearest(word, words) or (f"; known: {', '.join(words)}" if words else "; none are known")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or nothing where no known word is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
