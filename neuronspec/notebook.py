"""A user's own module at hand: traced, edited inside the recurrence, and measured, without tasks or specs.

``from neuronspec import wrap`` gives the way in.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.picks.picks import found
from neuronspec.engine.runs.activations import Activations
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network, check_parity, trace
from neuronspec.engine.scan.result import Scan
from neuronspec.engine.scan.scan import PIECE, scan
from neuronspec.engine.unit_sets import Lane, places
from neuronspec.errors import NetworkError, SpecError, did_you_mean
from neuronspec.fit import misplaced, place_problems
from neuronspec.language.behaviour_measures import Behaviour, task_measure
from neuronspec.language.expression import Expression, as_kind
from neuronspec.language.interventions import Intervention
from neuronspec.language.measures import Measure, refuse_foresight
from neuronspec.language.moments import event
from neuronspec.language.over_seeds import OverSeeds
from neuronspec.language.signals import Signal, char, depth, inside, label, one_of, regex, symbol
from neuronspec.language.spec import check_measure
from neuronspec.language.unit_measures import probe, r2
from neuronspec.language.units import Site, Unit, each
from neuronspec.networks.cells.cell import Place, State
from neuronspec.networks.models import tokens_of
from neuronspec.networks.tasks import Example
from neuronspec.networks.threads import one_thread
from neuronspec.networks.wrap import Adapted, adapt, to_time_first

AT_ONCE = 20_000
"""Characters of a long text that are traced at once, where the user does not say."""

READS_TEXT = (char, one_of, regex, inside, depth)
OF_A_TASK = (event, label, symbol, task_measure, OverSeeds)
OF_A_SPEC = {each: "takes the worst unit of a claim", r2: "is fitted on other texts", probe: "is fitted on other texts"}


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
    twice = [s for s, n in Counter(alphabet or "").items() if n > 1]
    if twice:
        raise NetworkError(f"alphabet: expected symbols, each once; twice: {twice}")
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
        said = "its own forward cannot be called with inputs alone, and was not compared"
        warnings.warn(f"{network.name}: {said}", stacklevel=2)
    return Wrapped(network, alphabet, unknown, parity)


@dataclass(frozen=True)
class Trace:
    """The values of some sites while a network read some sequences.

    Args:
        values: by layer and site, ``[time batch unit]``; NaN past the end of a sequence.
        logits: of the next symbol, ``[time batch symbol]``; NaN past the end too.
        lengths: of each sequence.
        texts: what was read, where it was text.
        edited: the sequences in which the edit, if there was one, could be made; the others are as they were.
    """

    values: Mapping[Place, Float[Tensor, "time batch unit"]]
    logits: Float[Tensor, "time batch symbol"]
    lengths: Int[Tensor, " batch"]
    texts: Sequence[str] = ()
    edited: Sequence[bool] = ()

    def __repr__(self) -> str:
        sites = ", ".join(dict.fromkeys(site for _, site in self.values))
        return f"Trace of {len(self.lengths)} sequences, up to {len(self.logits)} steps: {sites}"

    @property
    def mask(self) -> Bool[Tensor, "time batch"]:
        """Where there is a step: false past the end of a sequence."""
        return torch.arange(len(self.logits), device=self.lengths.device).unsqueeze(1) < self.lengths

    def __getitem__(self, of: str | Site | Unit) -> Tensor:
        """Return a site by its word or name, ``[time batch unit]``, or one unit, ``[time batch]``.

        Raises:
            SpecError: it is not among those that were recorded, or several layers have it.
        """
        if not isinstance(of, str | Site | Unit):
            raise SpecError(f"trace[{of!r}]: expected a site or a unit, e.g. trace[cell] or trace[cell[3]]")
        if isinstance(of, Unit):
            values = self[of.site]
            if of.index >= values.shape[-1]:
                raise SpecError(f"{of}: {of.site} has units 0 to {values.shape[-1] - 1}")
            return values[..., of.index] * of.sign
        site = Site(of) if isinstance(of, str) else of
        found = [place for place in self.values if place[1] == site.name]
        if site.layer_number is not None:
            found = [place for place in found if place[0] == site.layer_number]
        if not found:
            known = dict.fromkeys(name for _, name in self.values)
            raise SpecError(f"{site} was not recorded{did_you_mean(site.name, known)}")
        if len(found) > 1:
            raise SpecError(f"{site}: there are {len(found)} layers: write trace[{site}.layer(0)]")
        return self.values[found[0]]


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

    @cached_property
    def sizes(self) -> dict[Place, int]:
        """How many units each site of each layer has."""
        return self.network.sizes

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
        asked = self._places(sites)
        subject = self._subject(inputs, {*asked, *self._edited(under)}, lengths)
        run, used = self._run(subject, under, asked)
        values = {place: _to_the_end(torch.from_numpy(run.values[place]), run) for place in asked}
        texts = [] if self.alphabet is None else [str(example.text) for example in subject.verification]
        return Trace(values, _to_the_end(run.logits.cpu(), run), torch.from_numpy(run.sequences.lengths), texts, used)

    def logits(self, inputs: Any, *, under: Intervention | None = None, lengths: Any = None) -> Tensor:
        """Return the logits of the next symbol while the network reads, ``[time batch symbol]``; NaN past the end."""
        self._want_read_out()
        run, _ = self._run(self._subject(inputs, self._edited(under), lengths), under, [])
        return _to_the_end(run.logits.cpu(), run)

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
        alphabet = self._want_alphabet("generate")
        self._want_read_out()
        for name, value, least in (("n", n, 1), ("length", length, 1), ("seed", seed, 0)):
            _want_whole(f"generate({name}=", value, least)
        if not isinstance(temperature, int | float) or not (temperature == 0 or 1e-3 <= temperature < float("inf")):
            raise NetworkError(f"generate(temperature={temperature!r}): expected 0, or a number of at least 0.001")
        prompt = ("\n" if "\n" in alphabet else alphabet[0]) if prompt is None else prompt
        examples = tuple(Example(text, prompt=len(text)) for text in self._texts([prompt]) * n)
        network = replace(self.network, seed=seed)
        subject = Subject(network, examples, examples, self._edited(under), temperature=temperature, length=length)
        if under is None:
            return list(map(str, subject.completed_texts))
        refuse_foresight(under, under)
        lane = self._lane(under, subject)
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
        _want_whole("measure(prompt=", prompt, 1)
        if not isinstance(measure, Measure):
            raise SpecError(f"measure({measure!r}): expected a measure, e.g. perplexity()")
        check_measure(measure)
        if any(isinstance(part, Behaviour) for part in measure.walk()):
            self._want_alphabet(f"{measure}")
            self._want_read_out()
        subject = self._subject(texts, self._places(None), prompt=prompt)
        return float(estimate(measure, View(subject, [self._lane(measure, subject)])).values[0])

    def stream(
        self, text: str, sites: str | Site | Sequence[str | Site] = (), *, chunk: int | None = None, streams: int = 1
    ) -> Iterator[Trace]:
        """Read a long text in chunks, carrying the state over, and yield the trace of each; memory stays flat.

        Args:
            chunk: steps per trace; by default so many that a trace holds some 20,000 characters.
            streams: so many equal pieces of the text are read side by side, each from a fresh state: faster, and
                the batch of every trace. What is left over at the end, less than one step of all, is left out.
        """
        self._check_reading("stream", text, chunk, streams)
        chunk = chunk or max(1, AT_ONCE // streams)
        asked = self._places(sites)
        steps = len(text) // streams
        states: list[State] | None = None
        for first in range(0, steps, chunk):
            last = min(first + chunk, steps)
            pieces = self._texts([text[k * steps + first : k * steps + last] for k in range(streams)])
            read = tokens_of(pieces, self.network.vocabulary).to(self.network.device)
            run = trace(self.network, read, asked, states=states)
            states = run.states
            lengths = torch.full((streams,), last - first)
            yield Trace({p: v.cpu() for p, v in run.values.items()}, run.logits.cpu(), lengths, pieces)

    @one_thread()
    def cross_entropy(self, text: str, *, chunk: int | None = None, streams: int = 1) -> float:
        """Return the mean negative log probability of each next symbol of a long text, in nats; see ``stream``."""
        self._want_read_out()
        total, count, last = 0.0, 0, None
        for piece in self.stream(text, chunk=chunk, streams=streams):
            due = tokens_of(piece.texts, self.network.vocabulary)
            logits = piece.logits if last is None else torch.cat([last, piece.logits])
            due = due[1:] if last is None else due
            losses = nn.functional.cross_entropy(logits[:-1].flatten(0, 1), due.flatten(), reduction="sum")
            total, count, last = total + float(losses), count + due.numel(), piece.logits[-1:]
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
        """Return how every unit of a site goes with some signals over a long text: correlation, and AUROC in bins.

        ``scan(text, {"quote": char('"')}, cell).ranking("quote")`` are all units of the cell, best first. The memory
        for the values stays flat; the signals take one byte per character each, numbers four.

        Args:
            streams: see ``stream``; the signals are those of the whole text, across its streams.
            chunk: see ``stream``; some 5,000 characters by default.
            progress: told the characters done, of how many.

        Raises:
            Undecidable: a signal says the same at all steps, or nothing.
        """
        self._check_reading("scan", text, chunk, streams)
        asked = {name: self._signal(name, signal) for name, signal in _named(signals).items()}
        site = Site(site) if isinstance(site, str) else site
        if not isinstance(site, Site):
            raise SpecError(f"site={site!r}: expected one site, e.g. cell")
        self._check_places(site)
        silent = replace(self, network=replace(self.network, model=replace(self.model, head=None)))
        (text,) = self._texts([text])
        read = silent.stream(text, site, chunk=chunk or max(1, PIECE // streams), streams=streams)
        return scan((piece[site] for piece in read), asked, text, streams, site, progress)

    # What is asked, as the engine takes it.

    def _check_reading(self, what: str, text: object, chunk: int | None, streams: int) -> None:
        """Raise NetworkError for what ``stream`` cannot read."""
        self._want_alphabet(what)
        if not self.network.causal:
            raise NetworkError(f"{self.network.name} reads backwards too: it cannot read in chunks")
        if not isinstance(text, str) or not text:
            raise NetworkError(f"{what}({text!r}): expected a text that is not empty")
        _want_whole(f"{what}(chunk=", 1 if chunk is None else chunk, 1)
        _want_whole(f"{what}(streams=", streams, 1)
        if streams > len(text):
            raise NetworkError(f"{what}(streams={streams}): the text has {len(text)} symbols")

    def _signal(self, name: str, signal: Signal | str) -> Signal:
        read = as_kind(signal, ("signal",), f"scan({name}=)")
        assert isinstance(read, Signal)
        self._check_words(read)
        return read

    def _edited(self, under: Intervention | None) -> set[Place]:
        """Where an intervention writes, and so may take values from."""
        if not isinstance(under, Intervention | None):
            raise SpecError(f"under={under!r}: expected an intervention, e.g. zero(cell[3], at=start + 2)")
        return set() if under is None else places([under], self.sizes)

    def _run(
        self, subject: Subject, under: Intervention | None, asked: Sequence[Place]
    ) -> tuple[Activations, list[bool]]:
        """The run, and the sequences that are edited in it."""
        if under is None:
            return subject.clean("verification"), [False] * len(subject.verification)
        runs, used = subject.edited(under, [self._lane(under, subject)], asked)
        if not used.any():
            raise NetworkError(f"{under} could be made in no sequence")
        return next(runs), used.tolist()

    def _subject(self, inputs: Any, asked: Collection[Place], lengths: Any = None, prompt: int = 1) -> Subject:
        if self.alphabet is not None and lengths is not None:
            raise NetworkError("lengths: texts have their own; they are for tensors that are padded")
        if self.alphabet is None:
            if not isinstance(inputs, Tensor | PackedSequence):
                raise NetworkError(f"{type(inputs).__name__}: without an alphabet, {self.network.name} reads tensors")
            read, steps = to_time_first(self.model, inputs, lengths)
            examples = tuple(Example("\0" * length) for length in steps.tolist())
            return Subject(self.network, examples, examples, asked, inputs=read)
        if isinstance(inputs, Tensor | PackedSequence):
            raise NetworkError("with an alphabet, a network reads texts; wrap the module without one to read tensors")
        texts = self._texts([inputs] if isinstance(inputs, str) else inputs)
        examples = tuple(Example(text, prompt=min(prompt, len(text))) for text in texts)
        return Subject(self.network, examples, examples, asked)

    def _texts(self, texts: Any) -> list[str]:
        """The texts as the alphabet has them."""
        if not isinstance(texts, Iterable) or isinstance(texts, Mapping):
            raise NetworkError(f"{type(texts).__name__}: expected a text or a list of texts")
        texts = list(texts)
        if not texts:
            raise NetworkError("no texts: expected at least one")
        for number, text in enumerate(texts):
            if not isinstance(text, str) or not text:
                raise NetworkError(f"text {number} is {text!r}: expected a string that is not empty")
        known = set(self.alphabet or "")
        strange = Counter(s for text in texts for s in text if s not in known)
        if strange and self.unknown is None:
            few = ", ".join(f"{s!r} ({n})" for s, n in strange.most_common(5))
            raise NetworkError(
                f"{strange.total()} characters are outside the alphabet: {few}; "
                "wrap(..., unknown=' ') reads them as that symbol"
            )
        table = str.maketrans(dict.fromkeys(strange, self.unknown))
        return [text.translate(table) for text in texts] if strange else list(texts)

    def _places(self, sites: str | Site | Sequence[str | Site] | None) -> list[Place]:
        if sites is None:
            return list(self.sizes)
        asked = [Site(site) if isinstance(site, str) else site for site in _each(sites)]
        self._check_places(*asked, every_layer=True)
        return [(n, name) for n, name in self.sizes for s in asked if name == s.name and s.layer_number in (None, n)]

    def _check_places(self, *expressions: Expression, every_layer: bool = False) -> None:
        """Raise SpecError for a site, layer or unit that the network does not have."""
        known = dict.fromkeys(name for _, name in self.sizes)
        for expression in expressions:
            for part in expression.walk():
                if isinstance(part, Site) and part.name not in known:
                    raise SpecError(f"{part}: {self.network.name} has no {part.name}; it has {', '.join(known)}")
            whole = every_layer and isinstance(expression, Site) and expression.layer_number is None
            for problem in () if whole else place_problems(expression, self.network.name, self.sizes):
                raise SpecError(problem)

    def _lane(self, expression: Expression, subject: Subject) -> Lane:
        """The units that an intervention or a measure names."""
        self._check_places(expression)
        self._check_words(expression)
        return found(expression, subject)

    def _check_words(self, expression: Expression) -> None:
        """Raise SpecError for a word that says nothing about texts alone."""
        for problem in misplaced(expression):
            raise SpecError(problem)
        for part in expression.walk():
            if isinstance(part, Behaviour) and part.network is not None:
                raise SpecError(f"{part}: network= names another recipe, and here there is one network")
            if type(part) in OF_A_SPEC:
                raise SpecError(f"{part}: {part.word} {OF_A_SPEC[type(part)]}: write it in a spec")
            if isinstance(part, OF_A_TASK):
                raise SpecError(f"{part}: a task gives that, and here there are texts alone")
            if self.alphabet is None and isinstance(part, READS_TEXT):
                raise SpecError(f"{part} reads text, and {self.network.name} was wrapped without an alphabet")

    def _want_alphabet(self, what: str) -> str:
        if self.alphabet is None:
            raise NetworkError(f"{what} needs text: wrap(module, alphabet=...)")
        return self.alphabet

    def _want_read_out(self) -> None:
        if self.model.symbols is None and self.model.head is None:
            raise NetworkError(f"{self.network.name} has no read-out: wrap(module, read_out=...)")


def _to_the_end(values: Tensor, run: Activations) -> Tensor:
    """The values up to the end of each sequence, and NaN beyond it."""
    past = torch.from_numpy(np.isnan(run.sequences.steps))
    return values.masked_fill(past.unsqueeze(-1), math.nan)


def _each(sites: Any) -> list[Site | str]:
    """Sites, given one by one or together."""
    each = [sites] if isinstance(sites, str | Site) else list(sites) if isinstance(sites, Iterable) else [sites]
    for site in each:
        if not isinstance(site, str | Site):
            raise SpecError(f"sites={sites!r}: expected sites, e.g. [cell, forget_gate]")
    return each


def _named(signals: Any) -> Mapping[str, Any]:
    if not isinstance(signals, Mapping) or not signals or not all(isinstance(name, str) for name in signals):
        raise SpecError(f"signals={signals!r}: expected signals by name, e.g. {{'quote': char('a')}}")
    return signals


def _want_whole(what: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise NetworkError(f"{what}{value!r}): expected a whole number of at least {least}")
