"""A word at a position: the input line, the word and the position are read; the next line has the word there.

(Lee, Wu, Yang and Lin 2020, "Exposing the functionalities of neurons for gated recurrent unit based
sequence-to-sequence model".) The language is made up: Zipf's law, and for every word some that like to follow it. The
lines of any text can stand in for it: ``neuronspec verify --corpus positioning=FILE``.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Protocol, TypeAlias

from neuronspec import count, emits, event, symbol
from neuronspec.errors import TaskError
from neuronspec.networks import Completion, Example, Recipe, Task, TaskMeasure

GO, END = "<go>", "<end>"
SHORTEST, LONGEST = 3, 13
SUCCESSORS, FOLLOWS = 20, 0.65
"""So many words like to follow each word, and one of them does so often; else any word does, by its frequency."""
COMMON, POSITIONS = 10, range(2, 9)
"""The commonest words and the positions that networks are examined on."""
PAIRS = 150_000
MEASURED = 1000
"""How many examples the task's own measures are about."""

Words: TypeAlias = Sequence[str]


class Corpus(Protocol):
    """Where pairs of lines come from."""

    @property
    def words(self) -> Words:
        """All words of its lines."""

    def sample(self, rng: random.Random) -> Example:
        """Draw two lines, and ask for any word of the second one where it stands."""

    def held_out(self, rng: random.Random) -> Example:
        """Draw the same of lines that no network is trained on."""

    def probe(self, rng: random.Random) -> Example:
        """Draw two lines, and ask for a common word at a position; beside it stands the same for another word."""


def asked(first: Words, second: Words, at: int, word: str) -> Example:
    """Return two lines of which the second has the word at a position, counted from 1."""
    if not 1 <= at <= LONGEST:
        raise TaskError(f"position {at}: expected 1 to {LONGEST}")
    if at > len(second):
        raise TaskError(f"position {at}: the line has {len(second)} words, {' '.join(second)!r}")
    return Example(
        (GO, *second[: at - 1], word, *second[at:]),
        source=(*first, word, str(at)),
        events={"target_step": at},
        symbols={"target_token": word},
    )


def asked_or_other(first: Words, second: Words, at: int, word: str, other: str) -> Example:
    """Return two lines with a word at a position, and beside them the same with another word."""
    example, pair = (asked(first, second, at, which) for which in (word, other))
    return replace(example, symbols={**example.symbols, "other_token": other}, pair=pair)


@dataclass(frozen=True)
class Language:
    """Words by falling frequency, and how often each follows each, added up."""

    words: Words
    frequency: Sequence[float]
    successors: Sequence[tuple[Sequence[int], Sequence[float]]]

    @classmethod
    def of(cls, size: int, seed: int) -> Language:
        """Return a language of so many words."""
        rng = random.Random(seed)
        return cls(
            [f"w{n}" for n in range(size)],
            list(accumulate(1 / (n + 1) for n in range(size))),
            [
                (
                    rng.sample(range(size), SUCCESSORS),
                    list(accumulate(rng.gammavariate(0.7, 1) for _ in range(SUCCESSORS))),
                )
                for _ in range(size)
            ],
        )

    @property
    def common(self) -> Sequence[str]:
        return self.words[:COMMON]

    def next(self, word: int | None, rng: random.Random) -> int:
        """Draw a word to follow another one."""
        if word is None or rng.random() > FOLLOWS:
            return bisect(self.frequency, rng.random() * self.frequency[-1])
        following, weight = self.successors[word]
        return following[bisect(weight, rng.random() * weight[-1])]

    def line(self, rng: random.Random, after: int | None = None, shortest: int = SHORTEST) -> list[int]:
        """Draw a line, which goes on from a word."""
        line: list[int] = []
        for _ in range(rng.randint(shortest, LONGEST)):
            after = self.next(after, rng)
            line.append(after)
        return line

    def said(self, line: Sequence[int]) -> Words:
        """Return the words of a line."""
        return [self.words[word] for word in line]

    def pair(self, rng: random.Random) -> tuple[Words, Words]:
        """Draw two lines."""
        first = self.line(rng)
        return self.said(first), self.said(self.line(rng, first[-1]))

    def sample(self, rng: random.Random) -> Example:
        first, second = self.pair(rng)
        at = rng.randint(1, len(second))
        return asked(first, second, at, second[at - 1])

    held_out = sample

    def probe(self, rng: random.Random) -> Example:
        first, at = self.line(rng), rng.choice(POSITIONS)
        second = self.line(rng, first[-1], shortest=max(at, SHORTEST))
        return asked_or_other(self.said(first), self.said(second), at, *rng.sample(self.common, 2))


