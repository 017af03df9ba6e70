"""What all words share: they are data, with a printed form, a JSON form and a stable key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from neuronspec.errors import SpecError, did_you_mean

WORDS: dict[str, type[Expression]] = {}
"""Every concrete word by its JSON name."""

EXPECTED = {
    "signal": "a signal (a value per step), e.g. char('a')",
    "condition": "a signal that holds or not, e.g. char('a')",
    "symbol": "a symbol (a value per sequence), e.g. symbol('letter')",
    "moment": "a moment (one step per sequence), e.g. first('X')",
    "site": "a site, e.g. cell",
    "units": "units, e.g. cell[3] or cell.best(...)",
    "value": "a value, e.g. quantile(0.5)",
    "intervention": "an intervention, e.g. zero(cell[3], at='X')",
    "measure": "a measure, e.g. exact_match()",
    "claim": "a claim, e.g. exact_match() >= 0.99",
    "control": "units to stand in, matched_displacement()",
}

_shorthands: dict[tuple[str, type], Callable[[Any], Expression]] = {}


class Expression:
    """A word of the language and its parts.

    Subclasses are frozen dataclasses. A class whose name starts in lower case is a public word; other
    concrete classes (what an operator or a method builds) give their JSON name as ``word=``.
    """

    kinds: ClassVar[frozenset[str]] = frozenset()
    word: ClassVar[str] = ""
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls, *, word: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.word = word or cls.__name__
        if word or cls.__name__[0].islower():
            WORDS[cls.word] = cls

    def __post_init__(self) -> None:
        for f in fields(self):
            read = f.metadata.get("read")
            if read is not None:
                object.__setattr__(self, f.name, read(getattr(self, f.name), f"{self.word}({f.name}=)"))
        self.check()

    def check(self) -> None:
        """Raise SpecError where fields that are valid by themselves do not fit together."""

    def __bool__(self) -> NoReturn:
        raise SpecError(f"{self} has no truth value: it is data, and nothing has been measured yet")

    def __repr__(self) -> str:
        return self.as_call()

    def as_call(self, without: str = "") -> str:
        """Return ``word(value, name=value)``, defaults left out; of a method, without the field it is called on."""
        printed = [(f, repr(value)) for f, value in _not_default(self) if f.name != without]
        positional = [value for f, value in printed if not f.kw_only]
        named = [f"{f.name}={value}" for f, value in printed if f.kw_only]
        return f"{self.word}({', '.join(positional + named)})"

    @property
    def infix(self) -> bool:
        """Whether it prints with an operator, so that an outer operator encloses it."""
        return False

    def operands(self) -> Iterator[Expression]:
        """Yield the expressions this one is made of, one level down."""
        for f in fields(self):
            yield from _expressions(getattr(self, f.name))

    def walk(self) -> Iterator[Expression]:
        """Yield this expression and all below it."""
        yield self
        for part in self.operands():
            yield from part.walk()


def shown(number: float) -> str:
    """Return a number as briefly as it can be read back."""
    brief = f"{number:g}"
    return brief if float(brief) == number else repr(number)


def enclosed(expression: Expression) -> str:
    """Return the printed form as an operand: in brackets where it has an operator."""
    return f"({expression})" if expression.infix else repr(expression)


def _expressions(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)


def _not_default(expression: Expression) -> Iterator[tuple[Field[Any], Any]]:
    """The fields that differ from their defaults: what is printed and stored."""
    for f in fields(expression):
        value = getattr(expression, f.name)
        if f.default is MISSING or value != f.default:
            yield f, value


def rewritten(value: Any, change: Callable[[Expression], Expression]) -> Any:
    """Return an expression after ``change`` was made to all that it is made of, innermost first, and to itself."""
    if isinstance(value, tuple):
        return tuple(rewritten(item, change) for item in value)
    if not isinstance(value, Expression):
        return value
    inner = {f.name: rewritten(getattr(value, f.name), change) for f in fields(value)}
    same = all(inner[name] is getattr(value, name) or inner[name] == getattr(value, name) for name in inner)
    return change(value if same else replace(value, **inner))


# Fields: each checks the value that an author gave, and its error names what was expected.


def operand(*kinds: str, default: Any = MISSING, kw_only: bool = False) -> Any:
    """A field holding an expression of one of these kinds, or a plain value that is short for one."""

    def read(value: Any, where: str) -> Any:
        if value is default and default is not MISSING:
            return value
        return as_kind(value, kinds, where)

    return field(default=default, kw_only=kw_only, metadata={"read": read})


def several(*kinds: str, default: Any = MISSING) -> Any:
    """A field holding a tuple of expressions of these kinds."""

    def read(value: Any, where: str) -> Any:
        return tuple(as_kind(item, kinds, where) for item in value)

    return field(default=default, metadata={"read": read})


def number_or(kind: str, *, default: Any = MISSING, kw_only: bool = False) -> Any:
    """A field holding a finite number, or an expression of ``kind``."""
    plain = number(default=default).metadata["read"]

    def read(value: Any, where: str) -> Any:
        return as_kind(value, (kind,), where) if isinstance(value, Expression) else plain(value, where)

    return field(default=default, kw_only=kw_only, metadata={"read": read})


def number(
    *,
    default: Any = MISSING,
    low: float = float("-inf"),
    high: float = float("inf"),
    whole: bool = False,
    kw_only: bool = False,
) -> Any:
    """A field holding a finite number in ``[low, high]``; ``whole`` asks for an int."""

    def read(value: Any, where: str) -> Any:
        if value is default and default is not MISSING:
            return value
        kind = int if whole else (int, float)
        if (
            isinstance(value, bool)
            or not isinstance(value, kind)
            or not low <= value <= high
            or not _usable(value, whole)
        ):
            kind_of = "a whole" if whole else "a finite"
            raise SpecError(f"{_at(where, value)}: expected {kind_of} number{_span(low, high)}")
        return int(value) if whole else float(value) + 0.0  # no -0.0: it is equal to 0.0, and its key must be

    return field(default=default, kw_only=kw_only, metadata={"read": read})


LARGEST_WHOLE, LARGEST = 10**9, 3e38
"""Beyond these lie no step, no unit, and no value that float32 can hold."""


def _usable(value: float, whole: bool) -> bool:
    return abs(value) <= (LARGEST_WHOLE if whole else LARGEST)


def _span(low: float, high: float) -> str:
    if high < float("inf"):
        return f" from {low:g} to {high:g}"
    return f" of at least {low:g}" if low > float("-inf") else ""


def flag(*, default: bool, kw_only: bool) -> Any:
    """A field holding True or False."""

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, bool):
            raise SpecError(f"{_at(where, value)}: expected True or False")
        return value

    return field(default=default, kw_only=kw_only, metadata={"read": read})


def text(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """A field holding a string that is not empty."""

    def read(value: Any, where: str) -> Any:
        if value is default and default is not MISSING:
            return value
        if not isinstance(value, str) or not value:
            raise SpecError(f"{_at(where, value)}: expected a string that is not empty")
        return value

    return field(default=default, kw_only=kw_only, metadata={"read": read})


def shorthand(kind: str, plain: type, expand: Callable[[Any], Expression]) -> None:
    """Let a plain value of type ``plain`` stand for an expression of ``kind``."""
    _shorthands[kind, plain] = expand


def as_kind(value: Any, kinds: tuple[str, ...], where: str) -> Expression:
    """Return ``value`` as an expression of one of ``kinds``, or raise SpecError naming ``where``."""
    if isinstance(value, Expression) and value.kinds & set(kinds):
        return value
    for kind in kinds:
        if (kind, type(value)) in _shorthands:
            return _shorthands[kind, type(value)](value)
    hint = ""
    if "moment" in kinds and isinstance(value, int) and not isinstance(value, bool):
        hint = f"; a step is start + {value}"
    if isinstance(value, Expression) and "signal" in value.kinds and "moment" in kinds:
        hint = f"; a signal can hold at many steps: write first({value}) or last({value})"
    if isinstance(value, Expression) and "signal" in value.kinds and "condition" in kinds:
        hint = f"; this one is a number: compare it, e.g. {value} >= 1"
    if isinstance(value, bool):
        hint = "; == compares expressions: for a value, write signal.equals(value)"
    expected = " or ".join(EXPECTED[kind] for kind in kinds)
    raise SpecError(f"{_at(where, value)}: expected {expected}{hint}")


def _at(where: str, value: object) -> str:
    """``zero(at=)`` and a value -> ``zero(at=char('X'))``."""
    return where.replace("=)", f"={value!r})")


T = TypeVar("T")

if TYPE_CHECKING:
    from typing import dataclass_transform
else:  # only type checkers read it, and Python 3.10 does not have it

    def dataclass_transform(**options):
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True, field_specifiers=(operand, several, number, number_or, text, flag, field))
def word(cls: type[T]) -> type[T]:
    """Make a class a word: a frozen dataclass that prints as it is written."""
    return dataclass(frozen=True, repr=False)(cls)


def build_word(name: str, *values: Any, **named: Any) -> Any:
    """Return a word, built by its JSON name. Sites build their picks by it: picks rest on sites, so import them."""
    return WORDS[name](*values, **named)


# JSON: {"word": "char", "symbol": "a"}; defaults are left out, so that a new field changes no key.


def to_json(value: Any) -> Any:
    """Return ``value`` (an expression, tuple or scalar) as plain JSON data."""
    if isinstance(value, Expression):
        return {"word": value.word} | {f.name: to_json(v) for f, v in _not_default(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(data: Any) -> Any:
    """Return the expression that ``to_json`` wrote; SpecError for words and fields that do not exist."""
    if isinstance(data, list):
        return tuple(from_json(item) for item in data)
    if not isinstance(data, dict):
        return data
    word = data.get("word")
    if not isinstance(word, str) or word not in WORDS:
        raise SpecError(f"unknown word {word!r}{did_you_mean(str(word), WORDS)}")
    cls = WORDS[word]
    known = [f.name for f in fields(cls)]
    for name in data:
        if name != "word" and name not in known:
            raise SpecError(f"{word} has no field {name!r}{did_you_mean(name, known)}")
    try:
        return cls(**{name: from_json(value) for name, value in data.items() if name != "word"})
    except TypeError as error:
        raise SpecError(f"{word} is incomplete: {error}") from None


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no defaults."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def key(*values: Any) -> str:
    """Return 16 hex digits that depend on nothing but the JSON form of ``values``."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()[:16]
