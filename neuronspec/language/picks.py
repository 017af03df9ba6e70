"""Picks: units that are found anew in every network."""

from __future__ import annotations

from typing import Any

from neuronspec.errors import SpecError, did_you_mean
from neuronspec.language.expression import Expression, enclosed, number, operand, text, word
from neuronspec.language.signals import symbol
from neuronspec.language.units import Base, Site, Units, check_no_each_inside, check_no_increments_inside

ATTRIBUTED = ("probability", "cross_entropy", "perplexity")
"""Outcomes that have a gradient: they are of probabilities, not of generated tokens."""


BASELINES = ("zero", "mean", "pair", "contrast", "past")
"""Where integrated gradients start: at 0, the mean, the paired sequence, the mean of the other class, or the mean of
the earlier steps of the same sequence."""


class Picked(Base):
    """Units that are found anew in every network; abstract."""

    @property
    def candidates(self) -> Units:
        """The units that it picks from."""
        raise NotImplementedError


@word
class PickedFromSite(Picked):
    """Units that are picked among all of a site; abstract."""

    site: Site = operand("site")

    @property
    def candidates(self) -> Site:
        return self.site

    def __repr__(self) -> str:
        return f"{self.site}.{self.as_call(without='site')}"


@word
class Best(PickedFromSite, word="best"):
    """The ``n`` units that score highest."""

    score: Expression = operand("measure")
    n: int = number(default=1, whole=True, low=1)
    oriented = True

    @property
    def fewest(self) -> int:
        return self.n

    @property
    def is_one(self) -> bool:
        return self.n == 1

    def check(self) -> None:
        _check_open_score(self.score, "best")


@word
class All(PickedFromSite, word="all"):
    """Every unit whose score meets a bound."""

    score: Expression = operand("claim")
    oriented = True

    def check(self) -> None:
        self.score.want_plain("all")  # type: ignore[attr-defined]
        score, high = self.score.measure, self.score.high  # type: ignore[attr-defined]
        _check_open_score(score, "all")
        if score.centre is not None and high is not None and high < score.centre:
            raise SpecError(
                f"all({self.score}): scores are oriented to lie above {score.centre:g}; bound them from below"
            )


@word
class SvmRfe(PickedFromSite, word="svm_rfe"):
    """The units that a linear SVM keeps under recursive feature elimination."""

    labels: Expression | str = operand("signal", "symbol")
    where: Expression | None = operand("condition", default=None, kw_only=True)
    keep: float | None = number(default=None, kw_only=True)
    accuracy: float | None = number(default=None, low=0, high=1, kw_only=True)

    @property
    def by_symbol(self) -> symbol | None:
        return _symbol_of(self.labels)  # type: ignore[arg-type]

    def check(self) -> None:
        if (self.keep is None) == (self.accuracy is None):
            raise SpecError(f"{self.site}.svm_rfe({self.labels}): expected keep= or accuracy=, one of them")
        _check_keep(self)


@word
class Top(PickedFromSite, word="top"):
    """The units with the largest contribution."""

    score: Expression = operand("measure")
    keep: float = number(kw_only=True)
    by_read_out = True

    @property
    def by_symbol(self) -> symbol | None:
        return _symbol_of(self.score)

    def check(self) -> None:
        if self.score.word != "contribution":
            raise SpecError(f"top({self.score}): expected contribution(...); by other scores pick with best or all")
        _check_keep(self)


@word
class IntegratedGradients(Picked, word="integrated_gradients"):
    """Of some units, those with the largest integrated gradient of an outcome."""

    units: Units = operand("units")
    outcome: Expression = operand("measure")
    at: Any = operand("moment", kw_only=True)
    keep: float = number(kw_only=True)
    baseline: str = text(default="contrast", kw_only=True)

    @property
    def candidates(self) -> Units:
        return self.units

    def check(self) -> None:
        check_no_increments_inside(self)
        check_no_each_inside(self)
        _check_keep(self)
        self._check_outcome()
        if self.baseline not in BASELINES:
            raise SpecError(
                f"integrated_gradients(baseline={self.baseline!r}): expected one of {', '.join(BASELINES)}"
                f"{did_you_mean(self.baseline, BASELINES)}"
            )

    def _check_outcome(self) -> None:
        outcome: Any = self.outcome
        if outcome.word not in ATTRIBUTED or outcome.under is not None or outcome.network is not None:
            raise SpecError(
                f"integrated_gradients({outcome}): expected plain {', '.join(ATTRIBUTED)}: what is expected"
            )
        if self.baseline == "contrast" and outcome.word != "probability":
            raise SpecError(
                f"integrated_gradients({outcome}, baseline='contrast'): it asks for no token to contrast with; "
                f"name another baseline: {', '.join(BASELINES[:3])}"
            )

    def __repr__(self) -> str:
        return f"{enclosed(self.units)}.{self.as_call(without='units')}"


def _symbol_of(expression: Expression) -> symbol | None:
    return next((inner for inner in expression.walk() if isinstance(inner, symbol)), None)


def _check_open_score(score: Expression, method: str) -> None:
    """Raise SpecError unless a score is a measure of units that leaves ``of=`` and ``under=`` out."""
    if not hasattr(score, "of"):
        raise SpecError(f"{method}({score}): a score is a measure of units, e.g. correlation(char('a'))")
    if score.of is not None:
        raise SpecError(f"{method}({score}): a score is measured on every unit of the site; leave of= out")
    if getattr(score, "under", None) is not None:
        raise SpecError(f"{method}({score}): units are picked on clean runs; leave under= out")


def _check_keep(units: Any) -> None:
    """``keep`` is a share of the site, below 1, or a whole number of units."""
    keep = units.keep
    if keep is not None and not (0 < keep < 1 or (keep >= 1 and keep == int(keep))):
        raise SpecError(f"{units.word}(keep={keep:g}): expected a share between 0 and 1, or a whole number of units")
    if keep is not None and keep >= 1:
        object.__setattr__(units, "keep", int(keep))
