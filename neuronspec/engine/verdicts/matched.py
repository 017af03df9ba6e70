"""Other units that an edit would move as far: random sets that grow until the state is displaced as much."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import Lane, UnitSet, UnitSets, bases, sets_of, units
from neuronspec.engine.verdicts.random_sets import DRAWS
from neuronspec.errors import Undecidable
from neuronspec.language.expression import Expression
from neuronspec.language.interventions import Intervention

NEAR = 0.2
"""How far the displacement of a random set may be from that of the claimed one, as a share of it."""
TRIES = 10
"""At most so many orders are drawn per wanted set."""


def lanes_of_matched_displacement(
    measure: Expression, claimed: Lane, subject: Subject, rng: np.random.Generator
) -> list[Lane]:
    """Return lanes in which random other units stand in for the edited ones, as many as move the state as far.

    How far an edit moves a unit is its mean squared displacement over sequences, in the clean run; these add up.

    Raises:
        Undecidable: the edit is not of one pick alone, or nothing says how far it moves units, or all other units
            together do not move as far.
    """
    under = next(part for part in measure.walk() if isinstance(part, Intervention))
    if len(claimed) != 1 or bases(under) != list(claimed) or any(edit.spares for edit in under.single_edits()):
        raise Undecidable("matched_displacement() stands in for one pick, and the edit must be of that alone")
    ((base, chosen),) = claimed.items()
    everything = {base: units(base.of_site, {}, subject.sizes)}  # type: ignore[attr-defined]
    generates = any(getattr(part, "generates", False) for part in measure.walk())
    moved = subject.displacement(under, everything, generates)
    examples = subject.verification
    drawn = {
        value: _sets_as_displaced(one, np.nanmean(moved[rows], 0), rng)
        for value, one, rows in sets_of(chosen, examples)
        if np.isfinite(moved[rows]).any()
    }
    if isinstance(chosen, UnitSet):
        return [{base: one} for one in drawn[()]]
    return [{base: UnitSets(chosen.symbols, {v: sets[d] for v, sets in drawn.items()})} for d in range(DRAWS)]


def _sets_as_displaced(
    claimed: UnitSet, displacement: Float[np.ndarray, " unit"], rng: np.random.Generator
) -> list[UnitSet]:
    """Random sets of the other units, each as large as brings it nearest to the displacement of the claimed ones."""
    target = displacement[list(claimed.indices)].sum()
    rest = np.array([i for i in range(len(displacement)) if i not in claimed.indices], dtype=int)
    sets: list[UnitSet] = []
    for _ in range(TRIES * DRAWS if len(rest) else 0):
        # displacements 1, 2, 4 in this order add up to 1, 3, 7: for a target of 3, the first two units are taken
        order = rng.permutation(rest)
        distance = np.abs(displacement[order].cumsum() - target)
        if len(sets) < DRAWS and distance.min() <= NEAR * target:
            sets.append(claimed.holding(order[: int(distance.argmin()) + 1].tolist()))
    if len(sets) < DRAWS:
        raise Undecidable("too few other units move the state about as far")
    return sets
