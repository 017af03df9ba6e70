"""Moments: one step per sequence."""

from __future__ import annotations

from typing import ClassVar

from neuronspec.errors import SpecError
from neuronspec.language.expression import Expression, number, operand, text, word


class Moment(Expression):
    """One step per sequence; a sequence may lack it."""

    kinds = frozenset({"moment"})
    foresees: ClassVar[bool] = False

    def __add__(self, steps: int) -> Moment:
        return Shifted(self, steps)

    def __sub__(self, steps: int) -> Moment:
        if isinstance(steps, bool) or not isinstance(steps, int):
            raise SpecError(f"{self} - {steps!r}: expected a whole number of steps")
        return Shifted(self, -steps)


@word
class first(Moment):
    """The first step at which ``signal`` holds.

    Example:
        >>> delay(cell[3], 1, at=first("X") + 2)
    """

    signal: Expression | str = operand("condition")


@word
class last(Moment):
    """The last step at which ``signal`` holds.

    Example:
        >>> probability("b", at=last("a") + 2) >= 0.9
    """

    signal: Expression | str = operand("condition")
    foresees = True


@word
class event(Moment):
    """A step that the task provides under this name.

    Example:
        >>> probability(symbol("word"), at=event("due")) >= 0.9
    """

    name: str = text()


@word
class Start(Moment, word="start"):
    """The first step."""

    def __repr__(self) -> str:
        return "start"


@word
class End(Moment, word="end"):
    """The last step."""

    foresees = True

    def __repr__(self) -> str:
        return "end"


@word
class Shifted(Moment, word="shifted"):
    """So many steps after a moment (before it, where negative)."""

    moment: Moment = operand("moment")
    steps: int = number(whole=True)

    def __repr__(self) -> str:
        return f"{self.moment} {'-' if self.steps < 0 else '+'} {abs(self.steps)}"


start = Start()
"""The first step.

Example:
    >>> add(cell[5], 0.5, at=start + 2)
"""


end = End()
"""The last step.

Example:
    >>> emits("b", at=end) >= 0.9
"""
