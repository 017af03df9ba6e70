"""A or B, one to ten x's, Y, then a or b: which letter it began with (Chen, "Exploring LSTMs": Remembering State)."""

from collections.abc import Sequence
from dataclasses import replace

from neuronspec import exact_match
from neuronspec.networks import Completion, Example, Recipe, Task, TaskMeasure

LONGEST_TRAINED = 10
LONGEST_TRIED = 60


SMALL = {"A": "a", "B": "b"}
OTHER = {"A": "B", "B": "A"}


def string(letter: str, n: int) -> Example:
    """One of A and B, n x's, Y, the letter in small; the network is given all up to Y."""
    return Example(
        letter + "x" * n + "Y" + SMALL[letter],
        prompt=n + 2,
        events={"delimiter": n + 1, "answer": n + 2},
        symbols={"answer": SMALL[letter], "other": SMALL[OTHER[letter]]},
    )


def with_pair(letter: str, n: int) -> Example:
    """A string whose pair began with the other letter."""
    return replace(string(letter, n), pair=string(OTHER[letter], n))


def largest_exact(runs: Sequence[Completion]) -> float:
    """Return the largest number of x's up to which every string is completed exactly."""
    for run in runs:
        if not run.exact:
            return run.prompt.count("x") - 1
    return LONGEST_TRIED


task = Task(
    alphabet="ABxYab",
    examples=[with_pair(letter, n) for n in range(1, LONGEST_TRAINED + 1) for letter in "AB"],
    competence=exact_match() >= 0.99,
    measures={
        "largest_exact": TaskMeasure(
            [string(letter, n) for n in range(1, LONGEST_TRIED + 1) for letter in "AB"], largest_exact
        )
    },
    recipes={
        "lstm": Recipe("lstm", units=32, learning_rate=0.03, steps=600, block=5),
        "lstm_small": Recipe("lstm", units=10, learning_rate=0.03, steps=600, block=5),
        "peephole_lstm": Recipe("peephole_lstm", units=32, learning_rate=0.03, steps=600, block=5),
        "gru": Recipe("gru", units=32, learning_rate=0.03, steps=600, block=5),
        "rnn": Recipe("rnn", units=32, learning_rate=0.01, steps=2000, block=5),
    },
)
