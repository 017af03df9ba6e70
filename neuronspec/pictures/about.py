"""What a claim is about: its units, its symbol and its moment, as pictures show them."""

from __future__ import annotations

from typing import Any

from neuronspec.engine.unit_sets import bases
from neuronspec.language.claims import Claim
from neuronspec.language.moments import Moment, event, first, last
from neuronspec.language.picks import Picked
from neuronspec.language.signals import symbol
from neuronspec.language.units import Units, each


def units_of(claim: Claim) -> Units | None:
    """Return the first units that a claim names."""
    claimed = next((part for part in claim.measure.walk() if isinstance(part, Units)), None)
    return claimed.units if isinstance(claimed, each) else claimed


def symbol_of(claim: Claim) -> symbol | None:
    """Return the symbol that units are picked by, for each of its values; else the first that a claim names."""
    claimed = units_of(claim)
    picked_by = [part.by_symbol for part in claimed.walk() if isinstance(part, Picked)] if claimed is not None else []
    return next((part for part in (*picked_by, *claim.measure.walk()) if isinstance(part, symbol)), None)


def moment_of(claim: Claim) -> Moment | None:
    """Return the first event that a claim names; else the first step at which something first or last holds."""
    parts = list(claim.measure.walk())
    return next((part for kind in (event, first | last) for part in parts if isinstance(part, kind)), None)


def picks_with_keep(claim: Claim) -> list[Any]:
    """The picks of a claim that say how many units they keep."""
    return [base for base in bases(claim.measure) if base.keep]
