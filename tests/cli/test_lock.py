"""Claims held to a lock by the command: what fails, what it says, and what does not fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from project_files import EXACT, edit

from neuronspec.ledger import runs
from neuronspec.networks.store import RecipeStore
from neuronspec.networks.training import Trained
from neuronspec.project import Project


def spoil(change):
    """Put other weights in the place of stored ones, as if training had come to them."""
    project = Project.at(Path())
    task = project.task("tiny")
    shelf = RecipeStore.of(project.store, "tiny/gru", task, task.recipe("gru"))
    for seed in range(2):
        weights = {name: tensor.clone() for name, tensor in shelf.load(seed).items()}
        change(weights)
        shelf.save(Trained(seed, weights, []))


def test_what_is_locked_holds(locked):
    said = locked("verify", "--lock", "--jobs", 1)
    assert said.exit_code == 0
    assert "lock: all 4 claims that were judged are as locked" in said.stdout
    assert locked("lock", "--jobs", 1).stdout == "lock: all 4 claims that were judged are as locked\n"


def with_noise(weights):
    import torch

    torch.manual_seed(0)
    for tensor in weights.values():
        tensor += torch.randn_like(tensor)


def without_units(weights):
    for name, tensor in weights.items():
        if name in ("recurrent.weight_hh_l0", "readout_weight"):
            tensor[:, :4] = 0


def of_another_recipe(_=None):
    edit("tasks/tiny.py", "steps=150", "steps=3")


BROKEN = {
    "noise on its weights": (lambda: spoil(with_noise), ""),
    "units removed": (lambda: spoil(without_units), ""),
    "another recipe": (of_another_recipe, "; tiny/gru is made otherwise than was locked: steps 150 -> 3"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_network_that_broke_fails_with_the_sentence_and_passes_when_restored(locked, how):
    break_it, cause = BROKEN[how]
    kept = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    break_it()
    said = locked("verify", "--lock", "--jobs", 1)
    assert said.exit_code == 1
    (line,) = [line for line in said.stdout.splitlines() if line.startswith(f"  ✗ {EXACT}: ")]
    assert line.startswith(f"  ✗ {EXACT}: was supported, is ")
    assert ": 1 [1, 1] -> " in line
    assert line.endswith(cause)
    for file, content in kept.items():
        file.write_bytes(content)
    assert locked("verify", "--lock", "--jobs", 1).exit_code == 0


def test_what_does_not_matter_to_the_numbers_does_not_fail(locked, tmp_path):
    """Threads and processes, which change no digit, and arithmetic that rounds otherwise; each from an empty store."""
    layouts = [
        {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
        {"ATEN_CPU_CAPABILITY": "default"},
    ]
    for number, layout in enumerate(layouts):
        command = [sys.executable, "-m", "neuronspec", "verify", "--lock", "--jobs", str(1 + number % 2)]
        store = ["--store", str(tmp_path / f"store {number}")]
        done = subprocess.run([*command, *store], env=os.environ | layout, capture_output=True, text=True)
        assert (done.returncode, layout, done.stdout[-2000:] * done.returncode) == (0, layout, "")
    first, second = (latest_claims(tmp_path / f"store {number}") for number in (0, 1))
    assert first == second


def latest_claims(store):
    """The claims of the latest run, without the seconds that they took."""
    claims = runs.read(runs.kept_runs(runs.folder_of(store))[0])["claims"]
    return [{name: value for name, value in c.items() if name not in ("seconds", "shared")} for c in claims]


def test_a_spec_that_lost_gained_or_changed_a_claim(locked):
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', '"it ends": length("b") >= 0,')
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    said = locked("verify", "--lock", "--jobs", 1)
    assert said.exit_code == 1
    spec = "specs/spec_small.py::small"
    assert said.stdout.splitlines()[-5:] == [
        "lock: 3 claims are not as they were locked",
        f"  ✗ {EXACT}: states something else than was locked: ... >= 0.9 -> >= 0.8, supported",
        f"  ✗ {spec}::it ends: is not in the lock: supported, 2 [2, 2]",
        f"  ✗ {spec}::refuted: it is never exact: vanished: was refuted, 1 [1, 1], and no spec states it",
        "`neuronspec lock --run last --update` accepts it",
    ]
    assert locked("lock", "--jobs", 1).exit_code == 1
    assert locked("lock", "--update", "--jobs", 1).stdout.endswith("wrote claims.lock.json: 4 claims of 1 recipe\n")
    assert locked("verify", "--lock", "--jobs", 1).exit_code == 0


def test_a_part_is_held_to_its_part(locked):
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', "")
    assert locked("verify", "--lock", "-k", "tally", "--jobs", 1).exit_code == 0
    assert locked("verify", "--lock", f"{EXACT}", "--jobs", 1).exit_code == 0
    assert locked("verify", "--lock", "-k", "exact", "--jobs", 1).exit_code == 1


def test_a_part_is_locked_anew(locked):
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    edit("specs/spec_small.py", ">= 0.5)", ">= 0.4)")
    assert locked("lock", "--update", "-k", "tally", "--jobs", 1).exit_code == 0
    said = locked("verify", "--lock", "--jobs", 1)
    assert [line for line in said.stdout.splitlines() if line.startswith("  ✗")] == [
        f"  ✗ {EXACT}: states something else than was locked: ... >= 0.9 -> >= 0.8, supported"
    ]


def test_a_run_that_is_kept_can_be_locked(locked):
    lock = Path("claims.lock.json").read_text()
    Path("claims.lock.json").unlink()
    assert locked("lock", "--run", "last", "--update").exit_code == 0
    assert Path("claims.lock.json").read_text() == lock


def test_a_claim_that_is_not_as_stated_may_be_locked_and_is_said(locked):
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 2")
    said = locked("lock", "--run", "last", "--update")
    assert f"locked though it is not as its spec states: {EXACT}" in said.stdout
    assert locked("verify", "--lock", "--jobs", 1).exit_code == 1, "the lock adds demands, and takes none away"


REFUSED = {
    ("verify", "--lock", "--seeds", "3"): "--lock holds for the networks that the specs name: leave out --seeds",
    ("verify", "--lock", "--full"): "--lock holds for the networks that the specs name: leave out --full",
    ("lock", "--run", "lost"): "lost: no such run in",
    ("rejudge", "lost.json"): "cannot read the run lost.json: No such file",
    ("compare", "last", "tiny/gru"): "expected two runs, a run and `lock`, or two recipes",
    ("compare", "tiny/gro", "tiny/gru"): "did you mean 'gru'?",
    ("compare", "last", "last", "-k", "nothing"): "-k 'nothing' matches no claim of the run",
}


@pytest.mark.parametrize("args", REFUSED)
def test_wrong_use_is_exit_code_2(locked, args):
    said = locked(*args)
    assert said.exit_code == 2
    assert REFUSED[args] in said.stderr


def test_without_a_lock_there_is_nothing_to_be_held_to(locked):
    Path("claims.lock.json").unlink()
    said = locked("verify", "--lock")
    assert said.exit_code == 2
    assert "there is no claims.lock.json in" in said.stderr


def test_evidence_of_other_networks_is_refused(locked):
    of_another_recipe()
    for command in (("rejudge", "last"), ("lock", "--run", "last", "--update")):
        said = locked(*command)
        assert said.exit_code == 2
        assert "the run is about other networks of tiny/gru than there are now: steps 150 -> 3; verify" in said.stderr


def test_a_keyword_that_matches_nothing_locks_nothing(locked):
    for options in ((), ("--update",)):
        said = locked("lock", "-k", "nonsense", *options)
        assert (said.exit_code, said.stdout) == (2, "")
        assert "-k 'nonsense' matches no claim" in said.stderr


def test_a_spec_elsewhere_that_cannot_be_read_is_said_before_anything_is_verified(locked, monkeypatch):
    Path("specs/spec_broken.py").write_text("1 / 0\n")
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', "")
    monkeypatch.setattr("neuronspec.runner.verify", lambda *_: pytest.fail("verified"))
    said = locked("lock", "specs/spec_small.py")
    assert (said.exit_code, "ZeroDivisionError" in said.output) == (2, True)
