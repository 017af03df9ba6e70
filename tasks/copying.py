"""Three letters, X, the same three letters (Chen, "Exploring LSTMs": Copy Task)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from neuronspec import exact_match
from neuronspec.networks import Completion, Example, Recipe, Task, TaskMeasure

LETTERS = "abc"


NEXT = {"a": "b", "b": "c", "c": "a"}
ORDERS = ("abc", "bca", "cab")
"""The orders of three letters, each with its reverse; a unit may have any."""


def rank(letters: str, order: str) -> int:
    """Return the place of some letters among all of as many, sorted by the first one first."""
    return sum(order.index(letter) * len(order) ** n for n, letter in enumerate(reversed(letters)))


def string(letters: str) -> Example:
    """Some letters, X, the same letters; the network is given all up to X."""
    text = letters + "X" + letters
    labels = {f"rank_{order}": rank(letters, order) for order in ORDERS}
    labels |= {f"back_{order}": rank(letters[::-1], order) for order in ORDERS}
    labels |= {f"lead_{order}": rank(letters[0], order) for order in ORDERS}
    labels["begins_with_aa"] = letters.startswith("aa")
    for place, name in enumerate(("first", "second", "third")):
        labels |= {f"{name}_is_{letter}": letters[place] == letter for letter in LETTERS}
    return Example(
        text,
        prompt=len(letters) + 1,
        events={"delimiter": len(letters), "answer": len(letters) + 1},
        symbols={"answer": letters[0], "other": NEXT[letters[0]]},
        labels={name: [float(value)] * len(text) for name, value in labels.items()},
    )


def with_pair(letters: str) -> Example:
    """A string whose pair has another first letter."""
    return replace(string(letters), pair=string(NEXT[letters[0]] + letters[1:]))


def share_exact(runs: Sequence[Completion]) -> float:
    """Return the share of strings that are copied exactly."""
    return sum(run.exact for run in runs) / len(runs)


def strings(length: int) -> list[str]:
    """Return all strings of so many letters."""
    return ["".join(letters) for letters in product(LETTERS, repeat=length)]


task = Task(
    alphabet=LETTERS + "X",
    examples=[with_pair(letters) for letters in strings(3)],
    competence=exact_match() >= 0.99,
    measures={"four_letters": TaskMeasure([string(letters) for letters in strings(4)], share_exact)},
    recipes={
        "lstm": Recipe("lstm", units=20, layers=2, learning_rate=0.03, steps=500, block=5),
        "lstm_one_layer": Recipe("lstm", units=20, learning_rate=0.03, steps=500, block=5),
        "peephole_lstm": Recipe("peephole_lstm", units=20, layers=2, learning_rate=0.03, steps=500, block=5),
        "gru": Recipe("gru", units=20, layers=2, learning_rate=0.01, steps=500, block=5),
        "rnn": Recipe("rnn", units=20, layers=2, learning_rate=0.01, steps=500, block=5),
    },
)
