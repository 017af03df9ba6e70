"""An estimate, its controls and a bound -> the verdict of one network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from neuronspec.engine.measures.estimates import (
    FEWEST_SEQUENCES,
    LEVEL,
    Estimate,
    expanded,
    influences,
    interval,
    percentiles,
    resamples,
)
from neuronspec.language.claims import Claim


@dataclass(frozen=True)
class Control:
    """What stands in for the claimed units.

    Args:
        value: the measure of the control, the mean over its draws; NaN where it cannot be measured.
        difference: the interval of (claimed - control), paired by sequence.
        interval: of the value.
        draws: how many there were.
        note: why it could not be measured, and so is no evidence against the claim; empty otherwise.
        p: how often chance does as well, ``(b + 1) / (draws + 1)`` for ``b`` draws that do; reported only.
    """

    value: float = math.nan
    difference: tuple[float, float] = (math.nan, math.nan)
    draws: int = 0
    note: str = ""
    p: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    required: bool = False
    """Whether the claim is undecided where it could not be measured."""


def p_value(claim: Claim, value: float, drawn: Float[np.ndarray, " lane"]) -> float:
    """Return how often a draw lies as far on the claimed side, ``(b + 1) / (n + 1)``; NaN for a claim of both sides.

    The claimed units count as one more draw, so 20 draws that are all worse give 1 / 21, never 0.
    """
    finite = drawn[np.isfinite(drawn)]
    if not len(finite) or (claim.low is not None and claim.high is not None):
        return math.nan
    as_good = finite >= value if claim.low is not None else finite <= value
    return float((as_good.sum() + 1) / (len(finite) + 1))


def compare(claimed: Estimate, control: Estimate, census: bool, level: float = LEVEL) -> Control:
    """Compare lane 0 of ``claimed`` with the mean over all lanes of ``control``, paired by sequence."""
    drawn = control.values
    finite = np.isfinite(drawn)
    if not finite.any():
        return Control(draws=len(drawn), note="undefined there")
    value = float(drawn[finite].mean())
    if census:
        gap = float(claimed.values[0]) - value
        return Control(value, (gap, gap), int(finite.sum()), interval=(value, value))
    if claimed.binary and control.binary:  # both get the same two sequences, yes and no the other way round
        claimed, control = replace(claimed, sums=claimed.sums[:1]).with_doubt(), control.with_doubt(0)
    weights = resamples(claimed.sums.shape[1])
    controls = _mean_of_defined(control.at(weights)[finite])
    differences = replace(claimed, sums=claimed.sums[:1]).at(weights)[0] - controls
    cut = expanded(level, min(claimed.contributing, control.contributing))
    return Control(value, percentiles(differences, cut), int(finite.sum()), interval=percentiles(controls, cut))


def _mean_of_defined(values: Float[np.ndarray, "lane resample"]) -> Float[np.ndarray, " resample"]:
    """The mean over lanes, of those that are defined; NaN where none is."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0.0).sum(0) / defined.sum(0)


@dataclass(frozen=True)
class Outcome:
    """The verdict of one network on a claim, and the numbers behind it."""

    verdict: str
    value: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    controls: Mapping[str, Control] = field(default_factory=dict)
    units: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    reason: str = ""
    sequences: int = 0
    """The number of sequences it was judged on: that of the look that decided."""
    rankings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The scores behind each pick."""
    influences: Sequence[float] = ()
    """The influence of each sequence on the value, see ``influences``; none for a census."""


def judge(
    claim: Claim, estimate: Estimate, controls: Mapping[str, Control], census: bool, level: float = LEVEL
) -> Outcome:
    """Return the verdict of one network: the bound first, then whether what stands in for the units meets it too."""
    value, sequences = float(estimate.values[0]), estimate.sums.shape[1]
    reason = too_few(estimate, census) if math.isfinite(value) else ""
    if reason:
        return Outcome("undecided", value, controls=dict(controls), reason=reason, sequences=sequences)
    ends = interval(estimate, census, level)
    verdict, reason = concluded(claim, value, ends, controls)
    drawn = () if census else influences(estimate)
    return Outcome(verdict, value, ends, dict(controls), reason=reason, sequences=sequences, influences=drawn)


def concluded(
    claim: Claim, value: float, ends: tuple[float, float], controls: Mapping[str, Control]
) -> tuple[str, str]:
    """Return the verdict that follows from a value, its interval and its controls, and the reason."""
    verdict, reason = against_bound(claim, value, *ends)
    if verdict == "supported" and not claim.side_effect:
        return _against_controls(claim, controls)
    return verdict, reason


def interim_looks(sequences: int, census: bool) -> list[int]:
    """Return on how many sequences a claim is judged, and if it stays undecided, on how many next.

    A quarter of them, half, all; looks with too few sequences to judge by are left out: 25, 50 and 100 of 100, but
    15 and 30 of 30, as a quarter would be 7. Most claims lie far from their bound, and a quarter decides them.
    """
    sizes = [sequences // 4, sequences // 2, sequences]
    return [n for n in sizes[:2] if n >= FEWEST_SEQUENCES and not census] + sizes[2:]


def against_bound(claim: Claim, value: float, low: float, high: float) -> tuple[str, str]:
    """Return the verdict of an interval against the bound of a claim, and the reason where it is undecided."""
    if not math.isfinite(value):
        return "undecided", "the measure is undefined here: what it measures never varies, or never occurs"
    if not (math.isfinite(low) and math.isfinite(high)):
        return "undecided", "too few sequences carry what is measured: in many resamples it is undefined"
    if claim.met_by(low) and claim.met_by(high):
        return "supported", ""
    below = claim.low is not None and high < claim.low
    above = claim.high is not None and low > claim.high
    if below or above:
        return "refuted", ""
    return "undecided", f"the interval [{low:.3g}, {high:.3g}] straddles the bound"


def too_few(estimate: Estimate, census: bool) -> str:
    """Return why an interval would mean nothing: too few sequences to resample; empty where there are enough."""
    if census or estimate.yes_no or estimate.contributing >= FEWEST_SEQUENCES:
        return ""
    return f"only {estimate.contributing:g} sequences contribute, and {FEWEST_SEQUENCES} are wanted"


def _against_controls(claim: Claim, controls: Mapping[str, Control]) -> tuple[str, str]:
    defined = {name: c for name, c in controls.items() if math.isfinite(c.value)}
    for name, control in defined.items():
        if claim.met_by(control.value):
            return "unspecific", f"{name} meets the bound as well ({control.value:.3g})"
    for name, control in defined.items():
        if not beaten(claim, *control.difference):
            return "undecided", f"the difference to {name} may be zero"
        if any(claim.met_by(end) for end in control.interval):
            return "undecided", f"{name} may meet the bound as well ({control.value:.3g})"
    for name, control in controls.items():
        if control.required and control.note:
            return "undecided", f"{name}: {control.note}"
    return "supported", ""


def beaten(claim: Claim, low: float, high: float) -> bool:
    """Whether the claimed units lie clear of the control, on the side that the bound asks for."""
    greater, smaller = low > 0, high < 0
    if claim.low is not None and claim.high is not None:
        return greater or smaller
    return greater if claim.low is not None else smaller
