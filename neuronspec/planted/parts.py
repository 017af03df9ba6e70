"""Units wired by hand, in a network of any kind: bits, latches and counters.

Only the candidate of a unit (of an RNN, the unit itself) reads other units; its gates read symbols alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from neuronspec.networks.cells import KINDS

OPEN = 20.0
"""A gate's input that holds it at 1: sigmoid(20) = 1 - 2e-9, which float32 rounds to 1."""

STEP = 0.05
"""How far a counter moves an LSTM's cell at each symbol."""

SMALL = 1e-4
"""What stands for 1 where a unit is to be linear: at 100 times as much, tanh(0.01) is 0.01 less a part in 30,000."""

MARGIN = 2.0
"""The candidate of a bit, up or down: tanh(2) = 0.96 makes two clear levels, and is not so flat that noise vanishes."""

FORGETS = {"input_gate": OPEN, "forget_gate": -OPEN, "output_gate": OPEN, "reset_gate": OPEN, "update_gate": -OPEN}
"""Gates that make a unit the tanh of what it reads now."""


@dataclass(frozen=True)
class Row:
    """The weights of one unit.

    Args:
        reads: what each symbol adds to the candidate.
        links: what the hidden state of each carrying unit adds to it one step later.
        gates: the input of each gate, by symbol.
        level: the hidden state that stands for 1.
        push: how much added to the candidate makes a difference; the unit that noise is measured in.
    """

    reads: Float[Tensor, " symbol"]
    links: Float[Tensor, " unit"]
    gates: Mapping[str, Float[Tensor, " symbol"]]
    level: float
    push: float


Linear: TypeAlias = tuple[Tensor, Tensor]
"""A part as a linear system: its weights for the parts one step before, and for the symbols."""


def marked(weights: Mapping[str, float], vocabulary: str) -> Float[Tensor, " symbol"]:
    """Return the weight of each symbol, 0 where none is given."""
    return torch.tensor([float(weights.get(symbol, 0)) for symbol in vocabulary])


def _linked(weights: Mapping[int, float], size: int) -> Float[Tensor, " unit"]:
    return torch.tensor([float(weights.get(number, 0)) for number in range(size)])


def forgets(kind: str, symbols: int) -> dict[str, Tensor]:
    """Return the gates of a unit without memory."""
    return {gate: torch.full((symbols,), FORGETS[gate]) for gate in KINDS[kind].gates if gate != "candidate"}


def _high(kind: str) -> float:
    """The hidden state of a bit that is high."""
    high = math.tanh(MARGIN)
    return math.tanh(high) if "cell" in KINDS[kind].states else high


def _blocks(kind: str) -> tuple[str, ...]:
    """The blocks of weights in torch's order; that of an RNN is the unit itself."""
    return KINDS[kind].gates or ("candidate",)


def symbols(high: str, low: str = "") -> dict[str, float]:
    """Return 1 for each symbol of ``high``, -1 for each of ``low``."""
    return dict.fromkeys(high, 1.0) | dict.fromkeys(low, -1.0)


@dataclass(frozen=True)
class Bit:
    """High where the sum of its inputs is above 0, low elsewhere; it has no memory.

    The sum is always a whole odd number, so never nearer to 0 than 1.

    Args:
        bias, reads: the part of the sum that is constant, and what each symbol adds.
        links: what each part adds if it was high one step before (if it was low, nothing or the opposite).
    """

    bias: float
    reads: Mapping[str, float]
    links: Mapping[int, float]

    def row(self, number: int, size: int, kind: str, vocabulary: str) -> Row:
        reads = MARGIN * (self.bias + marked(self.reads, vocabulary))
        links = MARGIN / _high(kind) * _linked(self.links, size)
        return Row(reads, links, forgets(kind, len(vocabulary)), _high(kind), MARGIN)

    def linear(self, number: int, size: int, vocabulary: str) -> Linear:
        return _linked(self.links, size) / 2, marked(self.reads, vocabulary) / 2


@dataclass(frozen=True)
class Latch:
    """High from a symbol that sets it until one that resets it.

    Gates keep its state (low is then 0). In an RNN it reads its own past to keep it (low is then -1).
    """

    sets: str
    resets: str

    def row(self, number: int, size: int, kind: str, vocabulary: str) -> Row:
        if not KINDS[kind].gates:
            # In units of MARGIN, its past adds 2 or -2, a mark 4 or -4, and the bias -1: 2 - 1 = 1 stays high,
            # -2 - 1 = -3 stays low, -2 + 4 - 1 = 1 sets it, 2 - 4 - 1 = -3 resets it.
            reads = MARGIN * (4 * marked(symbols(self.sets, self.resets), vocabulary) - 1)
            return Row(reads, _linked({number: 2 * MARGIN / _high(kind)}, size), {}, _high(kind), MARGIN)
        writes = OPEN * (2 * marked(symbols(self.sets + self.resets), vocabulary) - 1)
        latched = {"input_gate": writes, "forget_gate": -writes, "update_gate": -writes}
        gates = {gate: latched.get(gate, default) for gate, default in forgets(kind, len(vocabulary)).items()}
        reads = MARGIN * marked(symbols(self.sets), vocabulary)
        return Row(reads, _linked({}, size), gates, _high(kind), MARGIN / 4)  # low is 0, where tanh is steep

    def linear(self, number: int, size: int, vocabulary: str) -> Linear:
        return _linked({number: 1}, size), marked(symbols(self.sets, self.resets), vocabulary)


@dataclass(frozen=True)
class Counter:
    """One step up at some symbols, one step down at others.

    The cell of an LSTM adds up exactly; other kinds do so where tanh is almost linear.
    """

    up: str
    down: str

    def row(self, number: int, size: int, kind: str, vocabulary: str) -> Row:
        moves, gates = marked(symbols(self.up, self.down), vocabulary), forgets(kind, len(vocabulary))
        if "cell" in KINDS[kind].states:
            gates["forget_gate"] = -gates["forget_gate"]
            return Row(math.atanh(STEP) * moves, _linked({}, size), gates, math.tanh(STEP), STEP)
        return Row(SMALL * moves, _linked({number: 1}, size), gates, SMALL, SMALL)

    def linear(self, number: int, size: int, vocabulary: str) -> Linear:
        return _linked({number: 1}, size), marked(symbols(self.up, self.down), vocabulary)


Part: TypeAlias = Bit | Latch | Counter


def write(weights: Mapping[str, Tensor], kind: str, at: int, row: Row, places: list[int]) -> None:
    """Write one unit into the weights of a layer.

    Args:
        at: its index.
        places: the indices of the units that its links are to.
    """
    units = weights["weight_hh"].shape[1]
    for block, gate in enumerate(_blocks(kind)):
        line = block * units + at
        for name in ("weight_hh", "bias_ih", "bias_hh"):
            weights[name][line] = 0
        weights["weight_ih"][line] = row.reads if gate == "candidate" else row.gates[gate]
    weights["weight_hh"][candidate(kind, at, units), places] = row.links


def candidate(kind: str, at: int, units: int) -> int:
    """Return the line of weights of a unit's candidate."""
    return _blocks(kind).index("candidate") * units + at
