"""A role, planted in a network of any kind."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from neuronspec.errors import NeuronspecError, did_you_mean
from neuronspec.language.signals import Signal
from neuronspec.language.units import Site, Unit
from neuronspec.networks.cells import KINDS
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.planted import others
from neuronspec.planted.codes import Code, plain, rotated
from neuronspec.planted.parts import Part, candidate, write

WIRED = ("rnn", "lstm", "gru")
"""The kinds whose gates ``parts.py`` knows how to hold."""

GAIN = 20.0
"""Logit of a part's symbol, for each 1 that the part lies above ``THRESHOLD``: high, it gets 20 * 0.75 = 15."""

THRESHOLD = 0.25
"""Above it a part's symbol is predicted: below one half, so that one of two units which share a role is enough."""

DECOY = 0.5
"""The noise of a decoy, in pushes."""


@dataclass(frozen=True)
class Role:
    """What is to be planted.

    Args:
        parts: the units it takes.
        at: the one that tracks the signal.
        alphabet: the symbols of texts; ``answers`` are only predicted.
        marks: the symbols that matter; other units cannot tell them from the average of the rest.
        says: the symbol that the read-out predicts while a part is high, by part.
        otherwise: what it predicts while none is.
        draw: a text.
        spread: standard deviation of the signal.
        is_linear: whether it may be rotated.
    """

    parts: tuple[Part, ...]
    signal: Signal
    alphabet: str
    marks: str
    draw: Callable[[random.Random], str]
    description: str
    says: Mapping[int, str]
    otherwise: str = "0"
    answers: str = "01$"
    at: int = -1
    spread: float = 0.5
    is_linear: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", self.at % len(self.parts))
        if len(set(self.vocabulary)) < len(self.vocabulary):
            raise NeuronspecError(f"alphabet={self.alphabet!r}: expected symbols, each once, none of {self.answers!r}")
        if not self.marks or len(set(self.marks)) < len(self.marks) or not set(self.marks) <= set(self.alphabet):
            raise NeuronspecError(f"marks {self.marks!r}: expected symbols of alphabet={self.alphabet!r}, each once")
        if len(self.rest) < 2:
            raise NeuronspecError(f"alphabet={self.alphabet!r}: expected two symbols more than {self.marks!r}")

    @property
    def vocabulary(self) -> str:
        return self.alphabet + self.answers

    @property
    def rest(self) -> str:
        """The symbols that do not matter."""
        return "".join(symbol for symbol in self.alphabet if symbol not in self.marks)


@dataclass(frozen=True)
class Variant:
    """How a role is planted.

    Args:
        units: size of the only layer; units that are not needed have random weights, and nothing reads them.
        sign: -1 reverses the sign of the role's unit.
        decoys: units that follow the signal, each with its own noise, and that nothing reads.
        duplicated: whether two units share the role: each carries half of the read-out, and one is enough.
        rotated: whether the role is a direction of a set of units (of all that carry it, and four dimensions more),
            none of which follows the signal alone. Every unit is then small (its hidden state about 0.001) and linear.
        noise: standard deviation, over the steps of its texts, of what other units add to the candidate of each unit
            that carries the role, in units of what drives that (2 for a bit, a step for a counter; see
            ``parts.Row``), and to each logit, in logits. The role's own weights stay as they are.
        seed: of all that is random.
    """

    units: int = 16
    sign: int = 1
    decoys: int = 0
    duplicated: bool = False
    rotated: bool = False
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise NeuronspecError(f"sign={self.sign!r}: expected 1 or -1")
        if not isinstance(self.decoys, int) or self.decoys < 0:
            raise NeuronspecError(f"decoys={self.decoys!r}: expected a whole number of units")
        if not isinstance(self.noise, int | float) or not 0 <= self.noise < math.inf:
            raise NeuronspecError(f"noise={self.noise!r}: expected a finite number of at least 0")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**40:
            raise NeuronspecError(f"seed={self.seed!r}: expected a whole number of at least 0, below 2**40")
        if self.rotated and (self.duplicated or self.sign < 0):
            raise NeuronspecError("rotated=True: the role has no unit of its own to be duplicated or turned round")


@dataclass(frozen=True)
class Planted:
    """A network, and what is known about its units.

    Args:
        vocabulary: a token is an index into it; the last symbol is the end.
        units: those that carry the role, with their signs: one, two that are duplicates, or all of a rotated code.
        signal: what the unit tracks (of a rotated code: what one direction of it tracks).
        supports: indices of the units that the role is computed from; they may resemble it.
        decoys: indices of the units that resemble it and cause nothing.
        others: indices of all other units.
        draw: a text on which the signal varies.
    """

    model: LanguageModel
    vocabulary: str
    units: tuple[Unit, ...]
    signal: Signal
    description: str
    supports: tuple[int, ...]
    decoys: tuple[int, ...]
    others: tuple[int, ...]
    draw: Callable[[random.Random], str] = field(repr=False)

    @property
    def unit(self) -> Unit:
        """The unit, or the first of those that share the role."""
        return self.units[0]


