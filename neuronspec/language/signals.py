"""Signals and symbols: what a sequence says, without asking any network."""

from __future__ import annotations

import random
import re
from typing import ClassVar

from neuronspec.errors import SpecError
from neuronspec.language.expression import Expression, enclosed, number, operand, shorthand, shown, text, word
from neuronspec.language.moments import Moment, first

CONDITION = frozenset({"signal", "condition"})


NUMBER = frozenset({"signal"})


class Signal(Expression):
    """A value per step, from the sequence alone: a condition (it holds or not: 1 or 0) or a number."""

    kinds = CONDITION
    foresees: ClassVar[bool] = False
    """Whether the value at a step depends on later steps."""

    def __and__(self, other: Signal) -> Signal:
        return And(self, other)

    def __or__(self, other: Signal) -> Signal:
        return Or(self, other)

    def __invert__(self) -> Signal:
        return Not(self)

    def __add__(self, other: Signal) -> Signal:
        return Plus(self, other)

    def __sub__(self, other: Signal) -> Signal:
        return Minus(self, other)

    def __ge__(self, value: float) -> Signal:
        return AtLeast(self, value)

    def __le__(self, value: float) -> Signal:
        return AtMost(self, value)

    def equals(self, value: float) -> Signal:
        """Hold where this signal is exactly ``value`` (``==`` compares expressions, not values).

        Example:
            >>> count_of("a").equals(3)
        """
        return Equals(self, value)


@word
class char(Signal):
    """Hold where the sequence has this character (or this token of the task's alphabet).

    Example:
        >>> auroc(char("X"), of=hidden[3]) >= 0.95
    """

    symbol: str = text()


@word
class one_of(Signal):
    """Hold where the sequence has any of these characters.

    Example:
        >>> auroc(one_of("aeiou"), of=hidden[3]) >= 0.9
    """

    symbols: str = text()


