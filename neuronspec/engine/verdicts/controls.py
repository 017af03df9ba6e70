"""Controls: what stands in for the units, the labels, the signal or the training that a claim is about.

Each is one object with a name and a function of a look, the claim, its units and their estimate. Whoever measures,
tabulates or rejudges controls iterates over ``CONTROLS`` and ``controls_of``; a new control is one more object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from neuronspec.engine.measures.estimates import FEWEST_SEQUENCES, Estimate, oriented
from neuronspec.engine.measures.evaluate import View, of_claim
from neuronspec.engine.picks.picks import found
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import Lane, bases, bases_beyond_size
from neuronspec.engine.verdicts.judge import Control, compare, p_value
from neuronspec.engine.verdicts.matched import lanes_of_matched_displacement
from neuronspec.engine.verdicts.random_sets import DRAWS, independent_lanes, random_lanes
from neuronspec.errors import NetworkError, Undecidable
from neuronspec.language.claims import Claim, matched_displacement
from neuronspec.language.expression import Expression
from neuronspec.language.signals import Shuffled
from neuronspec.language.unit_measures import overlap, probe
from neuronspec.language.units import Units


@dataclass(frozen=True)
class Look:
    """What a claim is judged on in one look: the first sequences of one network, and its controls' data.

    Args:
        twin: gives the network before training on as many sequences; None where there is none.
        census: whether the sequences are all there are.
        level: of the intervals.
        drawn: what the measure is for random units; or why there are none. It is measured in one batch with the
            claimed units, as an edit of many lanes costs hardly more than one of one.
    """

    subject: Subject
    twin: Callable[[], Subject | None]
    census: bool
    level: float
    drawn: Estimate | str = ""

    def compare(self, estimate: Estimate, control: Estimate) -> Control:
        return compare(estimate, control, self.census, self.level)


Measured: TypeAlias = Callable[[Look, Claim, Lane, Estimate], Control | None]
"""The control of a claim whose units and estimate are given; None where it has no meaning for the claim."""


@dataclass(frozen=True)
class ControlKind:
    """One way to stand in for what a claim is about.

    Args:
        name: as it is shown and stored.
        required: whether a claim for which it cannot be measured is undecided; other controls then say why not.
        column: whether tables have a column for it, as nearly every claim has it.
    """

    name: str
    measure: Measured
    required: bool = False
    column: bool = False


def controls_of(claim: Claim) -> list[ControlKind]:
    """Return the controls that a claim may have, in the order in which they are measured and reported."""
    return [*CONTROLS, *rivals_of(claim)]


def rivals_of(claim: Claim) -> list[ControlKind]:
    """Return the controls that a claim is held ``against``: other signals, units moved as far."""
    return [MATCHED_DISPLACEMENT if rival == matched_displacement() else _rival(rival) for rival in claim.rivals]


def measured_controls(look: Look, claim: Claim, claimed: Lane, estimate: Estimate) -> dict[str, Control]:
    """Return the controls of a claim by name."""
    controls: dict[str, Control] = {}
    for kind in controls_of(claim):
        control = kind.measure(look, claim, claimed, estimate)
        if control is not None:
            controls[kind.name] = replace(control, required=kind.required)
    return controls


def _random_units(look: Look, claim: Claim, claimed: Lane, estimate: Estimate) -> Control | None:
    if not bases_beyond_size(claim.measure):
        return None
    if isinstance(look.drawn, str):
        return Control(note=look.drawn)
    drawn = as_found(claim.measure, estimate, look.drawn)
    return replace(look.compare(estimate, drawn), p=p_value(claim, float(estimate.values[0]), drawn.values))


def _untrained_twin(look: Look, claim: Claim, claimed: Lane, estimate: Estimate) -> Control | None:
    if not any(isinstance(part, Units) for part in claim.measure.walk()):
        return None
    twin = look.twin()
    if twin is None:
        return Control(note="no twin: its build gives the trained weights")
    try:
        lane = found(claim.measure, twin)
        if any(not all(lane[base].sizes) for base in bases_beyond_size(claim.measure)):
            return Control(note="finds no such unit")
        theirs = as_found(claim.measure, estimate, of_claim(claim, View(twin, [lane])))
        if not look.census and theirs.contributing < FEWEST_SEQUENCES:
            return Control(note=f"only {theirs.contributing:g} of its sequences contribute")
        return look.compare(estimate, theirs)
    except (NetworkError, Undecidable) as error:
        return Control(note=str(error))


def _shuffled_labels(look: Look, claim: Claim, claimed: Lane, estimate: Estimate) -> Control | None:
    if not isinstance(claim.measure, probe):
        return None
    shuffled = replace(claim, measure=replace(claim.measure, labels=Shuffled(claim.measure.labels)))
    try:
        return look.compare(estimate, of_claim(shuffled, View(look.subject, [claimed])))
    except Undecidable as error:  # shuffling may leave too few sequences with a rare label
        return Control(note=str(error))


def _matched_displacement(look: Look, claim: Claim, claimed: Lane, estimate: Estimate) -> Control:
    try:
        lanes = lanes_of_matched_displacement(claim.measure, claimed, look.subject, _rng(claim, look.subject))
        return look.compare(estimate, of_claim(claim, View(look.subject, lanes)))
    except (NetworkError, Undecidable) as error:
        return Control(note=str(error))


def _rival(signal: Expression) -> ControlKind:
    """The control in which another signal takes the place of the claimed one."""

    def measure(look: Look, claim: Claim, claimed: Lane, estimate: Estimate) -> Control:
        other = replace(claim, measure=replace(claim.measure, signal=signal), rivals=())
        return look.compare(
            estimate, _oriented_like(estimate, of_claim(other, View(look.subject, [claimed])), claim.measure)
        )

    return ControlKind(f"rival {signal}", measure)


CONTROLS = (
    ControlKind("random units", _random_units, column=True),
    ControlKind("untrained twin", _untrained_twin, column=True),
    ControlKind("shuffled labels", _shuffled_labels),
)
"""The controls that every claim may have, whether or not its author asks for them."""

MATCHED_DISPLACEMENT = ControlKind("matched displacement", _matched_displacement, required=True)


def as_found(measure: Expression, estimate: Estimate, control: Estimate) -> Estimate:
    """Orient a control as the claimed units are; picks by a score were oriented when they were made."""
    return control if all(base.oriented for base in bases(measure)) else _oriented_like(estimate, control, measure)


def _oriented_like(estimate: Estimate, control: Estimate, measure: Expression) -> Estimate:
    return oriented(control, getattr(measure, "centre", None), float(estimate.values[0]))


def stand_ins(claim: Claim, claimed: Lane, subject: Subject) -> list[Lane]:
    """Return lanes of random units in place of the claimed ones; none for a claim that reads no unit's values."""
    if not bases_beyond_size(claim.measure):
        return []
    draw = independent_lanes if isinstance(claim.measure, overlap) else random_lanes
    return draw(claimed, subject.sizes, _rng(claim, subject))


def _rng(claim: Claim, subject: Subject) -> np.random.Generator:
    """A generator seeded by what is measured and the network's seed, so that draws do not depend on other claims."""
    network = subject.network
    return np.random.default_rng([int(claim.evidence_key(network.name), 16), network.seed, DRAWS])
