"""Networks by name: ``counting/lstm`` -> its networks, from the store, trained now, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neuronspec.collection import Question
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network, check_parity, trained
from neuronspec.engine.verdicts.examine import Checkpointed, Request, subject_of
from neuronspec.errors import SpecError, TaskError
from neuronspec.fit import check_places
from neuronspec.networks.checkpoints import load, made_of, untrained_twin, vocabulary_of
from neuronspec.networks.recipes import Recipe, checkpoint
from neuronspec.networks.store import RecipeStore
from neuronspec.networks.supply import StoredWeights, obtain
from neuronspec.networks.tasks import Task
from neuronspec.project import Project
from neuronspec.watcher import Watcher


def network(project: Project, name: str, seed: int, watcher: Watcher) -> Network:
    """Return one network by name; a recipe's is trained first where it is not stored."""
    task, recipe = task_and_recipe(project, name)
    if isinstance(recipe, checkpoint):
        seed = _seed_of(recipe, seed)
        found = given(project, name, [seed])[seed].network
        check_parity(found)
        return found
    weights = provide(project, name, [seed], 1, watcher)[seed]
    return trained(name, seed, recipe, task.vocabulary, task.ends, weights)


def subject(project: Project, question: Question, seed: int, watcher: Watcher) -> Subject:
    """Return what one claim is judged on in one network, which is trained first where it is not stored.

    The watcher is warned of a network that has not learnt its task.
    """
    task, recipe = task_and_recipe(project, question.recipe)
    seed = _seed_of(recipe, seed) if isinstance(recipe, checkpoint) else seed
    alone = replace(question, spec=replace(question.spec, seeds=(seed,)))
    networks, _ = networks_of(project, question.recipe, [alone], 1, watcher)
    request = Request.of(question.recipe, task, recipe).about(seed, networks[seed], task, [question.claim])
    found, unlearnt = subject_of(request)
    if unlearnt:
        watcher.warn(f"{found.network.shown} {unlearnt}: verdicts on units would be *unlearnt*")
    return found


def _seed_of(recipe: checkpoint, seed: int) -> int:
    """The seed itself where there is a checkpoint for each, else 0."""
    return recipe.seeds((seed,))[0] if "{seed}" in str(recipe.file) else 0


def networks_of(
    project: Project, name: str, questions: Sequence[Question], jobs: int, watcher: Watcher
) -> tuple[Mapping[int, StoredWeights] | Mapping[int, Checkpointed], dict[str, Any]]:
    """Return the networks that some questions are about, by seed, and what they are made of."""
    seeds = sorted({seed for question in questions for seed in question.seeds})
    task, recipe = task_and_recipe(project, name)
    if not isinstance(recipe, checkpoint):
        store = RecipeStore.of(project.store, name, task, recipe)
        return obtain(store, task, seeds, jobs, watcher), _origin(store.made_of, task)
    networks = given(project, name, seeds)
    sizes = networks[seeds[0]].network.sizes
    for question in questions:  # what a checkpoint has was not known when its specs were collected
        try:
            check_places(question.spec, sizes)
        except SpecError as error:
            raise SpecError(f"{question.spec_id}: {error}") from error
    return networks, _origin(made_of(recipe, project.root, seeds), task)


def origin(project: Project, name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Return what networks are made of as their task has it now, as results tell it; nothing is trained for that."""
    task, recipe = task_and_recipe(project, name)
    if isinstance(recipe, checkpoint):
        return _origin(made_of(recipe, project.root, seeds), task)
    return _origin(RecipeStore.of(project.store, name, task, recipe).made_of, task)


def _origin(networks: dict[str, Any], task: Task) -> dict[str, Any]:
    """With what they are judged on."""
    return networks | {"sequences": task.sequences_hash()}


def task_and_recipe(project: Project, name: str) -> tuple[Task, Recipe | checkpoint]:
    """Return what ``"counting/lstm"`` names."""
    task_name, _, recipe_name = name.partition("/")
    task = project.task(task_name)
    return task, task.recipe(recipe_name)


def trainable(project: Project, name: str) -> tuple[Task, Recipe]:
    """Return what ``"counting/lstm"`` names, or raise TaskError where it names a checkpoint."""
    task, recipe = task_and_recipe(project, name)
    if isinstance(recipe, checkpoint):
        raise TaskError(f"{name} is a checkpoint, {recipe.file}: there is nothing to train")
    return task, recipe


def provide(project: Project, name: str, seeds: Sequence[int], jobs: int, watcher: Watcher) -> dict[int, StoredWeights]:
    """Return the networks of a recipe by seed, after training those that are not stored."""
    task, recipe = trainable(project, name)
    return obtain(RecipeStore.of(project.store, name, task, recipe), task, seeds, jobs, watcher)


def given(project: Project, name: str, seeds: Sequence[int]) -> dict[int, Checkpointed]:
    """Return the networks of a checkpoint by seed."""
    task, recipe = task_and_recipe(project, name)
    assert isinstance(recipe, checkpoint)
    vocabulary = vocabulary_of(recipe, task, name)
    found: dict[int, Checkpointed] = {}
    read: set[int] = set()
    for seed in seeds:
        model = load(recipe, project.root, name, seed, len(vocabulary))
        weights = {parameter.data_ptr() for parameter in model.module.parameters()}
        if weights & read:  # what was read for one seed would be overwritten by the next
            raise TaskError(f"{name}: build returned the same weights twice: it must make a new module each time")
        read |= weights
        network = Network(name, seed, vocabulary, model, task.ends)
        twin = untrained_twin(recipe, model, name, seed, len(vocabulary))
        found[seed] = Checkpointed(network, replace(network, model=twin) if twin else None)
    return found
