"""A planted counter under examination: unit 2 of 6 counts a's read minus b's written, the others do nothing."""

import numpy as np

import neuronspec as ns
from neuronspec.engine.subject import Subject
from neuronspec.engine.tracing import Network
from neuronspec.networks.tasks import Example, Recipe
from neuronspec.testing import planted_counter

RECIPE = Recipe("lstm", units=6)
TALLY = ns.count_of("a") - ns.count_of("b")
STRINGS = tuple(Example("a" * n + "X" + "b" * n, prompt=n + 1, events={"delimiter": n}) for n in range(1, 11))
EVERYWHERE = {(0, site) for site in RECIPE.sites}


def network(**options):
    return Network("planted/lstm", 0, "aXb$", planted_counter(units=6, **options).requires_grad_(False))


def subject(examples=STRINGS, **options):
    return Subject(network(**options), examples, examples, EVERYWHERE)


def rng():
    return np.random.default_rng(0)
