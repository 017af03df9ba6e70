"""A word at a position: the input line, the word and the position are read; the next line has the word there.

(Lee, Wu, Yang and Lin 2020, "Exposing the functionalities of neurons for gated recurrent unit based
sequence-to-sequence model".) The language is made up: Zipf's law, and for every word some that like to follow it.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from neuronspec import count, emits, event, symbol
from neuronspec.networks import Example, Generated, Recipe, Task, TaskMeasure

GO, END = "<go>", "<end>"
SHORTEST, LONGEST = 3, 13
SUCCESSORS, FOLLOWS = 20, 0.65
"""So many words like to follow each word, and one of them does so often; else any word does, by its frequency."""
COMMON, POSITIONS = 10, range(2, 9)
"""The commonest words and the positions that networks are examined on."""
PAIRS = 150_000


@dataclass(frozen=True)
class Language:
    """Words by falling frequency, and how often each follows each, added up."""

    words: Sequence[str]
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

    def sample(self, rng: random.Random) -> Example:
        """Draw two lines, and ask for any word of the second one where it stands."""
        first = self.line(rng)
        second = self.line(rng, first[-1])
        at = rng.randint(1, len(second))
        return self.example(first, second, at, second[at - 1])

    def probe(self, rng: random.Random) -> Example:
        """Draw two lines, and ask for a common word at a position; beside it stands the same for another word."""
        first, at = self.line(rng), rng.choice(POSITIONS)
        second = self.line(rng, first[-1], shortest=max(at, SHORTEST))
        word, other = rng.sample(range(COMMON), 2)
        example, pair = (self.example(first, second, at, which) for which in (word, other))
        return replace(example, symbols={**example.symbols, "other_token": self.words[other]}, pair=pair)

    def example(self, first: list[int], second: list[int], at: int, word: int) -> Example:
        """Return two lines of which the second has the word at a position, counted from 1."""
        due = [*second[: at - 1], word, *second[at:]]
        return Example(
            (GO, *(self.words[w] for w in due)),
            source=(*(self.words[w] for w in first), self.words[word], str(at)),
            events={"target_step": at},
            symbols={"target_token": self.words[word]},
        )


def accuracy(examples: Sequence[Example]) -> TaskMeasure:
    """Return the share of examples in which the network says the word that is asked for where it is asked for."""

    def share(runs: Sequence[Generated]) -> float:
        asked = [(e.events["target_step"] - e.prompt, e.symbols["target_token"]) for e in examples]
        said = [run.came[at : at + 1] == (word,) for run, (at, word) in zip(runs, asked, strict=True)]
        return sum(said) / len(said)

    return TaskMeasure(examples, share)


def positioning(language: Language, recipes: dict[str, Recipe]) -> Task:
    """Return the task of a language."""
    asked, due = symbol("target_token"), event("target_step")
    rng = random.Random("held out")
    held_out = [language.sample(rng) for _ in range(2000)]
    return Task(
        alphabet=[*language.words, *map(str, range(1, LONGEST + 1)), GO],
        sample=language.sample,
        probe=language.probe,
        own_words=[count(asked).between(1, 1), emits(asked, at=due) >= 1],
        size=1400,
        corpus_size=PAIRS,
        end=END,
        competence=emits(asked, at=due) >= 0.95,
        measures={
            "accuracy": accuracy(held_out),
            "accuracy_from_9_to_13": accuracy([e for e in held_out if e.events["target_step"] > max(POSITIONS)]),
        },
        recipes=recipes,
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
    steps=3000,
    until=("target_step", 0.997),
    batch=128,
    final=0.03,
    block=1,
)

task = positioning(Language.of(200, seed=0), {"gru": GRU})
