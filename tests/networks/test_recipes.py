"""Recipes: what they refuse, and what they say of themselves."""

from dataclasses import replace

import pytest

from neuronspec.errors import TaskError
from neuronspec.language.behaviour_measures import exact_match
from neuronspec.networks.recipes import LATER, Recipe
from neuronspec.networks.tasks import Example, Task

GOOD = Task(
    alphabet="ab",
    examples=(Example("ab"),),
    competence=exact_match() >= 0.99,
    recipes={"lstm": Recipe("lstm", units=4, full=Recipe("lstm", units=8))},
    name="good",
)

WRONG_RECIPES = {
    "an encoder by name": ({"encoder": "gru"}, "Recipe(encoder='gru'): expected True or False"),
    "a size in full": ({"full": 8}, "Recipe(full=8): expected a Recipe, at the size of its source"),
    "kind": ({"kind": "lsmt"}, "Recipe(kind='lsmt'): unknown; did you mean 'lstm'?"),
    "optimiser": ({"optimiser": "adm"}, "Recipe(optimiser='adm'): unknown; did you mean 'adam'?"),
    "schedule": ({"schedule": "x"}, "Recipe(schedule='x'): unknown; known: constant, cosine"),
    "half a step": ({"steps": 2.5}, "Recipe(steps=2.5): expected a whole number above 0"),
    "no rate": ({"learning_rate": float("nan")}, "Recipe(learning_rate=nan): expected a finite number above 0"),
    "units": ({"units": 0}, "Recipe(units=0): expected a whole number above 0"),
    "rate": ({"learning_rate": -0.1}, "Recipe(learning_rate=-0.1): expected a finite number above 0"),
    "an embedding without a scale": (
        {"embedding_scale": None},
        "Recipe(embedding_scale=None): expected a finite number above 0",
    ),
    "a warm-up longer than training": (
        {"steps": 50, "warm_up": 50},
        "Recipe(warm_up=50): expected a whole number below steps=50",
    ),
    "a warm-up below zero": ({"warm_up": -1}, "Recipe(warm_up=-1): expected a whole number below steps=1000"),
    "half a step of warm-up": ({"warm_up": 0.5}, "Recipe(warm_up=0.5): expected a whole number below steps=1000"),
}

WRONG_RECIPES |= {
    f"until {until!r}": (
        {"until": until},
        f"Recipe(until={until!r}): expected an event and a share, e.g. ('target', 0.98)",
    )
    for until in (
        "target",
        ("target",),
        ("target", 0),
        ("target", 1.1),
        ("target", float("nan")),
        ("target", "all"),
        (0.9, "target"),
        ["target", 0.9],
        ("target", 0.9, 1),
    )
}


def text_of(error):
    return str(error.value)


@pytest.mark.parametrize("case", WRONG_RECIPES)
def test_wrong_recipes(case):
    change, message = WRONG_RECIPES[case]
    with pytest.raises(TaskError) as error:
        replace(GOOD.recipes["lstm"], **change)
    assert text_of(error) == message


OLD = set("kind units layers embedding optimiser learning_rate steps batch clip schedule final block".split())


def test_what_a_recipe_said_before_it_could_say_more_is_what_it_says_still():
    recipe = Recipe("lstm", units=4, embedding=3, batch=8)
    assert recipe.facts() == {name: getattr(recipe, name) for name in OLD}


@pytest.mark.parametrize(
    "more",
    [{"encoder": True}, {"orthogonal": True}, {"embedding_scale": 0.3}, {"warm_up": 5}, {"until": ("x", 0.9)}],
    ids=repr,
)
def test_what_it_says_more_is_told_where_it_says_something(more):
    recipe = Recipe("lstm", units=4)
    assert replace(recipe, **more).facts() == recipe.facts() | more
    assert set(more) <= set(LATER)
