"""Groups of sequences that a picture tells apart, and means over them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.sequences import NOWHERE, moments
from neuronspec.errors import ProjectError, Undecidable
from neuronspec.language.moments import Moment
from neuronspec.language.signals import symbol

MOST = 60
"""At most so many values of a symbol, or steps of a moment, can be told apart."""


def by_moment(moment: Moment | None, subject: Subject) -> dict[int, Bool[np.ndarray, " batch"]]:
    """The sequences that have a moment at the same step, by that step; all of them where there is no moment."""
    at: Int[np.ndarray, " batch"] = np.zeros(len(subject.verification), dtype=int)
    if moment is not None:
        at = moments(moment, subject.clean("verification").sequences)
    groups = {int(step): at == step for step in np.unique(at[at != NOWHERE])}
    return _checked(groups, f"steps of {moment}")


def by_symbol(by: symbol, subject: Subject) -> dict[str, Bool[np.ndarray, " batch"]]:
    """The sequences that have the same value of a symbol, by that value: ``w2`` before ``w10``."""
    value_of = np.array([example.symbols.get(by.name, "") for example in subject.verification])
    values = sorted({*value_of.tolist()} - {""}, key=_natural_order)
    return _checked({value: value_of == value for value in values}, f"values of {by}")


def _checked(groups: dict[Any, Any], of: str) -> dict[Any, Any]:
    if not groups:
        raise Undecidable(f"no sequence has any of the {of}")
    if len(groups) > MOST:
        raise ProjectError(f"{len(groups)} {of}: a picture can tell {MOST} apart")
    return groups


def _natural_order(name: str) -> list[tuple[int, str]]:
    return [(int(digits or -1), rest) for digits, rest in re.findall(r"(\d*)(\D*)", name)]


def mean_of_group(
    values: Float[np.ndarray, "time batch *rest"],
    has_value: Bool[np.ndarray, "time batch"],
    group: Bool[np.ndarray, " batch"],
) -> Float[np.ndarray, "time ..."]:
    """The mean over the sequences of a group; NaN where fewer than half of them go on.

    A mean over the few longest sequences alone would bend the end of a line only because they are long.
    """
    counted = (has_value & group).reshape(*has_value.shape, *[1] * (values.ndim - 2)) & np.isfinite(values)
    means = ratio_or_nan(np.where(counted, values, 0.0).sum(1), counted.sum(1))
    means[(has_value & group).sum(1) * 2 < group.sum()] = np.nan
    return means


def ratio_or_nan(total: np.ndarray, number: np.ndarray) -> np.ndarray:
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