UNKNOWN, NUMBER = "<unknown>", "<number>"
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
FEWEST = 100
"""So few pairs of lines are too few to learn from."""


@dataclass(frozen=True)
class Lines:
    """The lines of a text, in pairs of a line and the next.

    Words are in lower case; punctuation only sets them apart. Lines of 3 to 13 words are kept. All but the commonest
    words are ``<unknown>``, and numbers are ``<number>``: what is neither is asked for. The last tenth of the pairs is
    held out. The words that are asked for in training come from other lines: what stands in a text can be guessed from
    the words before it, or learnt by heart, and then nothing is to be gained by counting.
    """

    words: Words
    pairs: Sequence[tuple[Words, Words]]
    last: Sequence[tuple[Words, Words]]

    @classmethod
    def of(cls, lines: Sequence[str], size: int = 500) -> Lines:
        """Return some lines as so many different words.

        Raises:
            TaskError: there are too few pairs of lines, or words, or all that is held out is short.
        """
        split = [[NUMBER if word.isdigit() else word for word in WORD.findall(line.lower())] for line in lines]
        frequency = Counter(word for line in split for word in line if word != NUMBER)
        words = [word for word, _ in frequency.most_common(size)]
        kept = {*words, NUMBER}
        said = [[word if word in kept else UNKNOWN for word in line] for line in split]
        pairs = [(one, two) for one, two in pairwise(said) if fits(one) and fits(two) and any(map(askable, two))]
        consecutive = f"pairs of consecutive lines of {SHORTEST} to {LONGEST} words"
        for what, found, wanted in ((consecutive, pairs, FEWEST), ("different words", words, COMMON)):
            if len(found) < wanted:
                raise TaskError(f"{what}: {len(found)} in {len(lines)} lines, expected at least {wanted}")
        last = pairs[-len(pairs) // 10 :]
        longest, furthest = max(len(two) for _, two in last), POSITIONS[-1]
        if longest < furthest:
            raise TaskError(
                f"the longest line held out has {longest} words, expected at least {furthest}: "
                f"words are asked for at positions {POSITIONS[0]} to {furthest}"
            )
        return cls([*words, UNKNOWN, NUMBER], pairs[: -len(last)], last)

    def sample(self, rng: random.Random) -> Example:
        word = self._where_it_stands(self.pairs, rng).symbols["target_token"]
        first, second = rng.choice(self.pairs)
        return asked(first, second, rng.randint(1, len(second)), word)

    def held_out(self, rng: random.Random) -> Example:
        return self._where_it_stands(self.last, rng)

    def _where_it_stands(self, pairs: Sequence[tuple[Words, Words]], rng: random.Random) -> Example:
        first, second = rng.choice(pairs)
        at = rng.choice([at for at, word in enumerate(second, start=1) if askable(word)])
        return asked(first, second, at, second[at - 1])

    def probe(self, rng: random.Random) -> Example:
        at = rng.choice(POSITIONS)
        first, second = rng.choice(self.last)
        while len(second) < at:
            first, second = rng.choice(self.last)
        return asked_or_other(first, second, at, *rng.sample(self.words[:COMMON], 2))


def fits(line: Words) -> bool:
    """Return whether a line is neither too short nor too long."""
    return SHORTEST <= len(line) <= LONGEST


def askable(word: str) -> bool:
    """Return whether a word can be asked for: it stands for itself alone."""
    return word not in (UNKNOWN, NUMBER)


def amid_random_words(example: Example, words: Words, rng: random.Random) -> Example:
    """Return an example in which random words are read up to the position, and none of them is the one asked for."""
    due, word = example.events["target_step"], example.symbols["target_token"]
    others = [other for other in words if other != word]
    return replace(example, text=(GO, *rng.choices(others, k=due - 1), word), prompt=due, pair=None)


def target(example: Example) -> list[int]:
    """Return the step at which the word that is asked for is due."""
    return [example.events["target_step"]]


def says(examples: Sequence[Example], at: Callable[[Example], Sequence[int]] = target) -> TaskMeasure:
    """Return the share of examples in which a network says what is due, at all of some steps."""
    steps = [[step - example.prompt for step in at(example)] for example in examples]

    def share(runs: Sequence[Completion]) -> float:
        right = [
            all(run.said[n : n + 1] == (*run.due, END)[n : n + 1] for n in due)
            for run, due in zip(runs, steps, strict=True)
        ]
        return sum(right) / len(right)

    return TaskMeasure(examples, share)


def drawn(draw: Callable[[random.Random], Example], name: str) -> list[Example]:
    """Draw the examples of a measure."""
    rng = random.Random(name)
    return [draw(rng) for _ in range(MEASURED)]


def positioning(corpus: Corpus, recipes: dict[str, Recipe]) -> Task:
    """Return the task of a corpus.

    Units are examined in runs in which the word comes at its position, and nowhere else. How often it comes there is
    what the task's measures say: ``common_words``; ``any_word``, in lines that are held out, where it stood; and
    ``amid_random_words``, common ones where the network reads random words in place of its own.
    """
    wanted, due = symbol("target_token"), event("target_step")
    return Task(
        alphabet=[*corpus.words, *map(str, range(1, LONGEST + 1)), GO],
        sample=corpus.sample,
        evaluate_on=corpus.probe,
        generated_only=[count(wanted).between(1, 1), emits(wanted, at=due) >= 1],
        size=1400,
        corpus_size=PAIRS,
        end=END,
        competence=emits(wanted, at=due) >= 0.95,
        measures={
            "common_words": says(drawn(corpus.probe, "common words")),
            "any_word": says(drawn(corpus.held_out, "any word")),
            "amid_random_words": says(
                drawn(lambda rng: amid_random_words(corpus.probe(rng), corpus.words, rng), "random words")
            ),
        },
        recipes=recipes,
        from_lines=lambda lines: positioning(Lines.of(lines), recipes),
    )


GRU = Recipe(
    "reset_before_gru",
    units=64,
    embedding=64,
    encoder=True,
    embedding_scale=0.3,
    orthogonal=True,
    learning_rate=0.02,
    warm_up=200,
    steps=2500,
    batch=128,
    final=0.03,
    block=1,
)

GRU_128 = replace(GRU, units=128, steps=1500)
GRU_256 = replace(GRU, units=256, learning_rate=0.01, steps=1500, until=("target_step", 0.99))
LSTM = replace(GRU, kind="lstm", units=128, steps=3000)
GRU_TEXT = replace(GRU_128, learning_rate=0.015, steps=3000, until=("target_step", 0.985))
"""For the lines of a text."""

RECIPES = {
    "gru": replace(GRU, steps=3000, until=("target_step", 0.997), full=GRU_256),
    "gru_128": GRU_128,
    "gru_256": GRU_256,
    "gru_text": GRU_TEXT,
    "lstm": LSTM,
    "torch_gru": replace(GRU_128, kind="gru"),
}

task = positioning(Language.of(200, seed=0), RECIPES)
