"""A ``View``: what measures are taken on; and ``estimate``, which every measure registers its function with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.sequences import Sequences
from neuronspec.engine.unit_sets import Chosen, Lane, units
from neuronspec.language.expression import Expression


@dataclass(frozen=True)
class View:
    """What a measure is taken on: a network, a split of its sequences, and lanes of unit sets.

    Args:
        resampled: whether the estimate will be resampled; where not, all sequences may count as one, which is faster.
        scored: the units on each lane that a measure which names none is of: a score that units are picked by.
    """

    subject: Subject
    lanes: Sequence[Lane]
    split: str = "verification"
    resampled: bool = True
    scored: Sequence[Chosen] = ()

    @property
    def sequences(self) -> Sequences:
        return self.subject.clean(self.split).sequences

    def sets(self, of: Expression | None) -> list[Chosen]:
        """The units on each lane."""
        if of is None:
            return list(self.scored)
        return [units(of, lane, self.subject.sizes) for lane in self.lanes]


@singledispatch
def estimate(measure: object, view: View) -> Estimate:
    """Return the estimate of a measure on every lane of a view.

    Raises:
        Undecidable: what the measure is about never occurs.
    """
    raise NotImplementedError(f"no estimate for {measure!r}")
