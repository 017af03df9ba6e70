"""Checks of JSON files: a shape is a function that raises ``Misfit`` for the first value that does not fit.

A file may have been cut short, merged, edited by hand or made by somebody else. So every value is checked.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

Shape: TypeAlias = Callable[[Any, str], None]
"""Takes a value, and where it stands in the file."""

LARGEST = 1e300
"""No measured number is larger. JSON allows whole numbers of any size, which would fail later, in arithmetic."""

MOST_DIGITS = 400
"""Digits of a whole number: Python refuses to write one of thousands."""

DEEPEST = 200
"""The deepest nesting of lists and objects: a file that could only just be read could not be written again."""

MOST_SHOWN = 60
"""Characters of a value in a message."""

MOST_OF_AN_ID = 160
"""Characters of an id, or of a claim, in a message."""


class Misfit(ValueError):
    """A value does not fit; the message says which, where, and what was expected."""


def misfit(value: object, at: str, expected: str) -> Misfit:
    return Misfit(f"{at}={value!r:.{MOST_SHOWN}}: expected {expected}")


def loads(text: str) -> Any:
    """Return JSON data that can be written again.

    Raises:
        ValueError: it is no JSON, holds NaN, a number that is too large or half a character, or repeats a name.
    """
    try:
        data = json.loads(
            text, object_pairs_hook=_all_different, parse_constant=_refuse, parse_float=_finite, parse_int=_whole
        )
    except RecursionError:  # json itself recurses
        raise ValueError(TOO_DEEP) from None
    _refuse_depth(data)
    _refuse_halves(data, text)
    return data


TOO_DEEP = "it is nested too deeply"


def _all_different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"it has {repeated!r:.{MOST_SHOWN}} twice")
    return values


def _refuse(word: str) -> None:
    raise ValueError(f"it holds {word}, which is no JSON")


def _finite(word: str) -> float:
    """A number with a point; 1e999 is JSON, and infinity to Python, which could not be written again."""
    value = float(word)
    if math.isinf(value):
        raise ValueError(f"it holds {word:.{MOST_SHOWN}}, which is too large")
    return value


def _whole(word: str) -> int:
    if len(word) > MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(word)} digits")
    return int(word)


def _refuse_depth(data: Any) -> None:
    level = [data]  # level by level, as recursion would overflow on what it is to refuse
    for _ in range(DEEPEST):
        level = [item for outer in level for item in _items(outer) if isinstance(item, (dict, list))]
        if not level:
            return
    raise ValueError(TOO_DEEP)


def _items(outer: Any) -> Iterable[Any]:
    return outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()


def _refuse_halves(data: Any, text: str) -> None:
    r"""Refuse half a character, which JSON writes as ``\ud800``: no file and no terminal could show it again."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds {error.object[error.start]!r}, which is half a character") from None


def where(test: Callable[[Any], bool], expected: str) -> Shape:
    """The shape of values that pass a test."""

    def shape(value: Any, at: str) -> None:
        if not test(value):
            raise misfit(value, at, expected)

    return shape


def one_of(*words: str) -> Shape:
    return where(lambda value: isinstance(value, str) and value in words, f"one of {', '.join(words)}")


def optional(inner: Shape) -> Shape:
    """The shape of a value that may also be null."""

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
    """The shape of an object with any names, each of one line: names are shown in tables and messages."""

    def shape(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise misfit(value, at, "an object")
        for name, item in value.items():
            line(name, f"a name in {at}")
            inner(item, f"{at}[{name!r:.{MOST_SHOWN}}]")

    return shape


def record(fields: Mapping[str, Shape], maybe: Mapping[str, Shape] = MappingProxyType({})) -> Shape:
    """The shape of an object that has these fields, and possibly others.

    Args:
        maybe: optional fields, with the shapes they have where they are present.
    """

    def shape(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise misfit(value, at, "an object")
        for name, inner in fields.items():
            inner(value.get(name), f"{at}.{name}" if at else name)
            if name not in value:
                raise Misfit(f"{at}.{name}: it is not there" if at else f"{name}: it is not there")
        for name, inner in maybe.items():
            if name in value:
                inner(value[name], f"{at}.{name}" if at else name)

    return shape


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that break a line or control a terminal."""


def line(value: Any, at: str) -> None:
    """A text that can stand in a table or in a message."""
    text(value, at)
    if UNSHOWN.search(value):
        raise misfit(value, at, "a text of one line, without control characters")


def name(value: Any, at: str) -> None:
    """A name: a text of one line that is not empty."""
    if not isinstance(value, str) or not value:
        raise misfit(value, at, "a text that is not empty")
    line(value, at)


text = where(lambda value: isinstance(value, str), "a text")
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
