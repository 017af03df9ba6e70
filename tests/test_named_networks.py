"""Networks by name: found in the store, or trained; nothing is trained to say what they are made of."""

import pytest
import torch
from project_files import make

from neuronspec import named_networks
from neuronspec.errors import TaskError
from neuronspec.project import Project
from neuronspec.watcher import Watcher


@pytest.fixture
def project(tmp_path):
    return Project.at(make(tmp_path))


def test_a_network_is_trained_once_and_then_found(project, monkeypatch):
    first = named_networks.network(project, "tiny/lstm", 1, Watcher())
    monkeypatch.setattr("neuronspec.networks.supply._train", None)
    again = named_networks.network(project, "tiny/lstm", 1, Watcher())
    assert (again.shown, again.vocabulary, again.ends) == ("tiny/lstm seed 1", first.vocabulary, True)
    for ours, theirs in zip(again.model.parameters(), first.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_to_tell_what_networks_are_made_of_trains_nothing(project):
    told = named_networks.origin(project, "tiny/lstm", [0])
    assert told["recipe"]["units"] == 6
    task, _ = named_networks.trainable(project, "tiny/lstm")
    assert told["sequences"] == task.sequences_hash()
    assert not project.store.exists()


@pytest.mark.parametrize(
    ("name", "message"), [("tinny/gru", "no task 'tinny'; did you mean 'tiny'"), ("tiny/grru", "did you mean 'gru'")]
)
def test_names_that_are_not_known(project, name, message):
    with pytest.raises(TaskError, match=message):
        named_networks.task_and_recipe(project, name)
