"""Measures: numbers that evidence can give, and the differences between them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from neuronspec.errors import SpecError
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression, enclosed, number, operand, word
from neuronspec.language.interventions import Intervention
from neuronspec.language.signals import char, one_of, symbol


class Measure(Expression):
    """A number that evidence can give; compared with a bound it becomes a claim."""

    kinds = frozenset({"measure"})

    def __ge__(self, bound: float) -> Claim:
        return Claim(self, low=bound)

    def __le__(self, bound: float) -> Claim:
        return Claim(self, high=bound)

    def __gt__(self, bound: float) -> Claim:
        raise SpecError(f"{self} > {bound}: bounds are written with >=, <= or .between(low, high)")

    __lt__ = __gt__

    def between(self, low: float, high: float) -> Claim:
        """Claim that the measure lies in ``[low, high]``.

        Example:
            >>> length().between(1, 10)
        """
        return Claim(self, low=low, high=high)

    def against(self, *rivals: object) -> Claim:
        """Raise SpecError: it is a claim that has rivals."""
        raise SpecError("against() belongs to a claim: write (measure >= bound).against(rival)")

    def __sub__(self, other: Measure) -> Measure:
        return Gap(self, other)


@word
class Gap(Measure, word="measure -"):
    """One measure minus another, on the same sequences."""

    left: Measure = operand("measure")
    right: Measure = operand("measure")

    @property
    def infix(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{enclosed(self.left)} - {enclosed(self.right)}"


@word
class Difference(Measure):
    """What an intervention does to a measure."""

    measure: Any = operand("measure")
    under: Intervention = operand("intervention", kw_only=True)

    def check(self) -> None:
        if getattr(self.measure, "under", None) is not None:
            raise SpecError(f"{self}: the difference takes under=; its inner measure must not")
        if "under" not in {f.name for f in fields(self.measure)}:
            raise SpecError(f"{self.word}({self.measure}): this measure cannot be taken under an intervention")
        if getattr(self.measure, "generates", False):
            refuse_foresight(self, self.under)
        replace(self.measure, under=self.under).check()


@word
class change(Difference):
    """Edited over clean, minus one.

    Example:
        >>> change(count("b"), under=clamp(cell[3], high=0)) <= -0.1
    """


@word
class shift(Difference):
    """Edited minus clean.

    Example:
        >>> shift(exact_match(), under=set_to(forget_gate[3], 0, at="X")) <= -0.6
    """


@word
class moves(Difference):
    """Share of sequences in which the edit moves the measure by exactly ``by``.

    Example:
        >>> moves(length("b"), by=1, under=delay(cell[3], 1, at=first("X") + 2)) >= 0.8
    """

    by: float = number(kw_only=True)

    def check(self) -> None:
        super().check()
        if not getattr(self.measure, "generates", False):
            raise SpecError(f"moves({self.measure}): expected a number per generated sequence, e.g. length('b')")


def check_token(measure: Any) -> None:
    """Raise SpecError where ``what`` of a measure is not a token."""
    if not isinstance(measure.what, char | one_of | symbol):
        raise SpecError(f"{measure}: expected a character, one_of(...) or a symbol, not {measure.what}")


def refuse_foresight(measure: Expression, under: Intervention) -> None:
    """Raise SpecError where an edit of a generating run depends on later steps."""
    moments = [edit.at for edit in under.single_edits() if edit.at is not None]
    for inner in (inner for moment in moments for inner in moment.walk()):
        if getattr(inner, "foresees", False):
            raise SpecError(
                f"{measure}: {inner} is decided by later steps, which a run that generates does not have yet"
            )
