"""Measures over seeds: numbers about the networks of a recipe together."""

from __future__ import annotations

from typing import Any

from neuronspec.errors import SpecError
from neuronspec.language.claims import Claim
from neuronspec.language.expression import operand, word
from neuronspec.language.measures import Measure


@word
class OverSeeds(Measure):
    """A number about the networks of a recipe together."""


@word
class share_of_seeds(OverSeeds):
    """Share of networks in which a claim is supported; of those that learnt their task, where it is about units.

    Example:
        >>> share_of_seeds(auroc(char("X"), of=hidden[3]) >= 0.95) >= 0.4
    """

    claim: Claim = operand("claim")

    def check(self) -> None:
        if self.claim.expected != "supported":
            raise SpecError(f"share_of_seeds({self.claim}): state the claim plainly, and bound the share from above")


@word
class median_over_seeds(OverSeeds):
    """Median of a measure over networks; over those that learnt their task, where it is of units.

    Example:
        >>> median_over_seeds(task_measure("largest_exact")) >= 13
    """

    measure: Any = operand("measure")
