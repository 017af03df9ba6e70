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
"""So many orders at most are drawn for each set."""


def lanes_of_matched_displacement(
    measure: Expression, own: Lane, subject: Subject, rng: np.random.Generator
) -> list[Lane]:
    """Return lanes in which random other units stand in for the edited ones, as many as move the state as far.

    How far an edit moves a unit is its mean squared displacement over sequences, in the clean run; these add up.

    Raises:
        Undecidable: the edit is not of one pick alone, or nothing says how far it moves units, or all other units
            together do not move as far.
    """
    under = next(part for part in measure.walk() if isinstance(part, Intervention))
    if len(own) != 1 or bases(under) != list(own) or any(edit.spares for edit in under.single_edits()):
        raise Undecidable("matched_displacement() stands in for one pick, and the edit must be of that alone")
    ((base, chosen),) = own.items()
    everything = {base: units(base.of_site, {}, subject.sizes)}  # type: ignore[attr-defined]
    generates = any(getattr(part, "generates", False) for part in measure.walk())
    moved = subject.displacement(under, everything, generates)
    examples = subject.verification
    drawn = {
        value: _as_far(one, np.nanmean(moved[rows], 0), rng)
        for value, one, rows in sets_of(chosen, examples)
        if np.isfinite(moved[rows]).any()
    }
    if isinstance(chosen, UnitSet):
        return [{base: one} for one in drawn[()]]
    return [{base: UnitSets(chosen.symbols, {v: sets[d] for v, sets in drawn.items()})} for d in range(DRAWS)]


def _as_far(own: UnitSet, moved: Float[np.ndarray, " unit"], rng: np.random.Generator) -> list[UnitSet]:
    """Random sets of the other units, each so large that it comes nearest to the displacement of these."""
    wanted = moved[list(own.indices)].sum()
    rest = np.array([i for i in range(len(moved)) if i not in own.indices], dtype=int)
    sets: list[UnitSet] = []
    for _ in range(TRIES * DRAWS if len(rest) else 0):
        order = rng.permutation(rest)
        apart = np.abs(moved[order].cumsum() - wanted)
        if len(sets) < DRAWS and apart.min() <= NEAR * wanted:
            sets.append(own.holding(order[: int(apart.argmin()) + 1].tolist()))
    if len(sets) < DRAWS:
        raise Undecidable("too few other units move the state about as far")
    return sets
