"""Tasks: what a network learns, and what is named in it. Loads no torch.

A task file, ``tasks/NAME.py``, defines one ``task = Task(...)``; its name is the file's.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import TypeAlias, TypeGuard

from neuronspec.errors import TaskError, did_you_mean
from neuronspec.language.behaviour_measures import Behaviour
from neuronspec.language.claims import Claim
from neuronspec.networks.recipes import Recipe, checkpoint

Text: TypeAlias = str | tuple[str, ...]
"""A sequence of symbols: the characters of a string, or words."""


def is_text(value: object) -> TypeGuard[Text]:
    """Return whether a value is a string of characters or a tuple of words."""
    return isinstance(value, str) or (isinstance(value, tuple) and all(isinstance(word, str) for word in value))


def joined(text: Text, more: Text) -> Text:
    """Return a text and what follows it as one."""
    return text + more if isinstance(text, str) and isinstance(more, str) else (*text, *more)


@dataclass(frozen=True)
class Example:
    """One sequence, and what the task names in it.

    Args:
        text: the sequence, without the end symbol: a string of characters, or a tuple of words.
        prompt: how many of its first symbols are given when the network is to complete it.
        events: steps by name.
        symbols: values of the whole sequence by name.
        labels: values per step by name.
        pair: the sequence whose values an interchange writes into this one.
        source: what an encoder reads first. The first symbol of ``text`` is then what the decoder is given, and its
            step 0 is the bridged state: the state at a step says the symbol at that step.
    """

    text: Text
    prompt: int = 1
    events: Mapping[str, int] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Sequence[float]] = field(default_factory=dict)
    pair: Example | None = None
    source: Text | None = None


SHARES = {"verification": (0.0, 0.25), "discovery": (0.25, 0.5), "corpus": (0.5, 1.0)}
"""Which part of a text's windows each stream gets, from and to; together they are the whole."""


