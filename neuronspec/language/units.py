"""Sites, units of them, and sets of units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from neuronspec.errors import SpecError, did_you_mean
from neuronspec.language.expression import Expression, build_word, enclosed, number, operand, text, word
from neuronspec.language.signals import symbol

SITES = ("hidden", "cell", "input_gate", "forget_gate", "output_gate", "candidate", "update_gate", "reset_gate")


SIGNED = ("hidden", "cell", "candidate")
"""Sites whose values turn with the sign of a unit; a gate is open or closed and has no sign."""


class Units(Expression):
    """Some units of one site, each with a sign."""

    kinds = frozenset({"units"})

    @property
    def is_one(self) -> bool:
        """Whether this is one unit (or, with ``each``, one at a time) in every network."""
        return False

    @property
    def of_site(self) -> Site:
        """The site that the units are of."""
        return next(part for part in self.operands() if isinstance(part, Units)).of_site

    def __or__(self, other: Units) -> Units:
        return Union(self, other)

    def __and__(self, other: Units) -> Units:
        return Intersection(self, other)

    def __sub__(self, other: Units) -> Units:
        return Without(self, other)

    def on(self, site: Site) -> Units:
        """Return the units of the same index at another site of the same layer.

        They keep their sign on hidden, cell and candidate; a gate has none.

        Example:
            >>> mean(of=cell.best(auroc(char("X"))).on(forget_gate)) >= 0.9
        """
        return On(self, site)

    def for_symbol(self, symbol: Expression) -> Units:
        """Return, of units that are picked for each value of a symbol, those for the value of another symbol.

        Example:
            >>> hidden.svm_rfe(symbol("word"), keep=0.35).for_symbol(symbol("other_word"))
        """
        return for_symbol(self, symbol)

    def integrated_gradients(self, outcome: Expression, *, at: Any, keep: float, baseline: str = "contrast") -> Units:
        """Keep those units whose state at ``at`` carries most of ``outcome`` (a share of the site, or a number).

        Args:
            keep: how many: a share of the site, or a number from 1.
            baseline: where the gradients set out from: ``zero``; ``mean``; ``pair``, the paired sequence; ``contrast``,
                the mean of the sequences with another token; ``past``, the mean of the sequence's own steps before.

        Example:
            >>> hidden.integrated_gradients(probability("b", at="X"), at=first("X"), keep=4)
        """
        return build_word("integrated_gradients", self, outcome, at=at, keep=keep, baseline=baseline)


@word
class Site(Units, word="site"):
    """A place in a recurrent layer that has one value per unit and step; as units, all of them."""

    kinds = frozenset({"site", "units"})
    name: str = text()
    layer_number: int | None = number(default=None, whole=True, low=0, kw_only=True)
    part: str | None = text(default=None, kw_only=True)
    __iter__ = None
    __contains__ = None

    def check(self) -> None:
        if self.name not in SITES:
            raise SpecError(f"site {self.name!r} does not exist{did_you_mean(self.name, SITES)}")

    def __repr__(self) -> str:
        prefix = f"{self.part}." if self.part else ""
        suffix = "" if self.layer_number is None else f".layer({self.layer_number})"
        return f"{prefix}{self.name}{suffix}"

    @property
    def of_site(self) -> Site:
        return self

    def layer(self, number: int) -> Site:
        """Return this site of layer ``number``, counted from 0.

        Example:
            >>> cell.layer(1)[3]
        """
        return replace(self, layer_number=number)

    def __getitem__(self, index: int) -> Unit:
        return Unit(self, index)

    # Picks stand in picks.py, which imports this file: they are built by name.

    def best(self, score: Expression, n: int = 1) -> Units:
        """Pick the ``n`` units that score highest on the discovery split, oriented so that the score is positive.

        Example:
            >>> cell.best(correlation(count_of("a")))
        """
        return build_word("best", self, score, n)

    def all(self, score: Expression) -> Units:
        """Pick every unit whose score meets the bound on the discovery split, oriented.

        Example:
            >>> cell.all(correlation(count_of("a")) >= 0.95)
        """
        return build_word("all", self, score)

    def svm_rfe(
        self, labels: Expression | str, *, where: Any = None, keep: float | None = None, accuracy: float | None = None
    ) -> Units:
        """Pick the units that a linear SVM keeps when the weakest are left out one by one.

        By a symbol they are picked for each of its values, to be told from all others, and used in the sequences that
        have it.

        Args:
            keep: how many: a share of the site, or a number from 1.
            accuracy: instead, the fewest with which, and with any larger set, this share of labels is read right on
                held-out sequences of the discovery split.

        Example:
            >>> hidden.svm_rfe(symbol("word"), where=before(event("due")), keep=0.35)
        """
        return build_word("svm_rfe", self, labels, where=where, keep=keep, accuracy=accuracy)

    def top(self, score: Expression, *, keep: float) -> Units:
        """Pick the units with the largest ``contribution`` (a share of the site, or a number).

        Of a symbol's contribution they are picked for each of its values.

        Example:
            >>> hidden.top(contribution(symbol("word"), at=event("due")), keep=0.1)
        """
        return build_word("top", self, score, keep=keep)


class Base(Units):
    """Named or picked units, which all sets are made of; abstract. Controls replace them with other units.

    Each class states here what is true of its kind of pick, so that other files need not ask which kind it is.
    """

    oriented: ClassVar[bool] = False
    """Whether its units get their signs from a score when they are picked, in controls as well."""
    by_read_out: ClassVar[bool] = False
    """Whether it scores by read-out weights, which only the last hidden state has."""
    score: Any = None
    """The field with the score that is measured on every unit of a site: a measure without ``of=``."""
    labels: Any = None
    """The field with the labels that units are picked by, which a null shuffles between sequences."""
    keep: float | None = None
    """The field with how many units are kept: a share of the candidates' site, or a number."""

    @property
    def by_symbol(self) -> symbol | None:
        """The symbol by which units are picked, a set for each of its values; None for one set."""
        return None

    @property
    def fewest(self) -> int:
        """How many units the site must have."""
        return 0


