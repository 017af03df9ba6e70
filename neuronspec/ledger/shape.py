"""What a file of ours must look like: a shape raises ``Misfit`` for the first value that does not fit.

A file may have been cut short, merged, edited by hand or made by somebody else. Nothing in it is taken on trust.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Shape: TypeAlias = Callable[[Any, str], None]
"""Takes a value, and where it stands in the file."""

LARGEST = 1e300
"""No number of ours is larger; JSON has whole numbers of any size, and arithmetic then fails far away."""

MOST_SHOWN = 60
"""Characters of a value in a message."""


class Misfit(ValueError):
    """A value is not what it should be; says which, where, and what was expected."""


def misfit(value: object, at: str, expected: str) -> Misfit:
    return Misfit(f"{at}={value!r:.{MOST_SHOWN}}: expected {expected}")


def loads(text: str) -> Any:
    """Return JSON data.

    Raises:
        ValueError: it is no JSON, has NaN in it, or a name twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_all_different, parse_constant=_refuse)
    except RecursionError:  # a hundred thousand brackets deep
        raise ValueError("it is nested too deeply") from None


def _all_different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for n, (name, _) in enumerate(pairs) if name in dict(pairs[:n]))
        raise ValueError(f"it has {twice!r:.{MOST_SHOWN}} twice")
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"it holds {word}, which is no JSON")


def where(test: Callable[[Any], bool], expected: str) -> Shape:
    """The shape of values that pass a test."""

    def shape(value: Any, at: str) -> None:
        if not test(value):
            raise misfit(value, at, expected)

    return shape


def one_of(*words: str) -> Shape:
    return where(lambda value: isinstance(value, str) and value in words, f"one of {', '.join(words)}")


def optional(inner: Shape) -> Shape:
    """The shape of what may also be null."""

    def shape(value: Any, at: str) -> None:
        if value is not None:
            inner(value, at)

    return shape


def listing(inner: Shape) -> Shape:
    def shape(value: Any, at: str) -> None:
        if not isinstance(value, list):
            raise misfit(value, at, "a list")
        for number, item in enumerate(value):
            inner(item, f"{at}[{number}]")

    return shape


def mapping(inner: Shape) -> Shape:
    """The shape of an object whose names are free."""

    def shape(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise misfit(value, at, "an object")
        for name, item in value.items():
            inner(item, f"{at}[{name!r:.{MOST_SHOWN}}]")

    return shape


def record(fields: Mapping[str, Shape]) -> Shape:
    """The shape of an object that has these fields; it may have others."""

    def shape(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise misfit(value, at, "an object")
        for name, inner in fields.items():
            inner(value.get(name), f"{at}.{name}" if at else name)

    return shape


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST < value < LARGEST


text = where(lambda value: isinstance(value, str), "a text")
name = where(lambda value: isinstance(value, str) and value != "", "a text that is not empty")
number = where(_is_number, "a number")
positive = where(lambda value: _is_number(value) and value >= 0, "a number of at least 0")
whole = where(lambda value: type(value) is int and 0 <= value < 2**63, "a whole number of at least 0")
flag = where(lambda value: isinstance(value, bool), "true or false")
anything: Shape = lambda value, at: None  # noqa: E731  # it is one


def pair(value: Any, at: str) -> None:
    """Two ends, the lower one first; or two nulls."""
    if not isinstance(value, list) or len(value) != 2:
        raise misfit(value, at, "two numbers")
    for end in value:
        optional(number)(end, at)
    if (value[0] is None) != (value[1] is None):
        raise misfit(value, at, "two numbers, or none")
    if value[0] is not None and value[0] > value[1]:
        raise misfit(value, at, "the lower end first")
