"""Interventions: what is done to which units, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from neuronspec.errors import SpecError
from neuronspec.language.expression import Expression, number, number_or, operand, several, word
from neuronspec.language.moments import Moment, Shifted
from neuronspec.language.units import Units, increments


@word
class quantile(Expression):
    """The ``q``-quantile of the values the edited unit has in the clean run, over the steps where ``where`` holds.

    Example:
        >>> set_to(cell[3], quantile(0.9, where=char("a")), at="X")
    """

    kinds = frozenset({"value"})
    q: float = number(low=0, high=1)
    where: Expression | None = operand("condition", default=None, kw_only=True)


class Intervention(Expression):
    """An edit of the run inside the recurrence: later steps and the read-out see it."""

    kinds = frozenset({"intervention"})

    def __add__(self, other: Intervention) -> Intervention:
        return Together((*self.single_edits(), *other.single_edits()))

    def single_edits(self) -> tuple[Edit, ...]:
        """Return the edits it is made of."""
        raise NotImplementedError


@dataclass(frozen=True)
class Source:
    """The step that an edit takes values from.

    Args:
        moment: in each sequence.
        paired: whether in the paired sequence, not in the clean run of the sequence itself.
        bridged: whether it may be the step that an encoder hands over.
    """

    moment: Moment
    paired: bool = False
    bridged: bool = True


class Edit(Intervention):
    """One edit of some units; abstract. Each class states here what is true of its kind of edit."""

    units: Units
    at: Any
    spares: ClassVar[bool] = False
    """Whether it spares the units, and edits all others of their site."""
    lasts: ClassVar[bool] = False
    """Whether it holds the units, from its moment on, at the values they have then."""

    @property
    def takes_from(self) -> Source | None:
        """Where the values that it writes come from; None where it takes none."""
        return None

    def single_edits(self) -> tuple[Edit, ...]:
        return (self,)

    def check(self) -> None:
        for inner in self.units.walk():
            if isinstance(inner, increments):
                raise SpecError(f"{self.word}({self.units}): increments are measured, never edited")


@word
class _AnyTime(Edit):
    """An edit at a moment, wherever a signal holds, or (without ``at``) at every step."""

    units: Units = operand("units")
    at: Any = operand("moment", "condition", default=None, kw_only=True)


@word
class _AtMoment(Edit):
    units: Units = operand("units")
    at: Moment | str = operand("moment", kw_only=True)


@word
class zero(_AnyTime):
    """Set the units to 0.

    Example:
        >>> shift(exact_match(), under=zero(cell[3], at="X")) <= -0.5
    """


@word
class to_mean(_AnyTime):
    """Set each unit to its mean in the clean runs of the discovery split.

    Example:
        >>> shift(cross_entropy(), under=to_mean(cell[3])) >= 0.1
    """


@word
class set_to(_AnyTime):
    """Set the units to a value, in the direction of their sign.

    Example:
        >>> set_to(forget_gate[3], 0, at="X")
    """

    value: float | quantile = number_or("value")


@word
class add(_AnyTime):
    """Add an amount to the units, in the direction of their sign.

    Example:
        >>> add(cell[5], 0.5, at=start + 2)
    """

    amount: float = number()


@word
class clamp(_AnyTime):
    """Keep the units at or above ``low`` and at or below ``high``, in the direction of their sign.

    Example:
        >>> clamp(cell[3], high=quantile(0.5, where=~char("X")))
    """

    low: float | quantile | None = number_or("value", default=None, kw_only=True)
    high: float | quantile | None = number_or("value", default=None, kw_only=True)

    def check(self) -> None:
        super().check()
        if self.low is None and self.high is None:
            raise SpecError(f"clamp({self.units}): give low=, high= or both")
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise SpecError(f"clamp(low={self.low:g}, high={self.high:g}): low lies above high")


@word
class keep_only(_AnyTime):
    """Set all other units of the site to 0.

    Example:
        >>> emits("b", at=first("X") + 1, under=keep_only(cell[3], at="X")) >= 0.9
    """

    spares = True


@word
class freeze(_AtMoment):
    """Hold the units at their value of a moment from then on.

    Example:
        >>> shift(exact_match(), under=freeze(cell[3], at=first("X"))) <= -0.5
    """

    lasts = True


@word
class Taking(_AtMoment):
    """Write the values that the units have elsewhere; abstract."""


@word
class delay(Taking):
    """Write the value that the units had ``steps`` earlier in the clean run (later, where negative).

    Sequences in which that step does not exist are left out and counted.

    Example:
        >>> moves(length("b"), by=1, under=delay(cell[3], 1, at=first("X") + 2)) >= 0.8
    """

    steps: int = number(whole=True)

    @property
    def takes_from(self) -> Source:
        return Source(Shifted(self.at, -self.steps), bridged=False)  # type: ignore[arg-type]


@word
class patch(Taking):
    """Write the value that the units have at another moment of the clean run.

    Example:
        >>> moves(length("b"), by=1, under=patch(cell[3], first("X"), at=first("X") + 1)) >= 0.8
    """

    source: Moment | str = operand("moment")

    @property
    def takes_from(self) -> Source:
        return Source(self.source)  # type: ignore[arg-type]


@word
class interchange(Taking):
    """Write the value that the units have at that moment in the paired sequence.

    Example:
        >>> shift(exact_match(), under=interchange(cell[3], at="X")) <= -0.5
    """

    @property
    def takes_from(self) -> Source:
        return Source(self.at, paired=True)  # type: ignore[arg-type]


@word
class Together(Intervention, word="together"):
    """Several edits of one run."""

    edits: tuple[Intervention, ...] = several("intervention")

    def single_edits(self) -> tuple[Edit, ...]:
        return tuple(single for edit in self.edits for single in edit.single_edits())

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.edits))
