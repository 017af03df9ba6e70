"""A user's own module: traced, edited inside the recurrence, and measured, without tasks or specs."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.runs.activations import Activations
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network, check_parity, trace
from neuronspec.engine.scan.result import Scan
from neuronspec.engine.scan.scan import PIECE, scan
from neuronspec.errors import NetworkError, SpecError
from neuronspec.language.behaviour_measures import Behaviour
from neuronspec.language.interventions import Intervention
from neuronspec.language.measures import Measure, refuse_foresight
from neuronspec.language.signals import Signal
from neuronspec.language.spec import check_measure
from neuronspec.language.units import Site
from neuronspec.networks.cells.cell import Place, State
from neuronspec.networks.models import tokens_of
from neuronspec.networks.tasks import Example
from neuronspec.networks.threads import one_thread
from neuronspec.networks.wrap import Adapted, adapt
from neuronspec.notebook.arguments import Arguments, require_named, require_whole
from neuronspec.notebook.trace import Trace, nan_past_end

AT_ONCE = 20_000
"""Characters of a long text that are traced at once, where the user does not say."""


def wrap(
    module: nn.Module,
    alphabet: str | None = None,
    *,
    unknown: str | None = None,
    embedding: Any = None,
    recurrent: Any = None,
    read_out: Any = None,
    batch_first: bool | None = None,
) -> Wrapped:
    """Return a module of your own, ready to be traced, edited inside the recurrence and measured.

    The module stays as it is: its weights are read where they are, and every run is as in eval mode.

    Args:
        module: with one or more ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` (or their cells), an embedding before them and
            a read-out after them.
        alphabet: its symbols in the order of its tokens; without one it reads tensors.
        unknown: the symbol of the alphabet that any other character is read as; None refuses such texts.
        embedding: what comes before the recurrent part, where it cannot be found: a name, a module or a function.
        recurrent: likewise; one written by hand is an object with ``sites``, ``start`` and ``step`` (see ``Cell``).
        read_out: likewise.
        batch_first: whether the module reads ``[batch time]``, where its recurrent part does not say.

    Raises:
        NetworkError: naming what is missing, ambiguous or unfit, or where the module's own forward disagrees.
    """
    if alphabet is not None and (not isinstance(alphabet, str) or not alphabet):
        raise NetworkError(f"alphabet={alphabet!r}: expected a string of symbols, each once")
    repeated = [s for s, n in Counter(alphabet or "").items() if n > 1]
    if repeated:
        raise NetworkError(f"alphabet: expected symbols, each once; twice: {repeated}")
    if unknown is not None and (alphabet is None or unknown not in set(alphabet)):
        raise NetworkError(f"unknown={unknown!r}: expected one symbol of the alphabet")
    symbols = None if alphabet is None else len(alphabet)
    model = adapt(
        module,
        symbols=symbols,
        embedding=embedding,
        recurrent=recurrent,
        read_out=read_out,
        batch_first=batch_first,
    )
    network = Network(type(module).__name__, 0, alphabet or "", model, ends=False)
    parity = check_parity(network)
    if math.isnan(parity["module's own forward"]) and type(module).forward is not nn.Module.forward:
        message = "its own forward cannot be called with inputs alone, and was not compared"
        warnings.warn(f"{network.name}: {message}", stacklevel=2)
    return Wrapped(network, alphabet, unknown, parity)


@dataclass(frozen=True)
class Wrapped:
    """A user's own module; made by ``wrap``.

    Args:
        parity: how far our steps are from the module's own run, by check.
    """

    network: Network
    alphabet: str | None
    unknown: str | None
    parity: Mapping[str, float]

    def __repr__(self) -> str:
        layers = "; ".join(
            ", ".join(f"{site} {units}" for site, units in layer.sites.items()) for layer in self.model.layers
        )
        return f"{self.network.name}, wrapped; units by layer: {layers}"

    @property
    def model(self) -> Adapted:
        assert isinstance(self.network.model, Adapted)
        return self.network.model

    @property
    def sizes(self) -> dict[Place, int]:
        """How many units each site of each layer has."""
        return self._arguments.sizes

    @cached_property
    def _arguments(self) -> Arguments:
        """Checks what is passed to the methods."""
        return Arguments(self.network, self.alphabet, self.unknown)

    def trace(
        self,
        inputs: Any,
        sites: str | Site | Sequence[str | Site] | None = None,
        *,
        under: Intervention | None = None,
        lengths: Any = None,
    ) -> Trace:
        """Return the values of sites (all where None) while the network reads.

        Args:
            inputs: a text or a list of texts; without an alphabet tensors as the module takes them, or packed.
            under: edits the run, inside the recurrence.
            lengths: of each sequence, where tensors are padded.
        """
        places_read = self._arguments.places(sites)
        subject = self._arguments.subject(inputs, {*places_read, *self._arguments.edited_places(under)}, lengths)
        run, used = self._run(subject, under, places_read)
        values = {place: nan_past_end(torch.from_numpy(run.values[place]), run) for place in places_read}
        texts = [] if self.alphabet is None else [str(example.text) for example in subject.verification]
        return Trace(values, nan_past_end(run.logits.cpu(), run), torch.from_numpy(run.sequences.lengths), texts, used)

    def logits(self, inputs: Any, *, under: Intervention | None = None, lengths: Any = None) -> Tensor:
        """Return the logits of the next symbol while the network reads, ``[time batch symbol]``; NaN past the end."""
        self._arguments.require_read_out()
        run, _ = self._run(self._arguments.subject(inputs, self._arguments.edited_places(under), lengths), under, [])
        return nan_past_end(run.logits.cpu(), run)

    def generate(
        self,
        n: int = 1,
        length: int = 200,
        temperature: float = 1.0,
        seed: int = 0,
        *,
        prompt: str | None = None,
        under: Intervention | None = None,
    ) -> list[str]:
        """Return ``n`` texts that the network writes, prompt included.

        The same seed gives the same random numbers, edited or not, so that two runs differ by the edit alone.

        Args:
            length: how many symbols it adds to the prompt.
            temperature: 0 takes the most probable symbol.
            prompt: what it goes on with; by default a line break, or the first symbol of the alphabet.
        """
        alphabet = self._arguments.require_alphabet("generate")
        self._arguments.require_read_out()
        for name, value, least in (("n", n, 1), ("length", length, 1), ("seed", seed, 0)):
            require_whole(f"generate({name}=", value, least)
        if not isinstance(temperature, int | float) or not (temperature == 0 or 1e-3 <= temperature < float("inf")):
            raise NetworkError(f"generate(temperature={temperature!r}): expected 0, or a number of at least 0.001")
        prompt = ("\n" if "\n" in alphabet else alphabet[0]) if prompt is None else prompt
        examples = tuple(Example(text, prompt=len(text)) for text in self._arguments.texts([prompt]) * n)
        network = replace(self.network, seed=seed)
        subject = Subject(
            network, examples, examples, self._arguments.edited_places(under), temperature=temperature, length=length
        )
        if under is None:
            return list(map(str, subject.completed_texts))
        refuse_foresight(under, under)
        lane = self._arguments.lane(under, subject)
        runs, used = subject.edited_completions(under, [lane])
        if not used.any():
            raise NetworkError(f"{under} could be made in no text")
        return [f"{run.prompt}{run.came}" for run in runs[0]]

    @one_thread()
    def measure(self, measure: Measure, texts: Any, *, prompt: int = 1) -> float:
        """Return a measure of the language on some texts, without controls or interval; NaN where it is undefined.

        Args:
            prompt: how many symbols of each text are given, and so neither expected nor generated.
        """
        require_whole("measure(prompt=", prompt, 1)
        if not isinstance(measure, Measure):
            raise SpecError(f"measure({measure!r}): expected a measure, e.g. perplexity()")
        check_measure(measure)
        if any(isinstance(part, Behaviour) for part in measure.walk()):
            self._arguments.require_alphabet(f"{measure}")
            self._arguments.require_read_out()
        subject = self._arguments.subject(texts, self._arguments.places(None), prompt=prompt)
        return float(estimate(measure, View(subject, [self._arguments.lane(measure, subject)])).values[0])

    def stream(
        self, text: str, sites: str | Site | Sequence[str | Site] = (), *, chunk: int | None = None, streams: int = 1
    ) -> Iterator[Trace]:
        """Read a long text in chunks, carrying the state over, and yield the trace of each; memory stays flat.

        Args:
            chunk: steps per trace; by default as many as give a trace of some 20,000 characters.
            streams: the number of equal pieces of the text that are read side by side, each from a fresh state:
                faster, and the batch of every trace. The rest at the end, less than one step of all, is left out.
        """
        self._arguments.check_reading("stream", text, chunk, streams)
        chunk = chunk or max(1, AT_ONCE // streams)
        places_read = self._arguments.places(sites)
        steps = len(text) // streams
        states: list[State] | None = None
        for first in range(0, steps, chunk):
            last = min(first + chunk, steps)
            pieces = self._arguments.texts([text[k * steps + first : k * steps + last] for k in range(streams)])
            tokens = tokens_of(pieces, self.network.vocabulary).to(self.network.device)
            run = trace(self.network, tokens, places_read, states=states)
            states = run.states
            lengths = torch.full((streams,), last - first)
            yield Trace({p: v.cpu() for p, v in run.values.items()}, run.logits.cpu(), lengths, pieces)

    @one_thread()
    def cross_entropy(self, text: str, *, chunk: int | None = None, streams: int = 1) -> float:
        """Return the mean negative log probability of each next symbol of a long text, in nats; see ``stream``."""
        self._arguments.require_read_out()
        total, count, last = 0.0, 0, None
        for piece in self.stream(text, chunk=chunk, streams=streams):
            targets = tokens_of(piece.texts, self.network.vocabulary)
            logits = piece.logits if last is None else torch.cat([last, piece.logits])
            targets = targets[1:] if last is None else targets
            losses = nn.functional.cross_entropy(logits[:-1].flatten(0, 1), targets.flatten(), reduction="sum")
            total, count, last = total + float(losses), count + targets.numel(), piece.logits[-1:]
        if not count:
            raise NetworkError("cross_entropy: the text is too short, there is no next symbol to expect")
        return total / count

    @one_thread()
    def scan(
        self,
        text: str,
        signals: Mapping[str, Signal | str],
        site: str | Site,
        *,
        streams: int = 100,
        chunk: int | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Scan:
        """Return the correlation and the binned AUROC of every unit of a site with some signals over a long text.

        ``scan(text, {"quote": char('"')}, cell).ranking("quote")`` are all units of the cell, best first. The memory
        for the values stays flat; the signals take one byte per character each, numbers four.

        Args:
            streams: see ``stream``; the signals are those of the whole text, across its streams.
            chunk: see ``stream``; some 5,000 characters by default.
            progress: called with the number of characters done and their total.

        Raises:
            Undecidable: a signal has one value at all steps, or none.
        """
        self._arguments.check_reading("scan", text, chunk, streams)
        signals_by_name = {
            name: self._arguments.signal(name, signal) for name, signal in require_named(signals).items()
        }
        site = Site(site) if isinstance(site, str) else site
        if not isinstance(site, Site):
            raise SpecError(f"site={site!r}: expected one site, e.g. cell")
        self._arguments.check_places(site)
        without_read_out = replace(self, network=replace(self.network, model=replace(self.model, head=None)))
        (text,) = self._arguments.texts([text])
        traces = without_read_out.stream(text, site, chunk=chunk or max(1, PIECE // streams), streams=streams)
        return scan((piece[site] for piece in traces), signals_by_name, text, streams, site, progress)

    def _run(
        self, subject: Subject, under: Intervention | None, places_read: Sequence[Place]
    ) -> tuple[Activations, list[bool]]:
        """The run, and the sequences that are edited in it."""
        if under is None:
            return subject.clean("verification"), [False] * len(subject.verification)
        runs, used = subject.edited(under, [self._arguments.lane(under, subject)], places_read)
        if not used.any():
            raise NetworkError(f"{under} could be made in no sequence")
        return next(runs), used.tolist()
