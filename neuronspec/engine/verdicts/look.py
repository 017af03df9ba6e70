"""One look at a claim: its units, random units and other controls -> the outcome on the sequences of the look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.measures.evaluate import View, of_claim
from neuronspec.engine.picks.picks import found
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import Lane, bases_beyond_size, units
from neuronspec.engine.verdicts.controls import Look, measured_controls, stand_ins
from neuronspec.engine.verdicts.judge import Outcome, judge
from neuronspec.errors import NetworkError, NeuronspecError, Undecidable
from neuronspec.language.claims import Claim

TOO_FEW_OTHERS = "too few other units are left in the site"


class NotApplicable(NeuronspecError):
    """A mutant that this network cannot be made into."""


def judged(look: Look, claim: Claim, wrong: str = "") -> Outcome:
    """Return the outcome of a claim on the sequences of one look.

    Args:
        wrong: what is wrong on purpose, see ``Mutant``.

    Raises:
        Undecidable: a pick finds no unit, or what is measured never occurs.
    """
    subject = look.subject
    claimed = found(claim.measure, subject)
    _require_units(claim, claimed)
    others = stand_ins(claim, claimed, subject)
    if wrong == "units":
        if not others:
            raise NotApplicable(TOO_FEW_OTHERS)
        claimed, others = others[0], others[1:]
    estimate, drawn = _estimated(claim, claimed, others, subject)
    controls = measured_controls(replace(look, drawn=drawn), claim, claimed, estimate)
    outcome = judge(claim, estimate, controls, look.census, look.level)
    shown = {repr(base): units(base, claimed, subject.sizes).as_json() for base in claimed}
    rankings = {repr(base): subject.rankings[base].as_json() for base in claimed if base in subject.rankings}
    return replace(outcome, units=shown, rankings=rankings)


def _require_units(claim: Claim, claimed: Lane) -> None:
    for base in bases_beyond_size(claim.measure):
        if not all(claimed[base].sizes):
            raise Undecidable(f"{base} finds no unit")


def _estimated(
    claim: Claim, claimed: Lane, others: Sequence[Lane], subject: Subject
) -> tuple[Estimate, Estimate | str]:
    """The measure of the claimed units, and of the random ones, or why there is none of these.

    All are lanes of one batch, as a run of many sequences costs little more than one of few. Of ``cell[2]`` and 20
    random units of 100 sequences that is an edited run of 2,100 rows, and sums ``[21, 100, ...]``: lane 0 is ours.
    """
    try:
        everything = of_claim(claim, View(subject, [claimed, *others]))
    except (NetworkError, Undecidable):  # a draw that fails must not take the others with it
        estimate = of_claim(claim, View(subject, [claimed]))
        return estimate, _one_by_one(claim, others, subject)
    estimate, drawn = (replace(everything, sums=sums) for sums in (everything.sums[:1], everything.sums[1:]))
    return estimate, drawn if len(drawn.sums) else TOO_FEW_OTHERS


def _one_by_one(claim: Claim, others: Sequence[Lane], subject: Subject) -> Estimate | str:
    measured, reason = [], ""
    for lane in others:
        try:
            measured.append(of_claim(claim, View(subject, [lane])))
        except (NetworkError, Undecidable) as error:
            reason = str(error)
    return replace(measured[0], sums=np.concatenate([e.sums for e in measured])) if measured else reason
