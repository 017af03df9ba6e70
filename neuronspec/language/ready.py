"""Ready claims about what units do for a behaviour: each is one of the language's own sentences, under a short name."""

from __future__ import annotations

from typing import Any

from neuronspec.errors import SpecError
from neuronspec.language.claims import Claim, side_effect
from neuronspec.language.interventions import keep_only, zero
from neuronspec.language.measures import change
from neuronspec.language.units import Units, each


def necessary(units: Units, outcome: Any, *, at: Any = None, falls: float = 0.5) -> Claim:
    """Claim that without the units (``zero``) an outcome falls by at least this share.

    Args:
        outcome: a measure of behaviour that is the larger the better, e.g. ``probability("b", at="X")``.
        at: the moment or signal of the edit; every step where None.

    Example:
        >>> necessary(cell[3], probability("b", at="X"), at="X")
    """
    _share("necessary(falls=", falls)
    return change(outcome, under=zero(units, at=at)) <= -falls


def sufficient(units: Units, outcome: Any, *, at: Any = None, keeps: float = 0.9) -> Claim:
    """Claim that with these units alone (``keep_only``) at least this share of an outcome is left.

    Example:
        >>> sufficient(cell[3], probability("b", at="X"), at="X")
    """
    _share("sufficient(keeps=", keeps)
    return change(outcome, under=keep_only(units, at=at)) >= keeps - 1


def specific(units: Units, outcome: Any, *, at: Any = None, within: float = 0.05) -> Claim:
    """Claim that without the units an outcome that is not theirs changes by at most this share, up or down.

    Example:
        >>> specific(cell[3], probability("a", at=start), at="X")
    """
    _share("specific(within=", within)
    return side_effect(change(outcome, under=zero(units, at=at)).between(-within, within))


def minimal(units: Units, outcome: Any, *, at: Any = None, falls: float = 0.1) -> Claim:
    """Claim that no unit can be left out: alone without one of them, whichever, the units keep less of an outcome.

    Less by this share of the outcome in the clean run than all of them alone.

    Example:
        >>> minimal(cell.all(correlation(position()) >= 0.9), probability("b", at="X"), at="X")
    """
    _share("minimal(falls=", falls)
    alone = change(outcome, under=keep_only(units, at=at))
    return change(outcome, under=keep_only(units - each(units), at=at)) - alone <= -falls


def _share(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise SpecError(f"{where}{value!r}): expected a share, above 0 and up to 1")
