"""a's with X's sprinkled in, Y, as many b's as a's (Chen, "Exploring LSTMs": Count von Count)."""

import random
from collections.abc import Sequence
from dataclasses import replace

from neuronspec import exact_match
from neuronspec.networks import Completion, Example, Recipe, Task, TaskMeasure

LONGEST_TRAINED = 10
LONGEST_TRIED = 30


def string(counted: str) -> Example:
    """Some a's and X's, Y, as many b's as there are a's; the network is given all up to Y."""
    text = counted + "Y" + "b" * counted.count("a")
    return Example(text, prompt=len(counted) + 1, events={"delimiter": len(counted), "answer": len(text) - 1})


def with_pair(counted: str) -> Example:
    """A string whose pair has an X in place of the last a: there, the last b is not due."""
    head, _, tail = counted.rpartition("a")
    return replace(string(counted), pair=string(head + "X" + tail) if "a" in head else None)


def sprinkled(a: int, x: int, rng: random.Random) -> Example:
    """Return a string with so many a's and X's, in any order."""
    return with_pair("".join(rng.sample("a" * a + "X" * x, a + x)))


def sample(rng: random.Random) -> Example:
    """Draw one of the strings to learn: one to ten a's, up to ten X's."""
    return sprinkled(rng.randint(1, LONGEST_TRAINED), rng.randint(0, 10), rng)


def largest_exact(runs: Sequence[Completion]) -> float:
    """Return the largest number of a's up to which every string is completed exactly."""
    for run in runs:
        if not run.exact:
            return run.prompt.count("a") - 1
    return LONGEST_TRIED


def share_exact(runs: Sequence[Completion]) -> float:
    """Return the share of strings that are completed exactly."""
    return sum(run.exact for run in runs) / len(runs)


rng = random.Random(0)

task = Task(
    alphabet="aXYb",
    sample=sample,
    corpus_size=40_000,  # 2,500 steps of 16: hardly a string comes twice, which keeps the mechanism clean
    competence=exact_match() >= 0.99,
    measures={
        "largest_exact": TaskMeasure([sprinkled(n, 5, rng) for n in range(1, LONGEST_TRIED + 1)], largest_exact),
        "twenty_x": TaskMeasure([sprinkled(1 + n % LONGEST_TRAINED, 20, rng) for n in range(100)], share_exact),
    },
    recipes={
        "lstm": Recipe("lstm", units=20, learning_rate=0.03, steps=2500, batch=16, block=5),
        "lstm_slow": Recipe("lstm", units=20, learning_rate=0.01, steps=2500, batch=16, block=5),
        "peephole_lstm": Recipe("peephole_lstm", units=20, learning_rate=0.03, steps=2500, batch=16, block=5),
        "gru": Recipe("gru", units=20, learning_rate=0.03, steps=2500, batch=16, block=5),
        "rnn": Recipe("rnn", units=20, learning_rate=0.01, steps=2500, batch=16, block=5),
    },
)
