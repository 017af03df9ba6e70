"""a^n X b^n: as many b's as there were a's (Chen, "Exploring LSTMs", part two: Counting)."""

from collections.abc import Sequence
from dataclasses import replace

from neuronspec import exact_match
from neuronspec.networks import Completion, Example, Recipe, Task, TaskMeasure

LONGEST_TRAINED = 10
LONGEST_TRIED = 60


def string(n: int) -> Example:
    """N a's, X, n b's; the network is given all up to X."""
    return Example("a" * n + "X" + "b" * n, prompt=n + 1, events={"delimiter": n, "answer": 2 * n})


def with_pair(n: int) -> Example:
    """A string whose pair has one a fewer: there, the last b is not due."""
    return replace(string(n), pair=string(n - 1) if n > 1 else None)


def largest_exact(runs: Sequence[Completion]) -> float:
    """Return the largest n up to which every string is completed exactly."""
    for n, run in enumerate(runs, start=1):
        if not run.exact:
            return n - 1
    return len(runs)


def extra_at_first_failure(runs: Sequence[Completion]) -> float:
    """Return how many b's too many the first failure has (-1: one short; 0: no failure)."""
    for run in runs:
        if not run.exact:
            return run.came.count("b") - run.due.count("b")
    return 0


trained = [with_pair(n) for n in range(1, LONGEST_TRAINED + 1)]
longer = [string(n) for n in range(1, LONGEST_TRIED + 1)]

task = Task(
    alphabet="aXb",
    examples=trained,
    competence=exact_match() >= 0.99,
    measures={
        "largest_exact": TaskMeasure(longer, largest_exact),
        "extra_at_first_failure": TaskMeasure(longer, extra_at_first_failure),
    },
    recipes={
        "lstm": Recipe("lstm", units=10, learning_rate=0.03, steps=600),
        "gru": Recipe("gru", units=10, learning_rate=0.03, steps=600),
        "peephole_lstm": Recipe("peephole_lstm", units=10, learning_rate=0.03, steps=600),
        "rnn": Recipe("rnn", units=10, learning_rate=0.01, steps=1000),
    },
)
