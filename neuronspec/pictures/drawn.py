"""The numbers behind the four kinds of pictures of a claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.verdicts.replicates import of_one_network
from neuronspec.errors import ProjectError, did_you_mean
from neuronspec.language.behaviour_measures import task_measure
from neuronspec.language.claims import Claim
from neuronspec.language.interventions import Intervention
from neuronspec.networks.threads import one_thread
from neuronspec.pictures.about import moment_of, picks_with_keep, symbol_of, units_of
from neuronspec.pictures.by_measure import BySize, Heat, by_size, heat
from neuronspec.pictures.over_time import Paths, Trajectories, paths, trajectories

Drawn: TypeAlias = Paths | Trajectories | BySize | Heat


def drawn(kind: str, claim: Claim, subject: Subject) -> Drawn:
    """Return the numbers of a picture of a claim on one network.

    Raises:
        ProjectError: the claim has no picture of this kind.
        Undecidable: there is too little to draw.
    """
    check_kind(kind, claim)
    with one_thread():
        return PICTURES[kind](of_one_network(claim), subject)


def check_kind(kind: str, claim: Claim) -> None:
    """Raise ProjectError, before anything is trained, for a kind of picture that a claim has nothing to show in."""
    if kind not in PICTURES:
        raise ProjectError(f"--as {kind}: there is no such picture{did_you_mean(kind, PICTURES)}")
    for problem in _problems(kind, of_one_network(claim)):
        raise ProjectError(f"--as {kind} {problem} in {claim}")


def _problems(kind: str, claim: Claim) -> Iterator[str]:
    if isinstance(claim.measure, task_measure):
        yield "shows units or sequences, and there is only a number per network, the task's own,"
    if kind in ("paths", "pca") and units_of(claim) is None:
        yield "shows what units do, and there are none"
    if kind in ("pca", "heat") and symbol_of(claim) is None:
        yield "tells the values of a symbol apart, and there is no symbol"
    if kind == "heat" and moment_of(claim) is None:
        yield "has a column for each step of a moment, and there is no event, first or last"
    if kind == "sizes" and not any(isinstance(part, Intervention) for part in claim.measure.walk()):
        yield "shows what an intervention does to more or fewer units, and there is no intervention"
    if kind == "sizes" and not picks_with_keep(claim):
        yield "keeps more or fewer units, and none are picked with keep="


PICTURES: dict[str, Callable[[Claim, Subject], Drawn]] = {
    "paths": paths,
    "pca": trajectories,
    "sizes": by_size,
    "heat": heat,
}