@word
class regex(Signal):
    """Hold at every step inside a match of ``pattern`` (Python's ``re``) over the text.

    Example:
        >>> auroc(regex("[0-9]+"), of=hidden[3]) >= 0.9
    """

    pattern: str = text()
    foresees = True

    def check(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SpecError(f"regex(pattern={self.pattern!r}): {error}") from None


@word
class inside(Signal):
    """Hold between an opening and a closing mark, both left out; ``close`` is ``open`` unless given.

    Example:
        >>> auroc(inside("(", ")"), of=cell[3]) >= 0.9
    """

    open: str = text()
    close: str | None = text(default=None)


@word
class depth(Signal):
    """How many pairs of ``open`` and ``close`` are open after this step.

    Example:
        >>> correlation(depth("(", ")"), of=cell[3]) >= 0.9
    """

    open: str = text()
    close: str = text()
    kinds = NUMBER


@word
class count_of(Signal):
    """How often ``signal`` has held up to this step, this one included.

    Example:
        >>> tally = count_of("a") - count_of("b")  # a's read, less b's read
    """

    signal: Signal | str = operand("condition")
    kinds = NUMBER


@word
class remaining(Signal):
    """How often ``signal`` will still hold after this step.

    Example:
        >>> correlation(remaining("b"), of=cell[3]) >= 0.9
    """

    signal: Signal | str = operand("condition")
    kinds = NUMBER
    foresees = True


@word
class position(Signal):
    """The step, counted from 0.

    Example:
        >>> correlation(position(), of=cell[3]) >= 0.9
    """

    kinds = NUMBER


@word
class since(Signal):
    r"""Steps since ``signal`` last held (0 where it holds); undefined before its first time.

    Example:
        >>> correlation(since("\n"), of=cell[3]) >= 0.7
    """

    signal: Signal | str = operand("condition")
    kinds = NUMBER


@word
class upcoming(Signal):
    """The value of ``signal`` at the next step; undefined at the last.

    Example:
        >>> auroc(upcoming(char("b")), of=hidden[3]) >= 0.85
    """

    signal: Signal | str = operand("signal")
    foresees = True

    @property
    def kinds(self) -> frozenset[str]:  # type: ignore[override]
        """Those of the signal that is looked ahead to."""
        return self.signal.kinds if isinstance(self.signal, Signal) else CONDITION


@word
class steps_to(Signal):
    """Steps until ``moment`` (0 there, negative after it).

    Example:
        >>> correlation(steps_to(event("due")), of=hidden[3], where=before(event("due"))) <= -0.8
    """

    moment: Moment | str = operand("moment")
    kinds = NUMBER
    foresees = True


@word
class label(Signal):
    """A value per step that the task provides under this name; where it is 1, it holds.

    Example:
        >>> auroc(label("first_is_a"), of=hidden[3], where=char("X")) >= 0.95
    """

    name: str = text()
    foresees = True


@word
class before(Signal):
    """Hold at the steps before ``moment``, which is left out.

    Example:
        >>> mean(of=forget_gate[3], where=before("X")) >= 0.9
    """

    moment: Moment | str = operand("moment")


@word
class after(Signal):
    """Hold at the steps after ``moment``, which is left out.

    Example:
        >>> correlation(count_of("b"), of=cell[3], where=after("X")) <= -0.9
    """

    moment: Moment | str = operand("moment")


@word
class _Pair(Signal):
    left: Signal = operand("signal")
    right: Signal = operand("signal")

    @property
    def infix(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{enclosed(self.left)} {self.word} {enclosed(self.right)}"


@word
class _Conditions(_Pair):
    left: Signal = operand("condition")
    right: Signal = operand("condition")


class And(_Conditions, word="&"):
    """Both hold."""


class Or(_Conditions, word="|"):
    """At least one holds."""


class Plus(_Pair, word="+"):
    """The sum."""

    kinds = NUMBER


class Minus(_Pair, word="-"):
    """The difference."""

    kinds = NUMBER


@word
class Not(Signal, word="~"):
    """Does not hold."""

    signal: Signal = operand("condition")

    def __repr__(self) -> str:
        return f"~{enclosed(self.signal)}"


@word
class Comparison(Signal):
    """A signal against a number; abstract."""

    signal: Signal = operand("signal")
    value: float = number()

    @property
    def infix(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{enclosed(self.signal)} {self.word} {shown(self.value)}"


class AtLeast(Comparison, word=">="):
    """Hold where the signal is at least the value."""


class AtMost(Comparison, word="<="):
    """Hold where the signal is at most the value."""


class Equals(Comparison, word="equals"):
    """Hold where the signal is exactly the value."""

    def __repr__(self) -> str:
        return f"{enclosed(self.signal)}.equals({shown(self.value)})"


@word
class Shuffled(Signal, word="shuffled"):
    """A signal or symbol that each sequence has from another one, step by step: the null that it says nothing.

    What goes by position alone is the same in every sequence, and stays so. Not written by authors: it is what
    controls and mutants put in the place of a true signal.
    """

    signal: Expression = operand("signal", "symbol")
    draw: int = number(default=0, whole=True, low=0, kw_only=True)

    def permutation(self, sequences: int) -> list[int]:
        """Return which sequence stands in for each, no sequence for itself; the same at every call."""
        order = list(range(sequences))
        random.Random(f"{self.draw} of {sequences}").shuffle(order)
        follows = dict(zip(order, order[1:] + order[:1], strict=True))  # one ring, so that none stays where it is
        return [follows[n] for n in range(sequences)]

    @property
    def kinds(self) -> frozenset[str]:  # type: ignore[override]
        return self.signal.kinds


@word
class symbol(Expression):
    """A value per sequence that the task provides under this name.

    Example:
        >>> storing = hidden.svm_rfe(symbol("word"), where=before(event("due")), keep=0.35)
    """

    kinds = frozenset({"symbol"})
    name: str = text()


shorthand("signal", str, char)
shorthand("condition", str, char)
shorthand("moment", str, lambda symbol: first(char(symbol)))
