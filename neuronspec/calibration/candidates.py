"""Measures to claim about a population, by the reason why such claims are null or true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from neuronspec.calibration.populations import Population
from neuronspec.language.behaviour_measures import cross_entropy, probability
from neuronspec.language.expression import Expression
from neuronspec.language.interventions import zero
from neuronspec.language.measures import Measure, change, shift
from neuronspec.language.moments import first
from neuronspec.language.picks import Picked
from neuronspec.language.signals import Signal, char
from neuronspec.language.unit_measures import auroc, correlation, f1, mean, peak, r2, share
from neuronspec.language.units import Unit, Units

CLEAR = 0.5
"""A bit is low at 0 (a latch of an RNN at -1) and high near 1: above this it is high."""


@dataclass(frozen=True)
class Candidate:
    """A measure to be claimed.

    Args:
        family: why a claim about it is null; ``planted role`` where it is true.
        rivals: signals that the claimed one has to beat.
        untrained: whether it is about the untrained network.
    """

    family: str
    measure: Measure
    rivals: tuple[Signal, ...] = ()
    untrained: bool = False

    @property
    def picks(self) -> bool:
        """Whether units are picked: another sample may then give other units."""
        return any(isinstance(part, Picked) for part in self.measure.walk())

    @property
    def shown(self) -> str:
        """The name of the measure; for a difference, also that of the measure that differs."""
        inner = getattr(self.measure, "measure", None)
        return self.measure.word if inner is None else f"{self.measure.word} of {inner.word}"


def random_units(population: Population, rng: np.random.Generator) -> list[Candidate]:
    """Decoys, which follow the signal and cause nothing, and units that are unrelated to it."""
    p, site, other = population, population.site, population.theme.unrelated
    decoy = Unit(site, int(rng.choice(p.planted.decoys)), sign=int(rng.choice([-1, 1])))
    unrelated = Unit(site, int(rng.choice(p.planted.others)), sign=int(rng.choice([-1, 1])))
    return _all(
        "random units",
        correlation(p.planted.signal, of=decoy),
        correlation(p.planted.signal, of=unrelated),
        correlation(other, of=unrelated),
        correlation(other, of=site.best(correlation(other))),
        auroc(p.holds, of=decoy),
        r2(p.planted.signal, of=decoy),
        *_of_values(p, decoy, p.holds),
        *_of_values(p, unrelated, other),
        *_of_behaviour(p, unrelated),
    )


def rival_signals(population: Population, rng: np.random.Generator) -> list[Candidate]:
    """The planted unit, claimed to follow a signal that only correlates with its own."""
    p, rival = population, population.theme.rival
    measures = [
        correlation(rival, of=p.planted.unit),
        correlation(rival, of=-p.planted.unit),
        correlation(rival, of=p.site.best(correlation(rival))),
        r2(rival, of=p.planted.unit),
    ]
    if not p.theme.counts:
        measures += [auroc(rival, of=p.planted.unit), f1(rival, of=p.planted.unit, above=CLEAR)]
    return [Candidate("rival signals", measure, (p.planted.signal,)) for measure in measures]


def shuffled_labels(population: Population, rng: np.random.Generator) -> list[Candidate]:
    """The planted unit, claimed to follow the signal of another text."""
    p, labels = population, population.shuffled
    return _all(
        "shuffled labels",
        correlation(labels, of=p.planted.unit),
        correlation(labels, of=-p.planted.unit),
        correlation(labels, of=p.site.best(correlation(labels))),
        auroc(p.theme.holding(labels), of=p.planted.unit),
        *_of_values(p, p.planted.unit, p.theme.holding(labels)),
    )


def untrained_networks(population: Population, rng: np.random.Generator) -> list[Candidate]:
    """Units of a random network."""
    p, signal = population, population.planted.signal
    unit = Unit(p.site, int(rng.integers(p.network.sizes[0, p.site.name])), sign=int(rng.choice([-1, 1])))
    return _all(
        "untrained networks",
        correlation(signal, of=unit),
        correlation(signal, of=p.site.best(correlation(signal))),
        correlation(p.theme.unrelated, of=p.site.best(correlation(p.theme.unrelated))),
        auroc(p.holds, of=unit),
        r2(signal, of=unit),
        *_of_values(p, unit, p.holds),
        *_of_behaviour(p, unit),
        untrained=True,
    )


def planted_role(population: Population, rng: np.random.Generator) -> list[Candidate]:
    """The planted unit, named or picked, and its planted role."""
    p, signal = population, population.planted.signal
    picked = p.site.best(correlation(signal))
    unit: Units = p.planted.unit if len(p.planted.units) > 1 or rng.random() < 0.5 else picked
    measures = [
        correlation(signal, of=p.planted.unit),
        correlation(signal, of=-p.planted.unit),
        correlation(signal, of=picked),
        auroc(p.holds, of=unit),
        r2(signal, of=unit),
        *_of_values(p, unit, p.holds),
        *_of_behaviour(p, unit),
    ]
    if not p.theme.counts:
        measures.append(f1(signal, of=unit, above=CLEAR))
    beating = Candidate("planted role", correlation(signal, of=unit), (p.theme.rival,))
    return [beating, *_all("planted role", *measures)]


FAMILIES: Mapping[str, Callable[[Population, np.random.Generator], list[Candidate]]] = {
    "random units": random_units,
    "rival signals": rival_signals,
    "shuffled labels": shuffled_labels,
    "untrained networks": untrained_networks,
}
"""The reasons why a claim may be null."""


def _all(family: str, *measures: Measure, untrained: bool = False) -> list[Candidate]:
    return [Candidate(family, measure, untrained=untrained) for measure in measures]


def _of_values(population: Population, unit: Units, where: Expression) -> list[Measure]:
    return [mean(of=unit, where=where), share(peak(unit), on=where)]


def _of_behaviour(population: Population, unit: Units) -> list[Measure]:
    """The effect on the read-out of removing a unit."""
    answer = probability(char(population.theme.says), at=first(population.holds) + 1)
    without = zero(unit)
    return [shift(answer, under=without), shift(cross_entropy(), under=without), change(cross_entropy(), under=without)]
