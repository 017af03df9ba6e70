"""Mutants of a claim: the claim with something wrong on purpose, which must not be supported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from neuronspec.engine.unit_sets import bases_beyond_size
from neuronspec.language.behaviour_measures import task_measure
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression, rewritten
from neuronspec.language.signals import position
from neuronspec.language.unit_measures import SignalMeasure, with_shuffled_labels


@dataclass(frozen=True)
class Mutant:
    """A claim to be judged, and what else is wrong.

    Args:
        wrong: ``units``: random units replace them; ``network``: the untrained one does; else empty.
    """

    name: str
    claim: Claim
    wrong: str = ""


def mutants_of(claim: Claim) -> Iterator[Mutant]:
    """Yield what can be wrong with a claim: units, labels, signal, network."""
    if any(_has_none(part) for part in claim.walk()):
        return
    if bases_beyond_size(claim.measure):
        yield Mutant("wrong units", claim, "units")
    shuffled = with_shuffled_labels(claim)
    if shuffled != claim:
        yield Mutant("shuffled labels", shuffled)
    plain = rewritten(claim, _without_rivals)
    rival = rewritten(plain, _by_position)
    if rival != plain:
        yield Mutant("rival position()", rival)
    yield Mutant("untrained network", claim, "network")


def _has_none(part: Expression) -> bool:
    """What does *not* change does not change for other units either; only the driver knows a task's own measures."""
    return isinstance(part, task_measure) or (isinstance(part, Claim) and part.side_effect)


def _without_rivals(part: Expression) -> Expression:
    return replace(part, rivals=()) if isinstance(part, Claim) else part


def _by_position(part: Expression) -> Expression:
    """What is compared with a number is compared with the step instead; picks stay as they are."""
    if isinstance(part, SignalMeasure) and part.of is not None and "condition" not in part.signal.kinds:
        return replace(part, signal=position())
    return part
