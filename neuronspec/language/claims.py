"""Claims: a measure and a bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

from neuronspec.errors import SpecError
from neuronspec.language.expression import Expression, enclosed, flag, key, number, operand, several, shown, text, word

EXPECTATIONS = ("supported", "refuted", "unspecific")


@word
class matched_displacement(Expression):
    """A rival: random other units, as many as it takes to move the state as far as the edit of the claimed ones does.

    As many random units may move it less: then it could be the distance that does it, whichever the units.

    Example:
        >>> (shift(exact_match(), under=zero(cell[3], at="X")) <= -0.5).against(matched_displacement())
    """

    kinds = frozenset({"control"})


@word
class Claim(Expression, word="claim"):
    """A measure lies at or above ``low`` and at or below ``high``.

    ``expected`` is the verdict that the author states; ``side_effect`` says that controls are reported, not required.
    """

    kinds = frozenset({"claim"})
    measure: Any = operand("measure")
    low: float | None = number(default=None, kw_only=True)
    high: float | None = number(default=None, kw_only=True)
    rivals: tuple[Expression, ...] = several("signal", "control", default=())
    expected: str = text(default="supported", kw_only=True)
    side_effect: bool = flag(default=False, kw_only=True)

    def check(self) -> None:
        self._check_rivals([rival for rival in self.rivals if not isinstance(rival, matched_displacement)])
        if matched_displacement() in self.rivals and self.measure.word in ("share_of_seeds", "median_over_seeds"):
            raise SpecError(
                f"{self.measure}: against(matched_displacement()): it is judged in each network; "
                "say it of the claim inside"
            )
        if matched_displacement() in self.rivals and not any(
            "intervention" in inner.kinds for inner in self.measure.walk()
        ):
            raise SpecError(
                f"{self.measure}: against(matched_displacement()): nothing is edited here; it is about under="
            )
        if self.side_effect and self.measure.word == "share_of_seeds":
            raise SpecError(
                f"side_effect({self.measure} {self.bound}): the claim inside has the controls; say it of that"
            )
        if self.low is None and self.high is None:
            raise SpecError(f"{self.measure}: a claim needs a bound")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise SpecError(f"{self.measure}.between({self.low:g}, {self.high:g}): low lies above high")
        if self.expected not in EXPECTATIONS:
            raise SpecError(f"expected={self.expected!r}: expected one of {', '.join(EXPECTATIONS)}")

    def _check_rivals(self, signals: list[Expression]) -> None:
        if signals and not hasattr(self.measure, "signal"):
            raise SpecError(f"{self.measure}: a rival takes the place of a measure's signal, and this one has none")
        if signals and self.measure.signal in signals:
            raise SpecError(
                f"{self.measure}: against({self.measure.signal}): a rival is another signal, not the true one"
            )
        for rival in signals:
            replace(self.measure, signal=rival).check()

    def __bool__(self) -> NoReturn:
        raise SpecError(
            f"{self} has no truth value: nothing has been measured yet. "
            "Write a <= measure <= b as measure.between(a, b), and joined claims as two sentences"
        )

    def __repr__(self) -> str:
        if self.low is None or self.high is None:
            text = f"{self.measure} {self.bound}"
        else:
            text = f"{enclosed(self.measure)}.between({shown(self.low)}, {shown(self.high)})"
        if self.rivals:
            text = f"({text}).against({', '.join(map(repr, self.rivals))})"
        if self.side_effect:
            text = f"side_effect({text})"
        return text if self.expected == "supported" else f"{self.expected}({text})"

    @property
    def bound(self) -> str:
        """The bound as it is read: ``>= 0.95``."""
        if self.low is None or self.high is None:
            return f"<= {shown(self.high)}" if self.high is not None else f">= {shown(self.low or 0.0)}"
        return f"from {shown(self.low)} to {shown(self.high)}"

    def met_by(self, value: float) -> bool:
        """Return whether ``value`` lies within the bound."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def want_plain(self, word: str) -> None:
        """Raise SpecError for more than a measure and a bound: inside another word the rest has no meaning."""
        if self.expected != "supported" or self.rivals or self.side_effect:
            raise SpecError(f"{word}({self}): expected a measure and a bound, and no more")

    def against(self, *rivals: Any) -> Claim:
        """Demand that each rival signal, put in the place of the true one, does worse.

        ``matched_displacement()`` as a rival demands the same of random units that the edit moves as far.

        Example:
            >>> (correlation(count_of("a"), of=cell[3]) >= 0.98).against(position(), count_of("X"))
        """
        return replace(self, rivals=self.rivals + rivals)

    def evidence_key(self, recipe: str) -> str:
        """The key of what is measured: recipe and measure."""
        return key(recipe, self.measure)

    def key(self, recipe: str) -> str:
        """The key of what is claimed: evidence, bound and expectation."""
        return key(recipe, self)


def refuted(claim: Claim) -> Claim:
    """State that ``claim`` is known not to hold; passes on the verdict *refuted*.

    Example:
        >>> refuted(correlation(position(), of=hidden[3]) >= 0.95)
    """
    return replace(_claim(claim, "refuted"), expected="refuted")


def unspecific(claim: Claim) -> Claim:
    """State that a control meets the bound of ``claim`` as well; passes on the verdict *unspecific*.

    Example:
        >>> unspecific(spread(of=input_gate[3], where=char("a")) <= 0.15)
    """
    return replace(_claim(claim, "unspecific"), expected="unspecific")


def side_effect(claim: Claim) -> Claim:
    """State that something does not change much: controls are reported, not required.

    Example:
        >>> side_effect(change(perplexity(), under=zero(cell[3])) <= 0.05)
    """
    return replace(_claim(claim, "side_effect"), side_effect=True)


def _claim(value: object, word: str) -> Claim:
    if not isinstance(value, Claim):
        raise SpecError(f"{word}({value!r}): expected a claim, e.g. exact_match() >= 0.99")
    return value
