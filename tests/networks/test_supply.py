"""Networks for whoever asks: what is stored is not trained again, and progress is told."""

import pytest

from neuronspec.language.behaviour_measures import exact_match
from neuronspec.networks import supply
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.store import RecipeStore
from neuronspec.networks.tasks import Example, Task
from neuronspec.watcher import Watcher

RECIPE = Recipe("gru", units=3, steps=40, block=2)
TASK = Task(
    alphabet="ab", examples=[Example("ab"), Example("ba")], competence=exact_match() >= 0, recipes={"gru": RECIPE}
)


class Told(Watcher):
    def __init__(self):
        self.progress = []

    def training(self, recipe, done, total):
        self.progress.append((recipe, done, total))


@pytest.fixture
def store(tmp_path):
    return RecipeStore.of(tmp_path, "toy/gru", TASK, RECIPE)


def test_missing_networks_are_trained_and_stored_ones_are_not(store, monkeypatch):
    told = Told()
    weights = supply.obtain(store, TASK, [0, 2], 1, told)
    assert weights == {seed: store.weights_file(seed) for seed in (0, 2)}
    assert all(file.exists() for file in weights.values())
    assert (told.progress[0], told.progress[-1]) == (("toy/gru", 0, 80), ("toy/gru", 80, 80))
    assert sorted(told.progress) == told.progress
    trained = []
    real = supply._train_block
    monkeypatch.setattr(supply, "_train_block", lambda *words: trained.append(words[2]) or real(*words))
    assert supply.obtain(store, TASK, [0, 4], 1, Watcher()).keys() == {0, 4}
    assert trained == [[4]]


def test_progress_files_are_gone_in_the_end(store):
    store.folder.mkdir(parents=True)
    (store.folder / "block-0.steps").write_text("39")  # of a process that was killed
    told = Told()
    supply.obtain(store, TASK, [0], 1, told)
    assert told.progress[0] == ("toy/gru", 0, 40)
    assert not list(store.folder.glob("*.steps"))
