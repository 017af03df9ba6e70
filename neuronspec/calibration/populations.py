"""Planted networks with noise, their untrained twins, and the texts that samples are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.sequences import Sequences, values
from neuronspec.engine.unit_sets import Lane, UnitSet
from neuronspec.engine.verdicts.examine import Checkpointed
from neuronspec.language.signals import Signal, char, label, one_of, position, regex
from neuronspec.language.units import Site
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example
from neuronspec.planted.build import WIRED, Planted, example_texts
from neuronspec.planted.roles import (
    planted_copy,
    planted_detector,
    planted_latch,
    planted_predictor,
    planted_tally,
    planted_trigger,
)

POOL = 500
"""Texts of a population."""

NOISE = (0.2, 0.8)
UNITS = (14, 16)

SHUFFLED = "shuffled"
"""The label that holds the true signal of another text of the pool."""


@dataclass(frozen=True)
class Theme:
    """The words of claims about a role.

    Args:
        plant: plants the role in a kind of network.
        says: the symbol that the read-out predicts while the unit is high.
        rival: a signal that correlates with the true one.
        unrelated: a signal unrelated to the role (where there are only three letters: almost unrelated).
        counts: whether the true signal is a number; it then holds where it is at least 1.
    """

    plant: Callable[..., Planted]
    says: str
    rival: Signal
    unrelated: Signal
    counts: bool = False

    def holding(self, signal: Signal) -> Signal:
        """Return where a signal holds, the true one or one in its place."""
        return signal >= 1 if self.counts else signal


THEMES: Mapping[str, Theme] = {
    "detector": Theme(planted_detector, "1", one_of("ce"), char("e")),
    "latch": Theme(planted_latch, "1", regex(r"\([^)]*\)"), char("e")),
    "tally": Theme(planted_tally, "b", position(), char("d"), counts=True),
    "copy": Theme(planted_copy, "1", regex("(?<=[ce].{2})."), char("e")),
    "trigger": Theme(planted_trigger, "1", char("|"), char("e")),
    "predictor": Theme(planted_predictor, "a", regex("(?<=[ab].)."), char("b")),
}


@dataclass(frozen=True)
class Population:
    """A planted network, two random networks of its shape, and texts.

    Args:
        pool: texts, each with the label ``SHUFFLED``.
        untrained: the twin of ``network``.
        another: the twin of ``untrained``.
    """

    number: int
    role: str
    kind: str
    planted: Planted
    pool: tuple[Example, ...]
    network: Network
    untrained: Network
    another: Network

    @property
    def theme(self) -> Theme:
        return THEMES[self.role]

    @property
    def site(self) -> Site:
        return self.planted.unit.site

    @property
    def place(self) -> Place:
        return 0, self.site.name

    @property
    def holds(self) -> Signal:
        """Where the true signal holds."""
        return self.theme.holding(self.planted.signal)

    @property
    def shuffled(self) -> Signal:
        return label(SHUFFLED)

    def subject(self) -> Subject:
        """Return the planted network under examination, on the whole pool."""
        return Subject(self.network, self.pool, self.pool, [self.place])

    def lane(self, index: int) -> Lane:
        """Return the lane on which a unit of the site replaces the planted one, with the same sign."""
        unit, size = self.planted.unit, self.network.sizes[self.place]
        return {unit: UnitSet(*self.place, (index,), (unit.sign,), (unit.sign,) * size)}

    def given(self, untrained: bool) -> Checkpointed:
        """Return the network that a claim is about, with its twin."""
        return Checkpointed(self.untrained, self.another) if untrained else Checkpointed(self.network, self.untrained)

    def draw(self, sequences: int, rng: np.random.Generator) -> list[Example]:
        """Return a sample of the pool, drawn with replacement."""
        return [self.pool[i] for i in rng.integers(len(self.pool), size=sequences).tolist()]


def populate(number: int, rng: np.random.Generator, texts: int = POOL) -> Population:
    """Return a population: role, kind, sign, decoys, duplicates and noise are drawn."""
    role, kind = str(rng.choice(list(THEMES))), str(rng.choice(list(WIRED)))
    units, seed, *seeds = (int(n) for n in (rng.choice(UNITS), *rng.integers(2**31, size=4)))
    planted = THEMES[role].plant(
        kind,
        units=units,
        sign=int(rng.choice([-1, 1])),
        decoys=int(rng.integers(1, 3)),
        duplicated=bool(rng.random() < 0.2),
        noise=float(rng.uniform(*NOISE)),
        seed=seed,
    )
    symbols = len(planted.vocabulary)
    planted.model.requires_grad_(False)
    untrained = [
        LanguageModel(Recipe(kind, units=units), symbols).initialise(n).requires_grad_(False) for n in seeds[:2]
    ]
    networks = [Network(f"planted {role}/{kind}", number, planted.vocabulary, m) for m in (planted.model, *untrained)]
    return Population(number, role, kind, planted, _labelled(planted, texts, seeds[2]), *networks)


def _labelled(planted: Planted, texts: int, seed: int) -> tuple[Example, ...]:
    """Texts, each with the signal of another one as a label, cut or repeated to its length."""
    examples = [Example(text) for text in example_texts(planted, texts, seed)]
    order = Random(f"shuffled {seed}").sample(range(texts), texts)
    signal = values(planted.signal, Sequences(examples)).T
    rows = [signal[i, : len(examples[i].text)] for i in order]
    return tuple(
        Example(example.text, labels={SHUFFLED: np.resize(row, len(example.text)).tolist()})
        for example, row in zip(examples, rows, strict=True)
    )
