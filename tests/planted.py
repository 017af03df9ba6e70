"""A planted counter under examination: unit 2 of 6 counts a's read minus b's written, the others do nothing."""

from dataclasses import replace

import numpy as np

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.engine.verdicts.examine import Request, examine
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example
from neuronspec.testing import planted_counter

RECIPE = Recipe("lstm", units=6)
TALLY = ns.count_of("a") - ns.count_of("b")
COUNTER = ns.cell.best(ns.correlation(TALLY))
STRINGS = tuple(Example("a" * n + "X" + "b" * n, prompt=n + 1, events={"delimiter": n}) for n in range(1, 11))
EVERYWHERE = {(0, site) for site in RECIPE.sites}


def network(**options):
    return Network("planted/lstm", 0, "aXb$", planted_counter(units=6, **options).requires_grad_(False))


def subject(examples=STRINGS, **options):
    return Subject(network(**options), examples, examples, EVERYWHERE)


def ask(*claims, weights=None, **options):
    """What comes of claims about the planted counter."""
    request = Request(
        name="planted/lstm",
        seed=0,
        recipe=RECIPE,
        vocabulary="aXb$",
        ends=True,
        temperature=0.0,
        weights=weights or network().model.state_dict(),
        discovery=STRINGS,
        verification=STRINGS,
        census=True,
        competence=ns.exact_match() >= 0.99,
        claims=claims,
    )
    return examine(replace(request, **options))


def rng():
    return np.random.default_rng(0)


def random_text(generator, symbols="abX", longest=20):
    return "".join(generator.choice(list(symbols), generator.integers(4, longest)))


def random_subject(units=8, kind="lstm", sequences=40, seed=0, layers=1):
    """An untrained network and random texts; the texts of the two splits are different ones."""
    recipe = Recipe(kind, units=units, layers=layers)
    model = LanguageModel(recipe, symbols=4).initialise(seed).requires_grad_(False)
    generator = np.random.default_rng(seed)
    discovery, verification = (
        tuple(
            Example(
                random_text(generator),
                symbols={"letter": "ab"[generator.integers(2)]},
                labels={},
                events={"asked": int(generator.integers(1, 4))},
            )
            for _ in range(sequences)
        )
        for _ in range(2)
    )
    places = {(layer, site) for layer in range(layers) for site in recipe.sites}
    return Subject(Network("random/net", 0, "abX$", model), discovery, verification, places)


def units(place, *indices, signs=None):
    """Units of the planted counter."""
    return UnitSet(*place, tuple(indices), signs or (1,) * len(indices), (1,) * 6)


def lanes(*sets):
    return [{ns.cell[0]: chosen} for chosen in sets]


def value(measure, *sets, examined=None):
    """A measure on the planted counter, on the lane of each set."""
    return estimate(measure, View(examined or subject(), lanes(*sets) or [{}])).values
