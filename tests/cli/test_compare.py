"""Runs side by side, and claims judged anew by a run."""

from pathlib import Path

from project_files import EXACT, LOCKED, edit, make


def test_a_run_of_another_project_is_named(locked, tmp_path):
    other = make(tmp_path / "other", LOCKED.replace("exact_match()", 'length("b")').replace("small", "other"))
    edit(other / "tasks" / "tiny.py", "units=6, learning_rate=0.05", "units=4, learning_rate=0.05")
    edit(other / "specs" / "spec_small.py", "tiny/gru", "tiny/lstm")
    locked("verify", other / "specs" / "spec_small.py", "--jobs", 1, "--json", "other.json")
    for command in ("rejudge", "lock --run"):
        said = locked(*command.split(), "other.json")
        assert said.exit_code == 2
        assert "is it another project's?" in said.stderr


def test_edited_bounds_are_judged_without_a_network(locked):
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 2")
    kept = list(Path(".neuronspec/networks").rglob("*.safetensors"))
    for file in kept:
        file.unlink()
    said = locked("rejudge", "last")
    assert said.exit_code == 1
    assert "2 of 4 claims came out as their specs say (2 refuted, 1 supported, 1 not applicable)" in said.stdout
    edit("specs/spec_small.py", "exact_match() >= 2", "exact_match(among=one_of('a')) >= 0")
    said = locked("rejudge", "last", "-v")
    assert said.stdout.splitlines()[-1] == f"  not judged: {EXACT}: it was not measured; verify it"


def test_two_runs_side_by_side(locked):
    locked("verify", "--jobs", 1)
    said = locked("compare", "last~1", "last")
    assert said.exit_code == 0
    assert "3 claims in both" not in said.stdout
    assert "4 claims in both: 0 higher, 0 lower, the others not apart; 0 verdicts changed" in said.stdout
    assert "work: train " in said.stdout
    said = locked("compare", "last", "lock")
    assert said.stdout == "lock: all 4 claims that were judged are as locked\n"


def test_two_networks_under_one_spec(locked):
    said = locked("compare", "tiny/gru", "tiny/lstm", "--jobs", 1)
    assert said.exit_code == 0
    assert "supported -> refuted" in said.stdout, "two steps of training are too few"
    assert "not applicable -> " in said.stdout
    assert said.stdout.count("4 claims in both") == 1
    assert len(locked("runs").stdout.splitlines()) == 3
