"""Outcomes of single networks -> the verdict on a claim, over seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import bdtr

from neuronspec.engine.measures.estimates import LEVEL, wilson
from neuronspec.engine.verdicts.judge import Outcome, against_bound, beaten
from neuronspec.language.claims import Claim
from neuronspec.language.over_seeds import median_over_seeds, share_of_seeds

NO_VERDICT = ("error", "not applicable")
NOTHING = (math.nan, math.nan)


@dataclass(frozen=True)
class Settled:
    """A verdict over seeds.

    Args:
        value: the median over seeds (of a word over seeds, its own value).
        interval: the range from the smallest to the largest value (of a word over seeds, its 95 % interval).
        reason: the explanation that is shown with the verdict; empty where none is needed.
    """

    verdict: str
    reason: str = ""
    value: float = math.nan
    interval: tuple[float, float] = NOTHING


def of_one_network(claim: Claim) -> Claim:
    """Return the claim for each network: of one over seeds, its inner claim, or its bound on the measure."""
    if isinstance(claim.measure, share_of_seeds):
        return claim.measure.claim
    if isinstance(claim.measure, median_over_seeds):
        return Claim(claim.measure.measure, low=claim.low, high=claim.high)
    return claim


def settle(claim: Claim, outcomes: Sequence[Outcome], replication: float) -> Settled:
    """Return the verdict on a claim from what ``of_one_network`` of it came to in each network.

    Args:
        replication: the share of learnt networks that must agree.
    """
    if isinstance(claim.measure, share_of_seeds):
        return _share(claim, outcomes)
    if isinstance(claim.measure, median_over_seeds):
        return _median(claim, outcomes)
    verdict, reason = over_seeds(outcomes, replication)
    values = _values(outcomes)
    if not len(values):
        return Settled(verdict, reason)
    return Settled(verdict, reason, float(np.median(values)), (float(values.min()), float(values.max())))


def over_seeds(outcomes: Sequence[Outcome], replication: float) -> tuple[str, str]:
    """Return the verdict of enough of the learnt networks, or *undecided* and the reason where they disagree."""
    settled = _beyond_judging(outcomes)
    if settled is not None:
        return settled.verdict, settled.reason
    counts = Counter(outcome.verdict for outcome in outcomes if outcome.verdict != "unlearnt")
    (verdict, most), learnt = counts.most_common(1)[0], counts.total()
    if most >= replication * learnt - 1e-9:
        reasons = {o.reason for o in outcomes if o.verdict == verdict and o.reason}
        return verdict, reasons.pop() if len(reasons) == 1 else ""
    return "undecided", "seeds disagree: " + ", ".join(f"{n} {v}" for v, n in counts.most_common())


def _beyond_judging(outcomes: Sequence[Outcome]) -> Settled | None:
    """The verdict where none can be counted: an error, a missing site, or too few networks that learnt."""
    for outcome in outcomes:
        if outcome.verdict in NO_VERDICT:
            return Settled(outcome.verdict, outcome.reason)
    learnt = sum(outcome.verdict != "unlearnt" for outcome in outcomes)
    if learnt == 0 or 2 * learnt < len(outcomes):
        return Settled("unlearnt", f"{learnt} of {len(outcomes)} networks learnt the task")
    return None


def _share(claim: Claim, outcomes: Sequence[Outcome]) -> Settled:
    settled = _beyond_judging(outcomes)
    if settled is not None:
        return settled
    learnt = [outcome for outcome in outcomes if outcome.verdict != "unlearnt"]
    yes = sum(outcome.verdict == "supported" for outcome in learnt)
    perhaps = yes + sum(outcome.verdict == "undecided" for outcome in learnt)  # an undecided network may be either
    value, low, high = yes / len(learnt), wilson(yes, len(learnt))[0], wilson(perhaps, len(learnt))[1]
    return Settled(*against_bound(claim, value, low, high), value, (low, high))


def _median(claim: Claim, outcomes: Sequence[Outcome]) -> Settled:
    settled, values = _beyond_judging(outcomes), _values(outcomes)
    if settled is not None:
        return settled
    learnt = [outcome for outcome in outcomes if outcome.verdict != "unlearnt"]
    if len(values) < len(learnt):
        why = next(o.reason for o in learnt if not math.isfinite(o.interval[0]))
        return Settled("undecided", f"{len(learnt) - len(values)} of {len(learnt)} networks have no value: {why}")
    value, (low, high) = float(np.median(values)), median_interval(values)
    if not math.isfinite(low):
        return Settled("undecided", f"{len(values)} networks are too few for an interval of a median", value)
    verdict, reason = against_bound(claim, value, low, high)
    if verdict == "supported" and not claim.side_effect:
        verdict, reason = _against_controls(claim, learnt)
    return Settled(verdict, reason, value, (low, high))


def _against_controls(claim: Claim, outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """As in one network: no control meets the bound, and the difference to each excludes zero."""
    for name, control in median_controls(outcomes).items():
        if claim.met_by(control):
            return "unspecific", f"{name} meets the bound as well ({control:.3g})"
    for name in median_controls(outcomes):
        gaps = [o.value - o.controls[name].value for o in outcomes if name in o.controls]
        finite = np.array([gap for gap in gaps if math.isfinite(gap)])
        if len(finite) and not beaten(claim, *median_interval(finite)):
            return "undecided", f"the difference to {name} may be zero"
    return "supported", ""


def _values(outcomes: Sequence[Outcome]) -> Float[np.ndarray, " seed"]:
    return np.array([outcome.value for outcome in outcomes if math.isfinite(outcome.interval[0])], dtype=float)


def median_interval(values: Float[np.ndarray, " seed"]) -> tuple[float, float]:
    """Return the 95 % interval of a median: two values, equally many ranks from either end of the sorted ones.

    It inverts the sign test, and is the narrowest such pair; it exists from six values on, and is NaN below.
    Six values all lie on one side of the median with a chance of 2 / 2^6 = 3 %, so their range is the interval.
    Of five it would be 6 %, more than the 5 % allowed.
    """
    n, ordered = len(values), np.sort(values)
    tails = bdtr(np.arange(n), n, 0.5)  # of at most k values below the median
    outer = int((2 * tails <= 1 - LEVEL).sum())
    return (float(ordered[outer - 1]), float(ordered[n - outer])) if outer else NOTHING


def median_controls(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the median over seeds of each control; NaN where it could be measured in none."""
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.controls)
    return {name: _median_of([o.controls[name].value for o in outcomes if name in o.controls]) for name in names}


def _median_of(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.median(finite)) if finite else math.nan
