"""Ready claims about what units do for a behaviour: each is one of the language's own sentences, under a short name."""

from __future__ import annotations

from typing import Any

from neuronspec.language.claims import Claim, side_effect
from neuronspec.language.interventions import keep_only, zero
from neuronspec.language.measures import change
from neuronspec.language.units import Units, each


def necessary(units: Units, outcome: Any, *, at: Any = None, falls: float = 0.5) -> Claim:
    """Claim that without the units (``zero``) an outcome falls by at least this share.

    Args:
        outcome: a measure of behaviour that is the larger the better, e.g. ``probability("b", at="X")``.
        at: the moment or signal of the edit; every step where None.
    """
    return change(outcome, under=zero(units, at=at)) <= -falls


def sufficient(units: Units, outcome: Any, *, at: Any = None, keeps: float = 0.9) -> Claim:
    """Claim that with these units alone (``keep_only``) at least this share of an outcome is left."""
    return change(outcome, under=keep_only(units, at=at)) >= keeps - 1


def specific(units: Units, outcome: Any, *, at: Any = None, within: float = 0.05) -> Claim:
    """Claim that without the units an outcome that is not theirs changes by at most this share, up or down."""
    return side_effect(change(outcome, under=zero(units, at=at)).between(-within, within))


def minimal(units: Units, outcome: Any, *, at: Any = None, falls: float = 0.1) -> Claim:
    """Claim that no unit can be left out: with all but one alone, whichever, the outcome falls by this share.

    That other sets of units would do no better is what ``sufficient`` says; here controls are reported only.
    """
    return side_effect(change(outcome, under=keep_only(units - each(units), at=at)) <= -falls)
