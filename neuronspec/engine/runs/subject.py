"""One network under examination: its clean runs and picks are made once, and all claims share them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import cycle, takewhile

import numpy as np
import torch
from jaxtyping import Bool, Float

from neuronspec.engine.runs.activations import Activations
from neuronspec.engine.runs.clock import Clock
from neuronspec.engine.runs.edits import Compiled, Sources, compile_edits
from neuronspec.engine.runs.row_edits import Known, RowEdit
from neuronspec.engine.runs.tracing import (
    Choice,
    Network,
    Rows,
    Sampled,
    as_numpy,
    generate,
    generated,
    greedy,
    padded,
    texts,
    trace,
)
from neuronspec.engine.sequences import Sequences, codes_of
from neuronspec.engine.unit_sets import Chosen, Lane, Scores, ScoresByValue
from neuronspec.errors import NetworkError, Undecidable
from neuronspec.fit import Sizes
from neuronspec.language.expression import Expression
from neuronspec.language.interventions import Intervention
from neuronspec.networks.cells.cell import Place, State
from neuronspec.networks.models import later
from neuronspec.networks.tasks import Completion, Example, Text

SPARE = 10
"""A completion is cut at twice the longest that is due, plus this many symbols."""

LARGEST = 2**26
"""The most numbers recorded at once while lanes run as one batch: 256 MiB of float32."""


@dataclass
class Subject:
    """A network, the sequences it is examined on, and the runs made so far.

    Args:
        places: the layers and sites that claims ask for; all of them are recorded in one run.
        temperature: at which it generates; 0 is greedy.
        length: how many symbols it generates after each prompt; where None, the length that is due decides.
        asked: whether events are about the prompt's request, and so hold in any text the network generates.
        inputs: the input of the network, ``[time batch ...]``, where sequences are not texts.
    """

    network: Network
    discovery: Sequence[Example]
    verification: Sequence[Example]
    places: Collection[Place]
    clock: Clock = field(default_factory=Clock)
    temperature: float = 0.0
    length: int | None = None
    asked: bool = False
    inputs: torch.Tensor | None = None
    whole: Subject | None = None
    """The same on more verification sequences; the first of them are the ones here."""
    picks: dict[Expression, Chosen] = field(default_factory=dict)
    rankings: dict[Expression, Scores | ScoresByValue] = field(default_factory=dict)
    _clean: dict[str, Activations] = field(default_factory=dict, init=False)
    _completed: Activations | None = field(default=None, init=False)
    _completed_texts: list[Text] | None = field(default=None, init=False)

    @cached_property
    def sizes(self) -> Sizes:
        """How many units each site of each layer has."""
        return self.network.sizes

    def shared(self, phase: str, what: Hashable) -> AbstractContextManager[None]:
        """Time work that is done once in this network, for all claims that ask for it."""
        return self.clock.phase(phase, shared=(id(self.network), what))

    def clean(self, split: str) -> Activations:
        """Return the run over the ``discovery`` or ``verification`` sequences, unedited."""
        if self.discovery == self.verification:
            split = "verification"
        with self.shared("trace", split):
            if split not in self._clean:
                whole = self.whole and self.whole.clean(split)
                number = len(getattr(self, split))
                self._clean[split] = whole.first(number) if whole else self._read(getattr(self, split))
        return self._clean[split]

    def first(self, sequences: int) -> Subject:
        """Return the same on its first verification sequences; runs and picks are shared."""
        if sequences == len(self.verification):
            return self
        return replace(self, verification=self.verification[:sequences], whole=self)

    def completed(self) -> Activations:
        """Return the run over the verification prompts, each completed by the network itself."""
        with self.shared("trace", "completed run"):
            if self._completed is None:
                pairs = list(zip(self.verification, self.completed_texts, strict=True))
                same = all(example.text == text for example, text in pairs)
                completed = [_as_completed(example, text, self.asked) for example, text in pairs]
                self._completed = self.clean("verification") if same else self._read(completed)
        return self._completed

    @property
    def completed_texts(self) -> list[Text]:
        """The network's completions of the verification prompts, prompts included."""
        if self.whole:
            return self.whole.completed_texts[: len(self.verification)]
        with self.shared("trace", "completed texts"):
            if self._completed_texts is None:
                rows = self._fresh(1)
                length = generate(self.network, rows, self._choice(1))
                self._completed_texts = self._texts(rows, length)
        return self._completed_texts

    @cached_property
    def _paired(self) -> tuple[Activations, Bool[np.ndarray, " batch"]]:
        """The run over the paired sequences, and which sequences have one; those without stand for themselves."""
        exist = np.array([e.pair is not None for e in self.verification])
        return self._read([e.pair or e for e in self.verification]), exist

    @property
    def _limits(self) -> list[int]:
        """The longest that each text may become."""
        if self.whole:
            return self.whole._limits[: len(self.verification)]
        if self.length is not None:
            return [e.prompt + self.length for e in self.verification]
        return limits(self.verification, self.network.ends)

    def _choice(self, lanes: int) -> Choice:
        if self.temperature == 0:
            return greedy
        sequence = torch.arange(len(self.verification)).repeat(lanes)
        return Sampled(self.temperature, self.network.seed, sequence)

    def _tokens(self, examples: Sequence[Example]) -> torch.Tensor:
        if self.inputs is not None:
            return self.inputs
        return self.network.read(examples)

    def _read(self, examples: Sequence[Example]) -> Activations:
        with self.clock.phase("trace"):
            sequences, network = Sequences(examples), self.network
            lengths = torch.from_numpy(sequences.lengths).to(network.device)
            states = network.begin(examples) if network.bridge else None
            places = {*self.places, *network.states}
            run = trace(network, self._tokens(examples), places, states=states, lengths=lengths)
            values = {place: as_numpy(v[: sequences.time]) for place, v in run.values.items()}
            past = network.begin(examples, short=1) if network.bridge else []
            before = {(n, name): as_numpy(v) for n, state in enumerate(past) for name, v in state.items()}
            return Activations(sequences, values, run.logits, before)

    def _compiled(
        self,
        under: Intervention,
        lanes: Sequence[Lane],
        clean: Callable[[], Activations],
        codes: np.ndarray | None = None,
    ) -> Compiled:
        if not self.network.causal and any(edit.lasts for edit in under.single_edits()):
            raise NetworkError(f"{under}: {self.network.name} reads backwards too, where no step comes from then on")
        like = next(iter(self.network.start(1)[0].values()))
        discovery, paired = lambda: self.clean("discovery"), lambda: self._paired
        sources = Sources(self.verification, clean, discovery, paired, like, self.network.bridge)
        return compile_edits(under, lanes, sources, self.sizes, codes)

    def edited(
        self, under: Intervention, lanes: Sequence[Lane], places: Collection[Place] = ()
    ) -> tuple[Iterator[Activations], Bool[np.ndarray, " batch"]]:
        """Return the run over the verification sequences with an edit, lane after lane, and where it could be made.

        As many lanes as memory allows run as one batch, and resume from the clean run at the first edited step. With
        two lanes of three sequences row ``lane * 3 + sequence`` of the batch is a sequence on a lane::

            row       0  1  2  3  4  5
            lane      0  0  0  1  1  1     0: the units of the spec, 1: random units in their place
            sequence  0  1  2  0  1  2

        If the first edit is at step 40, all six rows start at step 40 in the clean states of step 39.
        """
        clean = self.clean("verification")
        units = sum(n for place, n in self.sizes.items() if place in places or place[1] == "hidden")
        most = max(1, LARGEST // (clean.logits[..., 0].numel() * (units + clean.logits.shape[-1])))
        groups = [lanes[first : first + most] for first in range(0, len(lanes), most)]
        used = self._compiled(under, lanes[:1], lambda: clean).used
        return (run for group in groups for run in self._edited(under, group, clean, places)), used

    def _edited(
        self, under: Intervention, lanes: Sequence[Lane], clean: Activations, places: Collection[Place]
    ) -> Iterator[Activations]:
        with self.clock.phase("intervene"):
            compiled = self._compiled(under, lanes, lambda: clean)
            # What comes before the first edit is the same on every lane, and known from the clean run. A network that
            # reads backwards, too, has no such steps.
            start = compiled.start if self.network.causal else 0
            if start is None or compiled.start is None:
                yield from [clean] * len(lanes)
                return
            read = self._tokens(clean.sequences.examples)[start:]
            lengths = torch.from_numpy(clean.sequences.lengths).to(read.device).repeat(len(lanes))
            states = self._states_before(start, clean, len(lanes))
            run = trace(self.network, read, places, later(compiled.edits, start), states, lengths)
        for lane in range(len(lanes)):
            # The steps before the edit are the clean run's own.
            rows = slice(lane * clean.logits.shape[1], (lane + 1) * clean.logits.shape[1])
            after = {place: as_numpy(v[: clean.sequences.time - start, rows]) for place, v in run.values.items()}
            values = {place: np.concatenate([clean.values[place][:start], v]) for place, v in after.items()}
            yield replace(clean, values=values, logits=torch.cat([clean.logits[:start], run.logits[:, rows]]))

    def displacement(self, under: Intervention, lane: Lane, generates: bool) -> Float[np.ndarray, "batch unit"]:
        """Return how far an edit moves each unit in the clean run, squared; NaN in a sequence it cannot be made in.

        Raises:
            Undecidable: no moment decides where it is made, or it is of several sites.
        """
        clean = self.completed() if generates else self.clean("verification")
        compiled = self._compiled(under, [lane], lambda: clean)
        edits = [e for e in compiled.edits.edits if isinstance(e, RowEdit) and isinstance(e.when, Known)]
        if not edits or len(edits) < len(compiled.edits.edits) or len(compiled.edits.places) > 1:
            raise Undecidable(f"{under}: nothing says beforehand how far it moves units")
        values = torch.from_numpy(clean.values[edits[0].place]).to(self.network.device)
        moved = torch.zeros_like(values[0], dtype=torch.double)
        for step, old in enumerate(values):
            new = old
            for edit in edits:
                new = edit(step, new)
            moved += (new - old).double().square()
        return np.where(compiled.used[:, None], moved.cpu().numpy(), np.nan)

    def _states_before(self, start: int, clean: Activations | None, lanes: int) -> list[State]:
        """The clean state of every layer before a step, once per lane."""
        if clean is None or start == 0:
            begun = self.network.begin(self.verification)
            return [{name: v.repeat(lanes, 1) for name, v in state.items()} for state in begun]
        device = self.network.device
        states: list[State] = [{} for _ in self.network.model.layers]
        for layer, name in self.network.states:
            before = torch.from_numpy(clean.values[layer, name][start - 1]).to(device)
            states[layer][name] = before.repeat(lanes, 1)
        return states

    def completions(self) -> list[Completion]:
        """Return the network's completions of the verification prompts."""
        return self._generated(self.completed_texts)

    def _generated(self, completed: Sequence[Text]) -> list[Completion]:
        """Put the texts of one or more lanes beside those that were due; a text at its limit was cut."""
        end = self.network.vocabulary[-1] if self.network.ends else None
        examples, limits = cycle(self.verification), cycle(self._limits)
        return [
            generated(example, text, end if len(text) < limit else None)
            for example, limit, text in zip(examples, limits, completed, strict=False)
        ]

    def edited_completions(
        self, under: Intervention, lanes: Sequence[Lane]
    ) -> tuple[list[list[Completion]], Bool[np.ndarray, " batch"]]:
        """Return the completions under an edit, a list per lane, and in which sequences it could be made.

        All lanes run as one batch, and resume from the clean run at the first edited step. Where the edit could not
        be made, the completion is that of the clean run.
        """
        with self.clock.phase("intervene"):
            compiled = self._compiled(under, lanes, self.completed, codes_of(self.network.vocabulary))
            if compiled.start is None:
                return [self.completions() for _ in lanes], compiled.used
            rows = self._resumed(compiled.start, len(lanes)) if compiled.start else self._fresh(len(lanes))
            length = generate(self.network, rows, self._choice(len(lanes)), compiled.edits, compiled.edits.before)
            runs = self._generated(self._texts(rows, length))
        batch = len(self.verification)
        used = compiled.used & (not compiled.edits.idle)
        return [runs[first : first + batch] for first in range(0, len(runs), batch)], used

    def _texts(self, rows: Rows, length: torch.Tensor) -> list[Text]:
        first = self.network.bridge
        return texts(rows.tokens[first:], length - first, self.network.vocabulary)

    def _fresh(self, lanes: int) -> Rows:
        """Rows that begin with the prompts."""
        given = torch.tensor([e.prompt for e in self.verification]) + self.network.bridge
        return self._rows(0, self.verification, given, torch.tensor(self._limits) + self.network.bridge, lanes)

    def _rows(
        self, start: int, examples: Sequence[Example], given: torch.Tensor, limit: torch.Tensor, lanes: int
    ) -> Rows:
        tokens, device = padded(self._tokens(examples), int(limit.max())), self.network.device
        states = self._states_before(start, self.completed() if start else None, lanes)
        return Rows(
            tokens.repeat(1, lanes), given.repeat(lanes).to(device), limit.repeat(lanes).to(device), start, states
        )

    def _resumed(self, start: int, lanes: int) -> Rows:
        """Rows that resume from the clean run at a step; texts that had ended by then stay as they are."""
        clean, first = self.completed(), self.network.bridge
        lengths = torch.from_numpy(clean.sequences.lengths) + first
        prompts = torch.tensor([e.prompt for e in self.verification]) + first
        # The token read at ``start`` was chosen before the edit, so the clean text stands up to it. A text that
        # had ended stands as a whole: its limit leaves no room for more.
        ended = lengths <= start
        given = torch.where(ended, lengths, prompts.clamp(min=start + 1))
        limit = torch.where(ended, lengths, torch.tensor(self._limits) + first)
        return self._rows(start, clean.sequences.examples, given, limit, lanes)


def limits(examples: Sequence[Example], ends: bool) -> list[int]:
    """Return how long each text may become when a network completes it."""
    if not ends:
        return [len(e.text) for e in examples]
    longest = 2 * max(len(e.text) - e.prompt for e in examples) + SPARE
    return [e.prompt + longest for e in examples]


def _as_completed(example: Example, text: Text, asked: bool) -> Example:
    """An example with the network's text; the task's labels and events hold up to where the two texts differ."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(example.text, text, strict=False)))
    labels = {n: [*values[:shared], *[np.nan] * (len(text) - shared)] for n, values in example.labels.items()}
    events = {name: step for name, step in example.events.items() if step < (len(text) if asked else shared)}
    return replace(example, text=text, labels=labels, events=events)