def example_texts(planted: Planted, n: int = 20, seed: int = 0) -> tuple[str, ...]:
    """Return texts on which the signal varies: random, with marks in pairs where the role has pairs."""
    rng = random.Random(f"planted {seed}")
    return tuple(planted.draw(rng) for _ in range(n))


def plant(kind: str, role: Role, **words: Any) -> Planted:
    """Plant a role in a network of a kind; see ``Variant`` for the other words.

    Raises:
        NeuronspecError: a word is unknown, the kind cannot carry the role, or the layer is too small.
    """
    variant = _variant(words)
    if kind not in WIRED:
        raise NeuronspecError(f"kind={kind!r}: unknown{did_you_mean(str(kind), WIRED)}")
    if variant.rotated and not role.is_linear:
        raise NeuronspecError(f"rotated=True: {role.description} is not linear, and only what is linear is rotated")
    rng = torch.Generator().manual_seed(1_000_003 * variant.seed + 1)
    code = _code(kind, role, variant, rng)
    places = _places(len(code.rows), variant, rng)
    site = Site(KINDS[kind].states[-1])
    return Planted(
        model=_model(kind, role, variant, code, places, rng),
        vocabulary=role.vocabulary,
        units=tuple(Unit(site, places.carrying[n], sign=sign) for n, sign in code.bearers.items()),
        signal=role.signal,
        description=f"{kind}: {role.description}",
        supports=tuple(place for n, place in enumerate(places.carrying) if n not in code.bearers),
        decoys=tuple(places.decoys),
        others=tuple(places.others),
        draw=role.draw,
    )


def _variant(words: dict[str, Any]) -> Variant:
    known = [f.name for f in fields(Variant)]
    for word in words:
        if word not in known:
            raise NeuronspecError(f"{word}={words[word]!r}: unknown{did_you_mean(word, known)}")
    return Variant(**words)


def _code(kind: str, role: Role, variant: Variant, rng: torch.Generator) -> Code:
    if variant.rotated:
        return rotated(role.parts, role.at, kind, role.vocabulary, role.rest, role.spread, rng)
    return plain(role.parts, role.at, kind, role.vocabulary, variant.sign, variant.duplicated)


@dataclass(frozen=True)
class _Places:
    """The indices of units in the layer."""

    carrying: list[int]
    decoys: list[int]
    others: list[int]


def _places(carrying: int, variant: Variant, rng: torch.Generator) -> _Places:
    last = carrying + variant.decoys
    if not isinstance(variant.units, int) or variant.units < last + 2:
        raise NeuronspecError(f"units={variant.units!r}: expected at least {last + 2}, to leave two that do nothing")
    order = torch.randperm(variant.units, generator=rng).tolist()
    return _Places(order[:carrying], order[carrying:last], order[last:])


@torch.no_grad()
def _model(kind: str, role: Role, variant: Variant, code: Code, places: _Places, rng: torch.Generator) -> LanguageModel:
    model = LanguageModel(Recipe(kind, units=variant.units), len(role.vocabulary)).initialise(variant.seed)
    weights = model.recurrent.weights(0)
    others.enliven(weights, role.vocabulary, role.marks, role.rest)
    weights["weight_hh"][:, places.carrying + places.decoys] = 0  # no other unit may depend on the role
    noise = others.Noise(places.others, others.activity(model, role.vocabulary, _texts(role), places.others), rng)
    for at, row in zip(places.carrying, code.rows, strict=True):
        write(weights, kind, at, row, places.carrying)
        noise.on_unit(weights, candidate(kind, at, variant.units), variant.noise * row.push)
    for at in places.decoys:
        links = [at if number == code.itself else place for number, place in enumerate(places.carrying)]
        write(weights, kind, at, code.copy, links)
        noise.on_unit(weights, candidate(kind, at, variant.units), (DECOY + variant.noise) * code.copy.push)
    _read_out(model, role, code, places.carrying)
    for token in range(len(role.vocabulary)):
        noise.on(model.readout_weight[token], model.readout_bias[token], variant.noise)
    return model


def _texts(role: Role) -> list[str]:
    rng = random.Random(role.description)
    return [role.draw(rng) for _ in range(30)]


def _read_out(model: LanguageModel, role: Role, code: Code, carrying: list[int]) -> None:
    """Make the read-out predict the symbols of the parts, and never a symbol of no part."""
    model.readout_weight.zero_()
    model.readout_bias.fill_(-10 * GAIN)
    model.readout_bias[role.vocabulary.index(role.otherwise)] = 0
    for part, symbol in role.says.items():
        token = role.vocabulary.index(symbol)
        model.readout_bias[token] = -GAIN * THRESHOLD
        model.readout_weight[token, carrying] = GAIN * code.decoder[part]
