"""Networks by name: ``counting/lstm`` -> its networks, from the store, trained now, or from checkpoints."""

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
    """Return one network by name, which is trained first where it is not stored."""
    task, recipe = task_and_recipe(project, name)
    if isinstance(recipe, checkpoint):
        seed = _seed_of(recipe, seed)
        network_of_seed = checkpointed(project, name, [seed])[seed].network
        check_parity(network_of_seed)
        return network_of_seed
    weights = provide(project, name, [seed], 1, watcher)[seed]
    return trained(name, seed, recipe, task.vocabulary, task.ends, weights)


def subject(project: Project, question: Question, seed: int, watcher: Watcher) -> Subject:
    """Return the subject of one claim in one network, which is trained first where it is not stored.

    The watcher is warned of a network that has not learnt its task.
    """
    task, recipe = task_and_recipe(project, question.recipe)
    seed = _seed_of(recipe, seed) if isinstance(recipe, checkpoint) else seed
    of_one_seed = replace(question, spec=replace(question.spec, seeds=(seed,)))
    networks, _ = networks_of(project, question.recipe, [of_one_seed], 1, watcher)
    request = Request.of(question.recipe, task, recipe).about(seed, networks[seed], task, [question.claim])
    judged_on, unlearnt = subject_of(request)
    if unlearnt:
        watcher.warn(f"{judged_on.network.shown} {unlearnt}: verdicts on units would be *unlearnt*")
    return judged_on


def _seed_of(recipe: checkpoint, seed: int) -> int:
    """The seed itself where each seed has a checkpoint, else 0."""
    return recipe.seeds((seed,))[0] if "{seed}" in str(recipe.file) else 0


def networks_of(
    project: Project, name: str, questions: Sequence[Question], jobs: int, watcher: Watcher
) -> tuple[Mapping[int, StoredWeights] | Mapping[int, Checkpointed], dict[str, Any]]:
    """Return the networks of some questions by seed, and what they are made of."""
    seeds = sorted({seed for question in questions for seed in question.seeds})
    task, recipe = task_and_recipe(project, name)
    if not isinstance(recipe, checkpoint):
        store = RecipeStore.of(project.store, name, task, recipe)
        return obtain(store, task, seeds, jobs, watcher), _origin(store.made_of, task)
    networks = checkpointed(project, name, seeds)
    sizes = networks[seeds[0]].network.sizes
    for question in questions:  # the sizes of a checkpoint were unknown when specs were collected
        try:
            check_places(question.spec, sizes)
        except SpecError as error:
            raise SpecError(f"{question.spec_id}: {error}") from error
    return networks, _origin(made_of(recipe, project.root, seeds), task)


def origin(project: Project, name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Return what networks would be made of now, as ``Result.made_of`` has it; nothing is trained."""
    task, recipe = task_and_recipe(project, name)
    if isinstance(recipe, checkpoint):
        return _origin(made_of(recipe, project.root, seeds), task)
    return _origin(RecipeStore.of(project.store, name, task, recipe).made_of, task)


def _origin(networks: dict[str, Any], task: Task) -> dict[str, Any]:
    """What networks are made of, with a hash of the sequences they are judged on."""
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


def checkpointed(project: Project, name: str, seeds: Sequence[int]) -> dict[int, Checkpointed]:
    """Return the networks of a checkpoint by seed."""
    task, recipe = task_and_recipe(project, name)
    assert isinstance(recipe, checkpoint)
    vocabulary = vocabulary_of(recipe, task, name)
    networks: dict[int, Checkpointed] = {}
    seen: set[int] = set()
    for seed in seeds:
        model = load(recipe, project.root, name, seed, len(vocabulary))
        parameters = {parameter.data_ptr() for parameter in model.module.parameters()}
        if parameters & seen:  # loading the next seed would overwrite the weights of this one
            raise TaskError(f"{name}: build returned the same weights twice: it must make a new module each time")
        seen |= parameters
        network = Network(name, seed, vocabulary, model, task.ends)
        twin = untrained_twin(recipe, model, name, seed, len(vocabulary))
        networks[seed] = Checkpointed(network, replace(network, model=twin) if twin else None)
    return networks
