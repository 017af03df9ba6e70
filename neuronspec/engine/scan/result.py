"""The result of a scan: the correlation and AUROC of every unit of a site with each signal, and rankings by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neuronspec.errors import SpecError, did_you_mean
from neuronspec.language.signals import Signal
from neuronspec.language.units import Site, Unit


@dataclass(frozen=True)
class Scored:
    """Every unit of a site against one signal.

    Args:
        steps: at which the signal is defined.
        correlation: Pearson's; NaN for a constant unit.
        auroc: above 0.5 where the unit is higher while the signal holds; None for a signal that is a number.
        bound: how far the AUROC may be from the exact one.
    """

    signal: Signal
    steps: int
    correlation: Float[np.ndarray, " unit"]
    auroc: Float[np.ndarray, " unit"] | None = None
    bound: Float[np.ndarray, " unit"] | None = None


@dataclass(frozen=True)
class Ranking:
    """All units of a site, best first; those without a score come last.

    Args:
        measure: ``auroc`` or ``correlation``.
        units: each with the sign that makes it rise with the signal.
        scores: of the units with their signs; NaN where one has none.
    """

    signal: Signal
    measure: str
    units: Sequence[Unit]
    scores: Float[np.ndarray, " unit"]

    def __len__(self) -> int:
        return len(self.units)

    def __getitem__(self, rank: int) -> tuple[Unit, float]:
        """Return a unit and its score; the best has rank 0."""
        return self.units[rank], float(self.scores[rank])

    @property
    def median(self) -> int:
        """The rank of the median unit among those that have a score."""
        return max(0, int(np.isfinite(self.scores).sum()) - 1) // 2

    def gap(self, rank: int = 0) -> float:
        """Return how far the score at a rank lies above the next; NaN for the last unit that has one."""
        return float(self.scores[rank] - self.scores[rank + 1]) if rank + 1 < len(self) else float("nan")

    def row(self, rank: int) -> str:
        return f"{self.units[rank]} {self.scores[rank]:.3f}"

    def __repr__(self) -> str:
        following = f", next {self.row(1)}" if len(self) > 1 else ""
        summary = f"{self.row(0)}{following}, median {self.row(self.median)}, of {len(self)} units"
        return f"{self.measure}({self.signal}): {summary}"

    def __str__(self) -> str:
        ranks = sorted({*range(min(10, len(self))), self.median})
        lines = [f"{k:>5}  {self.row(k)}{'  median' * (k == self.median)}" for k in ranks]
        return "\n".join([f"{self.measure}({self.signal}), {len(self)} units; gap {self.gap():.3f}", *lines])


@dataclass(frozen=True)
class Scan:
    """Every unit of a site against some signals.

    Args:
        steps: of the text that were read.
        scored: by the name of the signal.
    """

    site: Site
    steps: int
    scored: Mapping[str, Scored]

    def __repr__(self) -> str:
        units = len(next(iter(self.scored.values())).correlation)
        return f"Scan of {units} units of {self.site} over {self.steps:,} steps: {', '.join(self.scored)}"

    def __getitem__(self, name: str) -> Scored:
        """Return the scores of the units against a signal, by its name.

        Raises:
            SpecError: no signal of that name was scanned.
        """
        if name not in self.scored:
            raise SpecError(f"no signal {name!r} was scanned{did_you_mean(str(name), self.scored)}")
        return self.scored[name]

    def ranking(self, name: str, by: str | None = None) -> Ranking:
        """Return all units, best first, whichever way they point.

        Args:
            by: ``auroc`` or ``correlation``; None takes the AUROC where there is one.
        """
        scored = self[name]
        by = by or ("correlation" if scored.auroc is None else "auroc")
        if by not in ("auroc", "correlation"):
            raise SpecError(f"ranking(by={by!r}): expected 'auroc' or 'correlation'")
        scores = scored.auroc if by == "auroc" else scored.correlation
        if scores is None:
            raise SpecError(f"ranking({name!r}, by='auroc'): {scored.signal} is a number, it does not hold or not")
        neutral = 0.5 if by == "auroc" else 0.0
        signs = np.where(scores < neutral, -1, 1)
        scores = neutral + signs * (scores - neutral)
        # NaN sorts as -1, below every score, since signs have made all others at least neutral
        order = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
        units = [Unit(self.site, int(index), sign=int(signs[index])) for index in order]
        return Ranking(scored.signal, by, units, scores[order])
