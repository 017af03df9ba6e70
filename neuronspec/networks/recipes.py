"""Recipes: how a network is built and trained, or where it is found. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from math import inf
from os import PathLike
from typing import Any

from neuronspec.errors import TaskError, did_you_mean
from neuronspec.networks import cells

KINDS = {name: kind for name, kind in cells.KINDS.items() if kind.in_recipes}
"""The kinds of recurrent network."""

OPTIMISERS = ("adam", "rmsprop", "sgd")
SCHEDULES = ("cosine", "constant")

LATER = ("embedding_scale", "orthogonal", "encoder", "warm_up", "until")
"""Fields added later: left out of a key while they have their default, so that keys of older stores hold."""


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained.

    Args:
        kind: of cell, e.g. ``rnn``, ``lstm`` or ``gru``; ``cells.KINDS`` has all. ``gru`` is torch's form, in which the
            reset gate acts on the product of the hidden state, ``reset_before_gru`` that of Cho et al. (2014), where
            it acts before.
        units: units per layer.
        layers: recurrent layers.
        embedding: size of a learnt embedding; None feeds one-hot vectors.
        embedding_scale: the standard deviation that it is drawn with.
        orthogonal: whether recurrent weights are drawn as orthogonal matrices.
        encoder: whether an encoder of the same kind and size reads the ``source`` of each example first: its last
            state is where the network begins.
        optimiser: ``adam``, ``rmsprop`` or ``sgd``.
        learning_rate: the rate at the start.
        warm_up: over how many steps the rate rises to that.
        steps: training steps; the most, where ``until`` is given.
        until: an event and a share: training ends once the symbol at this event is the most probable one in this
            share of held-out sequences.
        batch: sequences per step, drawn anew; None takes the whole training set each time.
        clip: largest gradient norm, per network; None leaves gradients as they are.
        schedule: ``cosine`` (down to ``final`` of the rate) or ``constant``.
        block: how many consecutive seeds train together as one batched network.
        full: the recipe at the size of the source, where the default is smaller.
    """

    kind: str
    units: int
    layers: int = 1
    embedding: int | None = None
    embedding_scale: float = 1.0
    orthogonal: bool = False
    encoder: bool = False
    optimiser: str = "adam"
    learning_rate: float = 0.01
    warm_up: int = 0
    steps: int = 1000
    batch: int | None = None
    clip: float | None = 1.0
    schedule: str = "cosine"
    final: float = 0.02
    block: int = 10
    until: tuple[str, float] | None = None
    full: Recipe | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("kind", self.kind, KINDS),
            ("optimiser", self.optimiser, OPTIMISERS),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if value not in known:
                raise TaskError(f"Recipe({name}={value!r}): unknown{did_you_mean(str(value), known)}")
        for name in ("units", "layers", "embedding", "steps", "batch", "block"):
            value = getattr(self, name)
            optional = value is None and name in ("embedding", "batch")
            if not optional and (not isinstance(value, int) or isinstance(value, bool) or value <= 0):
                raise TaskError(f"Recipe({name}={value!r}): expected a whole number above 0")
        for name in ("encoder", "orthogonal"):
            if not isinstance(getattr(self, name), bool):
                raise TaskError(f"Recipe({name}={getattr(self, name)!r}): expected True or False")
        if self.full is not None and not isinstance(self.full, Recipe):
            raise TaskError(f"Recipe(full={self.full!r}): expected a Recipe, at the size of its source")
        if not isinstance(self.warm_up, int) or isinstance(self.warm_up, bool) or not 0 <= self.warm_up < self.steps:
            raise TaskError(f"Recipe(warm_up={self.warm_up!r}): expected a whole number below steps={self.steps}")
        if self.until is not None:
            self._check_until()
        for name in ("learning_rate", "clip", "final", "embedding_scale"):
            value = getattr(self, name)
            if not (value is None and name == "clip") and not (isinstance(value, int | float) and 0 < value < inf):
                raise TaskError(f"Recipe({name}={value!r}): expected a finite number above 0")

    def _check_until(self) -> None:
        event, share = self.until if isinstance(self.until, tuple) and len(self.until) == 2 else ("", 0)
        if not isinstance(event, str) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise TaskError(f"Recipe(until={self.until!r}): expected an event and a share, e.g. ('target', 0.98)")

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites that a network of this kind has."""
        return KINDS[self.kind].sites

    @property
    def sizes(self) -> dict[tuple[int, str], int]:
        """How many units each site of each layer has."""
        return {(layer, site): self.units for layer in range(self.layers) for site in self.sites}

    def facts(self) -> dict[str, object]:
        """What decides the weights, as JSON data; ``LATER`` fields only where they differ from their default."""
        later = {f.name: f.default for f in fields(self) if f.name in LATER}
        return {name: value for name, value in asdict(self).items() if name != "full" and later.get(name, ()) != value}

    @property
    def shown(self) -> str:
        """The line that ``neuronspec list --networks`` shows."""
        kind = f"{self.kind} encoder-decoder" if self.encoder else self.kind
        return f"{kind}, {self.layers} x {self.units} units, {self.steps} steps"


@dataclass(frozen=True)
class checkpoint:
    """A network that somebody has trained already: a file of weights, and how to build the module they fit.

    Args:
        file: ``.safetensors``, ``.pt`` (a state dict) or ``.npz``, from the project's root; with ``{seed}`` in its
            name there is one for each seed.
        build: returns the module, with fresh weights; seeded, it gives the untrained twin too.
        alphabet: the module's symbols, in the order of its tokens; the task's own where None.
        embedding: what is not found by itself in the module (see ``wrap``).
        recurrent: likewise.
        read_out: likewise.
        batch_first: whether the module reads ``[batch time]``, where its recurrent part does not say.
    """

    file: str | PathLike[str]
    build: Callable[[], Any]
    alphabet: str | None = None
    embedding: Any = None
    recurrent: Any = None
    read_out: Any = None
    batch_first: bool | None = None
    full = None

    def __post_init__(self) -> None:
        if not isinstance(self.file, str | PathLike):
            raise TaskError(f"checkpoint(file={self.file!r}): expected the name of a file")
        if not callable(self.build):
            raise TaskError(f"checkpoint(build={self.build!r}): expected a function that returns the module")
        if self.alphabet is not None and (not isinstance(self.alphabet, str) or not self.alphabet):
            raise TaskError(f"checkpoint(alphabet={self.alphabet!r}): expected the symbols, in the order of tokens")
        if self.alphabet is not None and len(set(self.alphabet)) < len(self.alphabet):
            twice = next(s for s in self.alphabet if self.alphabet.count(s) > 1)
            raise TaskError(f"checkpoint(alphabet=...): {twice!r} occurs twice")

    @property
    def shown(self) -> str:
        """The line that ``neuronspec list --networks`` shows."""
        return f"checkpoint {self.file}"

    def seeds(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """Return the wanted seeds that exist: only the first where there is one file."""
        return wanted if "{seed}" in str(self.file) else wanted[:1]