@word
class Unit(Base, word="unit"):
    """One unit, named by its index; ``-unit`` points the other way."""

    site: Site = operand("site")
    index: int = number(whole=True, low=0)
    sign: int = number(default=1, whole=True, low=-1, high=1, kw_only=True)

    def check(self) -> None:
        if self.sign == 0:
            raise SpecError("unit(sign=0): expected 1 or -1")

    @property
    def is_one(self) -> bool:
        return True

    @property
    def fewest(self) -> int:
        return self.index + 1

    @property
    def infix(self) -> bool:
        return self.sign < 0

    def __neg__(self) -> Unit:
        return replace(self, sign=-self.sign)

    def __repr__(self) -> str:
        return f"{'-' if self.sign < 0 else ''}{self.site}[{self.index}]"


@word
class On(Units, word="on"):
    """The units of the same index at another site."""

    units: Units = operand("units")
    site: Site = operand("site")

    @property
    def is_one(self) -> bool:
        return self.units.is_one

    @property
    def of_site(self) -> Site:
        inherited = self.units.of_site.layer_number if self.site.layer_number is None else self.site.layer_number
        return replace(self.site, layer_number=inherited)

    def __repr__(self) -> str:
        return f"{enclosed(self.units)}.on({self.site})"


@word
class for_symbol(Units):
    """Of units picked for each value of a symbol, those for the value that another symbol has."""

    units: Units = operand("units")
    symbol: Expression = operand("symbol")

    def check(self) -> None:
        if not any(isinstance(inner, Base) and inner.by_symbol is not None for inner in self.units.walk()):
            raise SpecError(
                f"{self}: these units are not picked by a symbol, so that there is one set for all its values"
            )

    def __repr__(self) -> str:
        return f"{enclosed(self.units)}.for_symbol({self.symbol})"


@word
class SetOperation(Units):
    """Two sets of units joined; abstract."""

    left: Units = operand("units")
    right: Units = operand("units")

    @property
    def infix(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{enclosed(self.left)} {self.word.removeprefix('units ')} {enclosed(self.right)}"

    def check(self) -> None:
        check_no_increments_inside(self)
        if self.left.of_site != self.right.of_site:
            places = f"{self.left.of_site} and {self.right.of_site}"
            raise SpecError(f"{self}: units of two sites, {places}; put them on one with .on(site) first")


class Union(SetOperation, word="units |"):
    """Units in either set."""


class Intersection(SetOperation, word="units &"):
    """Units in both sets."""


class Without(SetOperation, word="units -"):
    """Units of the left set that are not in the right one."""


@word
class others(Units):
    """All units of the same site that are not among these.

    Example:
        >>> shift(exact_match(), under=zero(others(cell[3]), at="X")) >= -0.1
    """

    units: Units = operand("units")

    def check(self) -> None:
        check_no_increments_inside(self)


@word
class each(Units):
    """These units one by one: a measure of one unit takes the worst of them.

    Example:
        >>> correlation(position(), of=each(cell.all(correlation(position()) >= 0.9))) >= 0.8
    """

    units: Units = operand("units")

    @property
    def is_one(self) -> bool:
        return True

    def check(self) -> None:
        check_no_each_inside(self)


@word
class increments(Units):
    """How far each unit moved since the step before; measured, never edited.

    A state moves from 0 at the first step; a gate has no increment there.

    Example:
        >>> spread(of=increments(cell[3]), where=char("a"), relative=True) <= 0.1
    """

    units: Units = operand("units")

    def check(self) -> None:
        check_no_increments_inside(self)

    @property
    def is_one(self) -> bool:
        return self.units.is_one


def check_no_each_inside(units: Expression) -> None:
    """Raise SpecError where ``each`` stands inside: it takes a set apart for a measure, and is used once."""
    for inner in list(units.walk())[1:]:
        if isinstance(inner, each):
            raise SpecError(f"{units}: each(...) takes a set apart for a measure; put it outside: each({inner.units})")


def check_no_increments_inside(units: Expression) -> None:
    """Raise SpecError where increments stand inside: they are measured, and neither picked nor joined."""
    for inner in list(units.walk())[1:]:
        if isinstance(inner, increments):
            raise SpecError(f"{units}: increments stand outermost, around all units that are meant")