@dataclass(frozen=True)
class windows:
    """A ``sample`` for a task about a long text: pieces of it, which do not overlap.

    The text is cut into pieces, and these are dealt out once: a quarter is for verification, a quarter for discovery,
    and half to train on.

    Args:
        length: of each piece, in symbols.
        prompt: how many of them are given.

    Raises:
        TaskError: the text is too short.
    """

    text: Text = field(repr=False)
    length: int
    prompt: int = 1

    def __post_init__(self) -> None:
        numbers = all(isinstance(n, int) and not isinstance(n, bool) for n in (self.length, self.prompt))
        if not is_text(self.text) or not numbers:
            raise TaskError(
                f"windows(length={self.length!r}, prompt={self.prompt!r}): expected a text and whole numbers"
            )
        if not 0 < self.prompt <= self.length <= len(self.text) // 4:
            raise TaskError(
                f"windows(length={self.length}, prompt={self.prompt}): a text of {len(self.text)} symbols "
                "has no four such pieces"
            )

    def deal(self, stream: str, most: int) -> Iterator[Example]:
        """Yield the pieces of a stream, at most ``most``."""
        starts = [n * self.length for n in range(len(self.text) // self.length)]
        random.Random(0).shuffle(starts)  # so that each stream gets pieces from all over the text
        low, high = (round(share * len(starts)) for share in SHARES[stream])
        for start in starts[low:high][:most]:
            yield Example(self.text[start : start + self.length], self.prompt)


@dataclass(frozen=True)
class Completion:
    """What a network made of an example's prompt: the completion that was due, and the one that it gave.

    Args:
        end: the symbol that the network closed it with; none where none does, or the run was cut. It is predicted,
            and not part of the text.
    """

    prompt: Text
    due: Text
    came: Text
    end: str | None = None

    @property
    def exact(self) -> bool:
        """Whether the network completed the prompt and stopped as it should."""
        return self.due == self.came

    @property
    def said(self) -> Text:
        """The whole completion, with the symbol that closed it."""
        if self.end is None:
            return self.came
        return joined(self.came, self.end if isinstance(self.came, str) else (self.end,))


@dataclass(frozen=True)
class TaskMeasure:
    """A measure of a task's own: one number from what a network generates on some examples."""

    examples: Sequence[Example]
    of: Callable[[Sequence[Completion]], float]


ABOUT_A_CLEAN_RUN = "e.g. [exact_match() >= 1, count('b') <= 3]"


def _about_a_run(claim: object) -> bool:
    """Whether a claim is about clean runs in which the network generates, one sequence at a time."""
    measure = claim.measure if isinstance(claim, Claim) else None
    plain = isinstance(claim, Claim) and claim.expected == "supported" and not claim.rivals and not claim.side_effect
    clean = isinstance(measure, Behaviour) and measure.generates and measure.under is None and measure.among is None
    return plain and clean


@dataclass(frozen=True)
class Task:
    """Generates sequences, and names what is in them.

    Args:
        alphabet: the symbols of its sequences: a string of characters, or words.
        recipes: recipes and checkpoints by name.
        examples: all sequences there are, for a task small enough (a *census*): the network trains on them, and
            units are picked and judged on them.
        sample: draws one example from a ``random.Random``, for all other tasks; training, discovery and
            verification draw from streams of their own. ``windows(text, length)`` deals out pieces of a text.
        evaluate_on: draws, in place of ``sample``, the examples for discovery and verification, where networks are
            examined on others than they are trained on.
        generated_only: claims about one run, where networks are examined on what they say themselves: each prompt of
            discovery and verification is completed by the network, and kept where its run meets these claims.
        size: how many examples of a sample are drawn for discovery, and for verification.
        corpus_size: how many are drawn to train on.
        end: symbol that closes every sequence; it is predicted, never read. None where nothing does (a text cut
            into pieces): then a network that goes on with a prompt says as many symbols as are due.
        temperature: at which a network goes on with a prompt; 0 takes the most probable symbol.
        competence: the claim a network must meet to count as one that has learnt the task.
        measures: measures of the task's own, by name.
        from_lines: makes the same task of the lines of a text: ``neuronspec verify --corpus NAME=FILE``.
    """

    alphabet: str | Sequence[str]
    recipes: Mapping[str, Recipe | checkpoint]
    competence: Claim
    examples: Sequence[Example] | None = None
    sample: Callable[[random.Random], Example] | windows | None = None
    evaluate_on: Callable[[random.Random], Example] | None = None
    generated_only: Sequence[Claim] = ()
    size: int = 200
    corpus_size: int = 2000
    end: str | None = "$"
    temperature: float = 0.0
    measures: Mapping[str, TaskMeasure] = field(default_factory=dict)
    from_lines: Callable[[Sequence[str]], Task] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.examples is not None:
            object.__setattr__(self, "examples", tuple(self.examples))  # a generator could be read but once
        if isinstance(self.alphabet, Sequence) and not isinstance(self.alphabet, str):
            object.__setattr__(self, "alphabet", tuple(self.alphabet))
        self._check_parts()
        if (self.examples is None) == (self.sample is None):
            raise TaskError("Task: give either examples= (a census) or sample= (a function that draws one)")
        if self.examples is not None and not self.examples:
            raise TaskError("Task(examples=[]): expected at least one example")
        if self.end is not None and (self.end in self.alphabet or (len(self.end) != 1 and not self.of_words)):
            raise TaskError(f"Task(end={self.end!r}): expected one symbol that is not in alphabet={self.alphabet!r}")
        if len(set(self.alphabet)) < len(self.alphabet) or not self.alphabet:
            raise TaskError(f"Task(alphabet={self.alphabet!r}): expected symbols, each once")
        if self.evaluate_on is not None and (not callable(self.evaluate_on) or not callable(self.sample)):
            raise TaskError("Task(evaluate_on=...): expected a function beside sample=, another function, for training")
        self._check_generated_only()
        if not isinstance(self.competence, Claim):
            raise TaskError(f"Task(competence={self.competence!r}): expected a claim, e.g. exact_match() >= 0.99")

    def _check_generated_only(self) -> None:
        claims = self.generated_only
        if not isinstance(claims, Sequence) or not all(_about_a_run(claim) for claim in claims):
            raise TaskError(
                f"Task(generated_only={claims!r}): expected a list of claims about a clean run: {ABOUT_A_CLEAN_RUN}"
            )
        object.__setattr__(self, "generated_only", tuple(claims))
        if claims and self.temperature > 0:
            raise TaskError(
                f"Task(generated_only=..., temperature={self.temperature!r}): what it says must not be drawn"
            )

    def _check_parts(self) -> None:
        if not is_text(self.alphabet):
            raise TaskError(f"Task(alphabet={self.alphabet!r}): expected a string of characters, or words")
        if self.of_words and not all(self.alphabet):
            raise TaskError("Task(alphabet=...): one of the words is empty")
        for name, kind in (("recipes", Mapping), ("measures", Mapping)):
            if not isinstance(getattr(self, name), kind):
                raise TaskError(f"Task({name}={getattr(self, name)!r}): expected a {kind.__name__}")
        if not isinstance(self.end, str | None):
            raise TaskError(f"Task(end={self.end!r}): expected one symbol, or None")
        if not isinstance(self.temperature, int | float) or not 0 <= self.temperature < inf:
            raise TaskError(f"Task(temperature={self.temperature!r}): expected a finite number of at least 0")
        for name in ("size", "corpus_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise TaskError(f"Task({name}={getattr(self, name)!r}): expected a whole number above 0")
        for name, recipe in self.recipes.items():
            if not isinstance(recipe, Recipe | checkpoint):
                raise TaskError(f"Task(recipes={{{name!r}: {recipe!r}}}): expected a Recipe or a checkpoint")
        for name, measure in self.measures.items():
            if not isinstance(measure, TaskMeasure) or not measure.examples:
                raise TaskError(f"Task(measures={{{name!r}: {measure!r}}}): expected a TaskMeasure with examples")

    @property
    def of_words(self) -> bool:
        """Whether its symbols are words, not characters."""
        return not isinstance(self.alphabet, str)

    @property
    def vocabulary(self) -> Text:
        """All symbols, the end symbol last; a token is an index into it."""
        if isinstance(self.alphabet, str):
            return self.alphabet + (self.end or "")
        return (*self.alphabet, *([] if self.end is None else [self.end]))

    @property
    def _alphabet_shown(self) -> str:
        """The alphabet as error messages show it."""
        return f"its {len(self.alphabet)} words" if self.of_words else repr(self.alphabet)

    @cached_property
    def _symbols(self) -> frozenset[str]:
        return frozenset(self.vocabulary)

    @property
    def ends(self) -> bool:
        """Whether a symbol closes every sequence."""
        return self.end is not None

    @property
    def census(self) -> bool:
        """Whether the examples are all that exist."""
        return self.examples is not None

    def draw(self, stream: str) -> tuple[Example, ...]:
        """Return the examples of a stream (``"corpus"``, ``"discovery"`` or ``"verification"``), or the census."""
        if self.examples is not None:
            drawn = tuple(self.examples)
        else:
            size = self.corpus_size if stream == "corpus" else self.size
            drawn = tuple(self._drawn(stream, size))
        for example in drawn:
            self.check(example)
        return drawn

    def _drawn(self, stream: str, size: int) -> Iterator[Example]:
        if isinstance(self.sample, windows):
            return self.sample.deal(stream, size)
        rng = random.Random(f"{self.name} {stream}")
        name = "sample" if stream == "corpus" or self.evaluate_on is None else "evaluate_on"
        return (self._called(name, rng) for _ in range(size))

    def _called(self, name: str, rng: random.Random) -> Example:
        try:
            return getattr(self, name)(rng)
        except Exception as error:  # a task file is anybody's code
            raise TaskError(f"task {self.name}: {name} raised {type(error).__name__}: {error}") from error

    def check(self, example: Example) -> None:
        """Raise TaskError for an example that does not fit the task."""
        if not isinstance(example, Example):
            raise TaskError(f"task {self.name}: {example!r:.60} is not an Example")
        self._check_text(example.text)
        if not isinstance(example.prompt, int) or not 0 < example.prompt <= len(example.text):
            raise TaskError(f"task {self.name}: prompt={example.prompt} lies outside {example.text!r}")
        if example.source is not None:
            self._check_text(example.source, self.vocabulary)
        elif any(getattr(recipe, "encoder", False) for recipe in self.recipes.values()):
            raise TaskError(f"task {self.name}: {example.text!r:.60}: expected a source= for the encoder to read")
        self._check_named(example)
        if isinstance(example.pair, Example):
            self.check(replace(example.pair, pair=None))  # the pair of a pair is never used
        elif example.pair is not None:
            raise TaskError(f"task {self.name}: pair={example.pair!r}: expected an Example")

    def _check_text(self, text: object, symbols: Text = ()) -> None:
        if not isinstance(text, tuple if self.of_words else str) or not is_text(text):
            expected = "a tuple of words" if self.of_words else "a string"
            raise TaskError(f"task {self.name}: {text!r:.60}: expected {expected}, as the alphabet has it")
        if not text:
            raise TaskError(f"task {self.name}: an example has an empty text")
        for symbol in text:
            if symbol not in self._symbols or (symbol == self.end and symbol not in symbols):
                raise TaskError(
                    f"task {self.name}: {text!r:.200} holds {symbol!r}, which is not in {self._alphabet_shown}"
                )

    def _check_named(self, example: Example) -> None:
        """Check the events, symbols and labels of an example."""
        for kind in ("events", "symbols", "labels"):
            if not isinstance(getattr(example, kind), Mapping):
                raise TaskError(f"task {self.name}: {kind}={getattr(example, kind)!r}: expected values by name")
        for name, step in example.events.items():
            if not isinstance(step, int) or not 0 <= step < len(example.text):
                raise TaskError(f"task {self.name}: event {name!r} at step {step} lies outside {example.text!r}")
        for name, values in example.labels.items():
            if not isinstance(values, Sequence) or not all(isinstance(v, int | float) for v in values):
                raise TaskError(f"task {self.name}: label {name!r} is {values!r:.60}: expected a number per step")
            if len(values) != len(example.text):
                raise TaskError(f"task {self.name}: label {name!r} has {len(values)} values for {example.text!r}")
        for name, value in example.symbols.items():
            if not isinstance(value, str) or value not in self._symbols:
                expected = f"expected one of the alphabet, {self._alphabet_shown}"
                raise TaskError(f"task {self.name}: symbol {name!r} is {value!r}: {expected}")

    @cached_property
    def named_by_examples(self) -> dict[str, frozenset[str]]:
        """The names of events, symbols and labels that its examples have, by kind."""
        examples = self.draw("discovery") + self.draw("verification")
        return {
            "event": frozenset(name for example in examples for name in example.events),
            "symbol": frozenset(name for example in examples for name in example.symbols),
            "label": frozenset(name for example in examples for name in example.labels),
        }

    def measured_on(self, name: str) -> tuple[Example, ...]:
        """Return the examples of a measure of the task's own."""
        examples = tuple(self.measures[name].examples)
        for example in examples:
            self.check(example)
        return examples

    def corpus_hash(self) -> str:
        """Return 16 hex digits that stand for what networks are trained on."""
        texts = [e.text if e.source is None else [e.source, e.text] for e in self.draw("corpus")]
        # Only a task without an end symbol adds a part: hashes of all others stay as stores hold them.
        facts = json.dumps([self.vocabulary, texts] + [[]] * (not self.ends), ensure_ascii=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def sequences_hash(self) -> str:
        """Return 16 hex digits that stand for the sequences that claims are judged on."""
        drawn = self.draw("verification")
        facts = json.dumps([self.vocabulary, [[e.text, e.prompt, e.source] for e in drawn]], ensure_ascii=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def recipe(self, name: str) -> Recipe | checkpoint:
        """Return the recipe of this name; ``name@full`` at the size of the source."""
        base, at, size = name.partition("@")
        if base not in self.recipes:
            raise TaskError(f"task {self.name} has no recipe {base!r}{did_you_mean(base, self.recipes)}")
        if at and size != "full":
            raise TaskError(f"recipe {name!r}: the only other size is {base + '@full'!r}")
        recipe = self.recipes[base]
        return recipe.full or recipe if size else recipe

    def named(self, name: str) -> Task:
        """Return this task under a name."""
        return replace(self, name=name)
