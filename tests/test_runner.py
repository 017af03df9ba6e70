"""The main path: from questions to verdicts, whatever the number of processes and whatever happens to the store."""

import json
import os
from dataclasses import replace

import pytest
from project_files import FAILING, make

from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.errors import StoreError
from neuronspec.ledger.record import claim_json
from neuronspec.named_networks import task_and_recipe
from neuronspec.networks import store as store_module
from neuronspec.networks.store import RecipeStore
from neuronspec.project import Project
from neuronspec.watcher import Watcher


class SignalValues(Watcher):
    def __init__(self):
        self.trained, self.seen, self.warnings = [], [], []

    def training(self, recipe, done, total):
        self.trained.append((recipe, done, total))

    def examined(self, recipe, done, total):
        self.seen.append((recipe, done, total))

    def warn(self, message):
        self.warnings.append(message)


def answers(project, jobs=1, **options):
    told = SignalValues()
    results = [r for about_one in runner.verify(project, collect(project, **options), jobs, told) for r in about_one]
    return results, told


def numbers(results):
    """Everything but the seconds."""
    claims = [claim_json(result) for result in results]
    for claim in claims:
        del claim["seconds"], claim["shared"]
    return json.dumps(claims)


@pytest.fixture
def project(tmp_path):
    return Project.at(make(tmp_path))


def test_every_claim_is_answered(project):
    results, told = answers(project)
    assert [r.verdict for r in results] == ["supported", "supported", "refuted", "supported", "supported", "supported"]
    assert all(r.as_expected for r in results)
    assert told.trained[0] == ("tiny/gru", 0, 150)
    assert told.trained[-1] == ("tiny/gru", 150, 150)
    assert told.seen == [("tiny/gru", 1, 2), ("tiny/gru", 2, 2)]


def test_the_same_numbers_again_and_with_more_processes(project, tmp_path, monkeypatch):
    first, _ = answers(project)
    again, told = answers(project)
    monkeypatch.setattr(runner, "START_UP", 0)  # so little work would not be spread
    spread, _ = answers(project, jobs=2)
    anew, _ = answers(replace(project, store=tmp_path / "another store"), jobs=2)
    assert told.trained == []
    assert numbers(first) == numbers(again) == numbers(spread) == numbers(anew)


def test_a_network_does_not_depend_on_which_seeds_were_asked_for(project, tmp_path):
    both, _ = answers(project)
    other = replace(project, store=tmp_path / "another store")
    one, _ = answers(other, seeds=[1])
    assert one[3].outcomes[1] == both[3].outcomes[1]


def test_verdicts_of_all_kinds(tmp_path):
    results, _ = answers(Project.at(make(tmp_path, FAILING)))
    assert {r.question.sentence: r.verdict for r in results} == {
        "it is twice exact": "refuted",
        "it is exact": "supported",
        "nothing to go by": "undecided",
        "forgets": "not applicable",
        "anything": "unspecific",
    }
    assert [r.as_expected for r in results] == [False, True, False, False, False]


def test_a_network_that_never_learns_is_unlearnt(tmp_path):
    spec = FAILING.replace("tiny/gru", "tiny/lstm").replace("seeds=2", "seeds=3")
    results, _ = answers(Project.at(make(tmp_path, spec, competence=0.99)))
    assert {r.question.sentence: r.verdict for r in results} == {
        "it is twice exact": "refuted",
        "it is exact": "supported",
        "nothing to go by": "unlearnt",
        "forgets": "unlearnt",
        "anything": "unlearnt",
    }
    assert results[4].settled.reason == "0 of 3 networks learnt the task"


def test_damage_in_the_store_is_said_and_mended(project):
    first, _ = answers(project)
    task, recipe = task_and_recipe(project, "tiny/gru")
    shelf = RecipeStore.of(project.store, "tiny/gru", task, recipe)
    shelf.weights_file(1).write_bytes(b"not a network")
    again, told = answers(project)
    assert told.warnings == [
        "tiny/gru seed 1: the weights are not those that its card describes; "
        f"seed-1.json and seed-1.safetensors in {shelf.folder} set aside, the network is trained again"
    ]
    assert numbers(first) == numbers(again)


def test_nothing_is_trained_that_could_not_be_kept(project):
    project.store.mkdir()
    (project.store / "networks").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="what is trained would be lost"):
        answers(project)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_is_said(project):
    project.store.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        answers(project)


def test_stored_networks_are_read_from_a_store_that_cannot_be_written(project, monkeypatch):
    first, _ = answers(project)
    monkeypatch.setattr(store_module, "write_atomically", lambda *_: pytest.fail("wrote"))
    again, _ = answers(project)
    assert numbers(first) == numbers(again)


def test_a_disk_that_fills_up_while_training_loses_nothing(project, monkeypatch):
    first, _ = answers(project)

    def full(path, data):
        if path.name != ".writable":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_atomically", full)
    elsewhere = replace(project, store=project.root / "full")
    again, told = answers(elsewhere)
    assert numbers(first) == numbers(again)
    (message,) = told.warnings
    assert message.startswith("tiny/gru: 2 trained networks could not be written to ")
    assert message.endswith("No space left on device; they are used for this run and will have to be trained again")


def test_a_measure_of_the_tasks_own_that_raises_is_an_error_of_that_claim(project):
    file = project.root / "tasks" / "tiny.py"
    file.write_text(file.read_text().replace("len(runs)", "len(runs) / 0"))
    results, _ = answers(project)
    assert [r.verdict for r in results][:3] == ["error", "supported", "refuted"]
    assert results[0].settled.reason == "measure 'answers' of the task raised ZeroDivisionError: division by zero"


def test_controls_of_a_share_are_not_told_beside_it(tmp_path):
    spec = """
        from neuronspec import *
        some = Spec("tiny/gru", seeds=2, claims={
            "it": share_of_seeds(mean(of=hidden[0]) >= -9) >= 0,
        })
    """
    (result,), _ = answers(Project.at(make(tmp_path, spec)))
    assert result.controls == {}
    assert result.settled.value == 0  # unspecific in both networks


def test_seconds_add_up(project):
    results, _ = answers(project)
    for result in results:
        parts = [seconds for phase, seconds in result.seconds.items() if phase != "total"]
        assert result.seconds["total"] == pytest.approx(sum(parts))
        assert result.seconds["train"] > 0
