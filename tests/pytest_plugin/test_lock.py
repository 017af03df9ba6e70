"""Claims held to a lock by pytest: what fails, what it says, and what does not fail."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project_files import EXACT, LOCKED, edit, make, run

pytest_plugins = ["pytester"]


@pytest.fixture
def project(locked_project, pytester):
    shutil.copytree(locked_project, pytester.path, dirs_exist_ok=True)
    return pytester


def held(project, *args):
    return run(project, "--neuronspec-lock", *args)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_pytest_passes_as_locked(project, workers):
    held(project, "specs", *workers).assert_outcomes(passed=3, skipped=1)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_pytest_fails_with_the_sentences(project, workers):
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', '"it ends": length("b") >= 0,')
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    said = held(project, "specs", "--junitxml=out.xml", *workers)
    said.assert_outcomes(passed=1, failed=3, skipped=1)
    said.stdout.fnmatch_lines_random(
        [
            "lock: states something else than was locked: ... >= 0.9 -> >= 0.8, supported",
            "lock: vanished: was refuted, 1 *1, 1*, and no spec states it; `neuronspec lock --update` accepts it",
            "FAILED specs/spec_small.py::small::refuted: it is never exact*",
            "FAILED specs/spec_small.py::small::it ends*",
            "lock: 3 claims are not as they were locked",
            f"  ✗ {EXACT}: states something else*",
        ]
    )
    assert "Traceback" not in said.stdout.str()


def test_pytest_says_what_is_gone_with_its_file(project):
    Path("specs/spec_small.py").rename("specs/spec_kept.py")
    edit("specs/spec_kept.py", '"it is exact": exact_match() >= 0.9,', "")
    said = held(project, "specs")
    said.assert_outcomes(passed=2, failed=1, skipped=1)
    said.stdout.fnmatch_lines([f"FAILED {EXACT}*", "  – specs/spec_kept.py::small::it forgets: was locked as *"])


def test_pytest_annotates_for_github(project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    held(project, "specs").stdout.fnmatch_lines(
        ["::error file=specs/spec_small.py,line=8,title=small%3A%3Ait is exact::lock: states something else *"]
    )


def test_pytest_refuses_what_a_lock_says_nothing_about(project):
    said = held(project, "specs", "--neuronspec-seeds", "3")
    assert said.ret == pytest.ExitCode.USAGE_ERROR
    assert "leave out --neuronspec-seeds" in said.stderr.str()


def test_pytest_without_a_lock_file_is_an_error_and_no_failure(project):
    Path("claims.lock.json").unlink()
    said = held(project, "specs")
    assert said.ret == pytest.ExitCode.INTERRUPTED  # 2, as the command
    said.stdout.fnmatch_lines(["there is no claims.lock.json in *; `neuronspec lock --update` makes one"])


def test_both_faces_keep_the_same_run(project):
    held(project, "specs", "-n", "2", "--neuronspec-json", "run.json")
    by_pytest = json.loads(Path("run.json").read_text())["claims"]
    words = ["verify", "--json", "run.json", "--jobs", "1"]  # in a process of its own: torch can be loaded but once
    subprocess.run([sys.executable, "-m", "neuronspec", *words], check=True, capture_output=True)
    by_command = json.loads(Path("run.json").read_text())["claims"]
    for claim in by_pytest + by_command:
        del claim["seconds"], claim["shared"]
    assert by_pytest == by_command


def test_two_projects_in_one_session_are_two(project):
    other = make(project.path / "other", LOCKED)
    edit(other / "tasks" / "tiny.py", "steps=150", "steps=3")
    said = run(project, "specs", "other/specs")
    said.assert_outcomes(passed=5, failed=1, skipped=2)
    said.stdout.fnmatch_lines(["REFUTED other/specs/spec_small.py::small::it is exact*"])
    for root in (project.path, other):
        (latest, *_) = sorted((root / ".neuronspec" / "runs").iterdir(), reverse=True)
        assert len(json.loads(latest.read_text())["claims"]) == 4


def test_pytest_says_what_is_gone_with_all_its_files(project):
    Path("specs/spec_small.py").unlink()
    held(project, "specs").assert_outcomes(failed=4)
    held(project).assert_outcomes(failed=4)
    Path("specs/spec_small.py").write_text(LOCKED)
    Path("pyproject.toml").write_text('[tool.neuronspec]\nspecs = ["more"]\n')
    held(project).assert_outcomes(failed=4)


def test_pytest_says_that_no_claim_was_held_to_the_lock(project):
    Path("test_it.py").write_text("def test_it():\n    pass\n")
    said = held(project, "test_it.py")
    said.assert_outcomes(passed=1)
    said.stdout.fnmatch_lines(["lock: no claim was held to it"])


def test_pytest_finds_specs_through_a_link(project, tmp_path_factory):
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(project.path)
    held(project, str(link / "specs")).assert_outcomes(passed=3, skipped=1)


def test_pytest_goes_on_where_the_run_cannot_be_written(project):
    project.makeconftest(
        """
        import errno
        import neuronspec.ledger.runs as runs
        def full(path, data):
            raise OSError(errno.ENOSPC, "No space left on device")
        runs.write_atomically = full
        """
    )
    said = held(project, "specs")
    said.assert_outcomes(passed=3, skipped=1)
    said.stdout.fnmatch_lines(["neuronspec: cannot write the run to *: No space left on device"])
    assert said.ret == 2
