"""One network under examination: its clean runs and picks are made once and shared by all claims."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import takewhile

import numpy as np
import torch
from jaxtyping import Bool, Float

from neuronspec.engine.patching import Clean, Edits, compile_edits
from neuronspec.engine.picks import Lane, Sizes, UnitSet
from neuronspec.engine.signals import Sequences
from neuronspec.engine.tracing import Network, Rows, as_numpy, complete, generate, generated, trace
from neuronspec.language.expression import Expression
from neuronspec.language.interventions import Intervention
from neuronspec.networks.cells import Place, State
from neuronspec.networks.tasks import Example, Generated
from neuronspec.networks.training import encode

SPARE = 10
"""A completion may run to twice what is due, and so many symbols more, before it is cut."""


@dataclass
class Clock:
    """Seconds by phase; a phase inside another is counted once, as the inner one."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._charge()
        self._since.append((name, time.perf_counter()))
        try:
            yield
        finally:
            self._charge()
            self._since.pop()

    def _charge(self) -> None:
        """Put the time up to now on the innermost phase."""
        if self._since:
            name, since = self._since[-1]
            now = time.perf_counter()
            self.seconds[name] = self.seconds.get(name, 0.0) + now - since
            self._since = [(n, now) for n, _ in self._since]


@dataclass
class Subject:
    """A network, the sequences it is examined on, and the runs made so far.

    Args:
        places: the layers and sites that claims ask for; all of them are recorded in one run.
    """

    network: Network
    discovery: Sequence[Example]
    verification: Sequence[Example]
    places: Collection[Place]
    clock: Clock = field(default_factory=Clock)
    picks: dict[Expression, UnitSet] = field(default_factory=dict)
    _clean: dict[str, Clean] = field(default_factory=dict)
    _own_words: Clean | None = None

    @cached_property
    def sizes(self) -> Sizes:
        """How many units each site of each layer has."""
        return self.network.sizes

    def clean(self, split: str) -> Clean:
        """Return the run over the ``discovery`` or ``verification`` sequences, as they stand."""
        if self.discovery == self.verification:
            split = "verification"
        if split not in self._clean:
            self._clean[split] = self._read(getattr(self, split))
        return self._clean[split]

    def own_words(self) -> Clean:
        """Return the run over the verification prompts, each completed by the network itself."""
        if self._own_words is None:
            with self.clock.phase("trace"):
                runs = complete(self.network, self.verification, self._longest)
            texts = [r.prompt + r.came for r in runs]
            said = [_said(e, text) for e, text in zip(self.verification, texts, strict=True)]
            same = all(e.text == text for e, text in zip(self.verification, texts, strict=True))
            self._own_words = self.clean("verification") if same else self._read(said)
        return self._own_words

    @property
    def _longest(self) -> int:
        return 2 * max(len(e.text) - e.prompt for e in self.verification) + SPARE

    def _read(self, examples: Sequence[Example]) -> Clean:
        with self.clock.phase("trace"):
            values = trace(self.network, examples, self.places)
            return Clean(Sequences(examples), {place: as_numpy(v) for place, v in values.items()})

    def edited(
        self, under: Intervention, lanes: Sequence[Lane]
    ) -> tuple[dict[Place, Float[np.ndarray, "time row unit"]], Bool[np.ndarray, " batch"]]:
        """Return the run over the verification sequences with an edit, lane after lane, and where it could be made."""
        clean = self.clean("verification")
        with self.clock.phase("intervene"):
            edits, used = compile_edits(under, lanes, clean, self.sizes)
            examples = [e for _ in lanes for e in clean.sequences.examples]
            values = trace(self.network, examples, self.places, Edits(edits))
            return {place: as_numpy(v) for place, v in values.items()}, used

    def runs(self) -> list[Generated]:
        """Return what the network makes of the verification prompts."""
        came = [e.text[e.prompt :] for e in self.own_words().sequences.examples]
        return [
            Generated(e.text[: e.prompt], e.text[e.prompt :], c) for e, c in zip(self.verification, came, strict=True)
        ]

    def edited_runs(
        self, under: Intervention, lanes: Sequence[Lane]
    ) -> tuple[list[list[Generated]], Bool[np.ndarray, " batch"]]:
        """Return what it makes of them under an edit, a list per lane, and in which sequences the edit could be made.

        All lanes run as one batch; each row resumes from the clean run at its first edited step. Where the edit
        could not be made stands the clean run.
        """
        clean = self.own_words()
        with self.clock.phase("intervene"):
            edits, used = compile_edits(under, lanes, clean, self.sizes)
            kept = np.tile(used, len(lanes))
            start = torch.stack([edit.step for edit in edits]).min(0).values[torch.from_numpy(kept)]
            batch = np.tile(np.arange(len(used)), len(lanes))[kept]
            rows = self._resumed(clean, batch, start)
            added = generate(self.network, rows, Edits([edit.rows(kept, start) for edit in edits]))
            lane_of = np.repeat(np.arange(len(lanes)), len(used))[kept]
            clean_runs = self.runs()
            runs = [list(clean_runs) for _ in lanes]
            for row, (lane, b) in enumerate(zip(lane_of.tolist(), batch.tolist(), strict=True)):
                runs[lane][b] = self._generated(clean, b, int(rows.given[row]), added[row])
            return runs, used

    def _resumed(self, clean: Clean, batch: np.ndarray, start: torch.Tensor) -> Rows:
        """Rows that go on from the clean run, each at its own step."""
        known, _ = encode(clean.sequences.examples, self.network.vocabulary)
        prompts = torch.tensor([e.prompt for e in self.verification])[batch]
        states = self._states_before(clean, batch, start)
        return Rows(known.T[batch], torch.maximum(prompts, start + 1), start, prompts + self._longest, states)

    def _states_before(self, clean: Clean, batch: np.ndarray, start: torch.Tensor) -> list[State]:
        """The clean state of every layer just before each row's start."""
        before, states = start.numpy() - 1, []
        for number, layer in enumerate(self.network.model.layers):
            state = {}
            for name, zeros in layer.start(len(batch)).items():
                taken = torch.from_numpy(clean.values[number, name][np.maximum(before, 0), batch]).to(zeros.dtype)
                state[name] = torch.where(torch.from_numpy(before >= 0).unsqueeze(1), taken, zeros)
            states.append(state)
        return states

    def _generated(self, clean: Clean, b: int, given: int, added: Sequence[int]) -> Generated:
        """What the clean run had said before it was edited, and what came then."""
        example = self.verification[b]
        kept = clean.sequences.examples[b].text[example.prompt : given]
        run = generated(example, added, self.network.vocabulary)
        return replace(run, came=kept + run.came)


def _said(example: Example, text: str) -> Example:
    """An example as the network put it; the task's labels and events hold as far as it agrees, and not beyond."""
    agree = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(example.text, text, strict=False)))
    labels = {n: [*values[:agree], *[np.nan] * (len(text) - agree)] for n, values in example.labels.items()}
    events = {name: step for name, step in example.events.items() if step < agree}
    return replace(example, text=text, labels=labels, events=events)


def state_places(layers: int, sites: Collection[str]) -> set[Place]:
    """The states that a run resumes from."""
    return {(layer, site) for layer in range(layers) for site in ("hidden", "cell") if site in sites}
