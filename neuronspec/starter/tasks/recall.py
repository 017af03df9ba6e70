"""Recall: a first letter, some x's, a Y, and then the first letter again, in lower case."""

import random

from neuronspec import exact_match
from neuronspec.networks import Example, Recipe, Task


def sample(rng: random.Random) -> Example:
    """Draw one string, e.g. AxxxYa; the network is given all up to Y."""
    letter = rng.choice("AB")
    prompt = letter + "x" * rng.randint(1, 6) + "Y"
    return Example(prompt + letter.lower(), prompt=len(prompt), symbols={"letter": letter})


task = Task(
    alphabet="ABxYab",
    sample=sample,
    competence=exact_match() >= 0.99,
    recipes={"gru": Recipe("gru", units=16, learning_rate=0.03, steps=600, batch=16, block=3)},
)
