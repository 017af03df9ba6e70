"""What a user passes to a wrapped module: checked, and turned into the terms of the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from neuronspec.engine import unit_sets
from neuronspec.engine.picks.picks import found
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.unit_sets import Lane
from neuronspec.errors import NetworkError, SpecError
from neuronspec.fit import misplaced, place_problems
from neuronspec.language.behaviour_measures import Behaviour, task_measure
from neuronspec.language.expression import Expression, as_kind
from neuronspec.language.interventions import Intervention
from neuronspec.language.moments import event
from neuronspec.language.over_seeds import OverSeeds
from neuronspec.language.signals import Signal, char, depth, inside, label, one_of, regex, symbol
from neuronspec.language.unit_measures import probe, r2
from neuronspec.language.units import Site, each
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.tasks import Example
from neuronspec.networks.wrap import Adapted, to_time_first

READS_TEXT = (char, one_of, regex, inside, depth)
OF_A_TASK = (event, label, symbol, task_measure, OverSeeds)
OF_A_SPEC = {each: "takes the worst unit of a claim", r2: "is fitted on other texts", probe: "is fitted on other texts"}


@dataclass(frozen=True)
class Arguments:
    """What a user passes to a wrapped module, checked and in the terms of the engine.

    Args:
        unknown: the symbol that characters outside the alphabet are read as; None refuses such texts.
    """

    network: Network
    alphabet: str | None
    unknown: str | None

    @property
    def model(self) -> Adapted:
        assert isinstance(self.network.model, Adapted)
        return self.network.model

    @cached_property
    def sizes(self) -> dict[Place, int]:
        """How many units each site of each layer has."""
        return self.network.sizes

    def check_reading(self, what: str, text: object, chunk: int | None, streams: int) -> None:
        """Raise NetworkError for what ``stream`` cannot read."""
        self.require_alphabet(what)
        if not self.network.causal:
            raise NetworkError(f"{self.network.name} reads backwards too: it cannot read in chunks")
        if not isinstance(text, str) or not text:
            raise NetworkError(f"{what}({text!r}): expected a text that is not empty")
        require_whole(f"{what}(chunk=", 1 if chunk is None else chunk, 1)
        require_whole(f"{what}(streams=", streams, 1)
        if streams > len(text):
            raise NetworkError(f"{what}(streams={streams}): the text has {len(text)} symbols")

    def signal(self, name: str, signal: Signal | str) -> Signal:
        parsed = as_kind(signal, ("signal",), f"scan({name}=)")
        assert isinstance(parsed, Signal)
        self.check_words(parsed)
        return parsed

    def edited_places(self, under: Intervention | None) -> set[Place]:
        """Where an intervention writes, and so may take values from."""
        if not isinstance(under, Intervention | None):
            raise SpecError(f"under={under!r}: expected an intervention, e.g. zero(cell[3], at=start + 2)")
        return set() if under is None else unit_sets.places([under], self.sizes)

    def subject(self, inputs: Any, places_read: Collection[Place], lengths: Any = None, prompt: int = 1) -> Subject:
        if self.alphabet is not None and lengths is not None:
            raise NetworkError("lengths: texts have their own; they are for tensors that are padded")
        if self.alphabet is None:
            if not isinstance(inputs, Tensor | PackedSequence):
                raise NetworkError(f"{type(inputs).__name__}: without an alphabet, {self.network.name} reads tensors")
            time_first, steps = to_time_first(self.model, inputs, lengths)
            examples = tuple(Example("\0" * length) for length in steps.tolist())
            return Subject(self.network, examples, examples, places_read, inputs=time_first)
        if isinstance(inputs, Tensor | PackedSequence):
            raise NetworkError("with an alphabet, a network reads texts; wrap the module without one to read tensors")
        texts = self.texts([inputs] if isinstance(inputs, str) else inputs)
        examples = tuple(Example(text, prompt=min(prompt, len(text))) for text in texts)
        return Subject(self.network, examples, examples, places_read)

    def texts(self, texts: Any) -> list[str]:
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
        unknown_characters = Counter(s for text in texts for s in text if s not in known)
        if unknown_characters and self.unknown is None:
            most_common = ", ".join(f"{s!r} ({n})" for s, n in unknown_characters.most_common(5))
            raise NetworkError(
                f"{unknown_characters.total()} characters are outside the alphabet: {most_common}; "
                "wrap(..., unknown=' ') reads them as that symbol"
            )
        table = str.maketrans(dict.fromkeys(unknown_characters, self.unknown))
        return [text.translate(table) for text in texts] if unknown_characters else list(texts)

    def places(self, sites: str | Site | Sequence[str | Site] | None) -> list[Place]:
        if sites is None:
            return list(self.sizes)
        wanted = [Site(site) if isinstance(site, str) else site for site in _as_sites(sites)]
        self.check_places(*wanted, every_layer=True)
        return [(n, name) for n, name in self.sizes for s in wanted if name == s.name and s.layer_number in (None, n)]

    def check_places(self, *expressions: Expression, every_layer: bool = False) -> None:
        """Raise SpecError for a site, layer or unit that the network does not have."""
        known = dict.fromkeys(name for _, name in self.sizes)
        for expression in expressions:
            for part in expression.walk():
                if isinstance(part, Site) and part.name not in known:
                    raise SpecError(f"{part}: {self.network.name} has no {part.name}; it has {', '.join(known)}")
            all_layers = every_layer and isinstance(expression, Site) and expression.layer_number is None
            for problem in () if all_layers else place_problems(expression, self.network.name, self.sizes):
                raise SpecError(problem)

    def lane(self, expression: Expression, subject: Subject) -> Lane:
        """The units that an intervention or a measure names."""
        self.check_places(expression)
        self.check_words(expression)
        return found(expression, subject)

    def check_words(self, expression: Expression) -> None:
        """Raise SpecError for a word that needs a task or a spec."""
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

    def require_alphabet(self, what: str) -> str:
        if self.alphabet is None:
            raise NetworkError(f"{what} needs text: wrap(module, alphabet=...)")
        return self.alphabet

    def require_read_out(self) -> None:
        if self.model.symbols is None and self.model.head is None:
            raise NetworkError(f"{self.network.name} has no read-out: wrap(module, read_out=...)")


def _as_sites(sites: Any) -> list[Site | str]:
    """Sites, given one by one or together."""
    as_list = [sites] if isinstance(sites, str | Site) else list(sites) if isinstance(sites, Iterable) else [sites]
    for site in as_list:
        if not isinstance(site, str | Site):
            raise SpecError(f"sites={sites!r}: expected sites, e.g. [cell, forget_gate]")
    return as_list


def require_named(signals: Any) -> Mapping[str, Any]:
    if not isinstance(signals, Mapping) or not signals or not all(isinstance(name, str) for name in signals):
        raise SpecError(f"signals={signals!r}: expected signals by name, e.g. {{'quote': char('a')}}")
    return signals


def require_whole(what: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise NetworkError(f"{what}{value!r}): expected a whole number of at least {least}")
