"""Runs and locks that were written before words were renamed."""

import json
from pathlib import Path

import pytest
from project_files import make

from neuronspec import (
    cell,
    correlation,
    emits,
    gate_input,
    hidden,
    input_gate,
    matched_displacement,
    median_over_seeds,
    position,
    refuted,
    share_of_seeds,
    task_measure,
    zero,
)
from neuronspec.collection import collect
from neuronspec.language.expression import to_json
from neuronspec.ledger import lock, renamed, runs
from neuronspec.ledger.changes import changes, gone, identity_of, stated, with_keys_of_today
from neuronspec.ledger.lock import lock_of
from neuronspec.ledger.record import replicates_key
from neuronspec.project import Project

HERE = Path(__file__).parent
OLD_LOCK, OLD_RUN = HERE / "lock-1.json", HERE / "run-1.json"

CLAIMS = [
    task_measure("x") >= 1,
    refuted(median_over_seeds(task_measure("x")) >= 1),
    share_of_seeds(task_measure("x") >= 1) >= 0.5,
    (emits("a", at="X", under=zero(cell[3], at="X")) <= 0.5).against(matched_displacement()),
    gate_input(of=input_gate[1], by=hidden[2], at="X") >= 0.1,
]


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    return stated(collect(Project.at(make(tmp_path_factory.mktemp("renamed")))))


def in_words_of_then(claim):
    """A claim as a run of schema 2 has it: its keys are those of the words of then."""
    told = json.dumps(to_json(claim))
    for earlier, today in renamed.WORDS.items():
        told = told.replace(f'"{today}"', f'"{earlier}"')
    old = json.loads(told)
    keys = dict.fromkeys(("key", "evidence_key", "replicates_key"), "of then")
    return {"network": "toy/lstm", "expression": old, **keys}


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_claim_of_a_run_gets_the_words_and_keys_of_today(claim):
    then = in_words_of_then(claim)
    (now,) = renamed.run({"claims": [then]})["claims"]
    assert now == {
        "recipe": "toy/lstm",
        "expression": to_json(claim),
        "key": claim.key("toy/lstm"),
        "evidence_key": claim.evidence_key("toy/lstm"),
        "replicates_key": replicates_key(claim, "toy/lstm"),
    }
    assert renamed.earlier_key("toy/lstm", now["expression"]) == renamed.key("toy/lstm", then["expression"])


def test_a_claim_without_renamed_words_keeps_its_keys():
    claim = to_json(correlation(position(), of=cell[0]) >= 0.5)
    (now,) = renamed.run({"claims": [{"network": "a/b", "expression": claim, "key": "as it is"}]})["claims"]
    assert now == {"recipe": "a/b", "expression": claim, "key": "as it is"}
    assert renamed.earlier_key("a/b", claim) == ""


def test_what_was_printed_gets_the_words_of_today_and_what_was_written_by_hand_does_not():
    claim = {
        "id": "a::measured(x)",
        "says": "drive(it)",
        "claim": "(measured('x') >= 1).against(as_far())",
        "reason": "units moved as far: too few",
        "controls": {"units moved as far": {"value": 1.0}, "random units": {"value": 0.5}},
    }
    (now,) = renamed.run({"claims": [claim]})["claims"]
    assert (now["id"], now["says"]) == ("a::measured(x)", "drive(it)")
    assert now["claim"] == "(task_measure('x') >= 1).against(matched_displacement())"
    assert now["reason"] == "matched displacement: too few"
    assert now["controls"] == {"matched displacement": {"value": 1.0}, "random units": {"value": 0.5}}


def test_a_run_of_then_is_not_taken_for_another(specs):
    found = identity_of(runs.read(OLD_RUN)["claims"])
    assert {name: what.key for name, what in found.items()} == {name: what.key for name, what in specs.items()}


def test_specs_are_held_against_an_old_lock_without_a_change(specs):
    old, claims = lock.read(OLD_LOCK), runs.read(OLD_RUN)["claims"]
    assert "measured('answers')" in OLD_LOCK.read_text()
    assert changes(old, claims, specs) == []
    assert gone(old, specs, lambda name: True) == []


def test_a_claim_of_an_old_lock_that_was_reworded_is_still_found(specs):
    old, name = lock.read(OLD_LOCK), "specs/spec_small.py::small::it answers"
    (change,) = gone(old, {id: what for id, what in specs.items() if id != name}, lambda id: True)
    assert change.id == name
    moved = {id.replace("it answers", "it speaks"): what for id, what in specs.items()}
    assert gone(old, moved, lambda id: True) == []


def test_an_old_lock_is_written_in_the_words_of_today(specs, tmp_path):
    lock.write(tmp_path / "claims.lock.json", with_keys_of_today(lock.read(OLD_LOCK), specs))
    assert lock.read(tmp_path / "claims.lock.json") == lock_of(runs.read(OLD_RUN)["claims"])
    assert json.loads((tmp_path / "claims.lock.json").read_text())["schema"] == lock.SCHEMA
