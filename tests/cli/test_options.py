"""Options of several commands, and which project they are about."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from project_files import make

from neuronspec.cli import main

WRONG = {
    ("verify", "nowhere"): "error: nowhere: no such file or folder",
    ("verify", "-k", "ZZZ"): "error: -k 'ZZZ' matches no claim; `neuronspec list` shows them all",
    ("verify", "--seeds", "many"): (
        "error: --seeds many: expected how many (5) or from:to (1000:1010, the last left out)"
    ),
    ("verify", "--seeds", "5:5"): "error: --seeds 5:5: expected how many (5)",
    ("train", "tiny/grru"): "error: task tiny has no recipe 'grru'; did you mean 'gru'?",
    ("train", "tinny/gru"): "error: no task 'tinny'; did you mean 'tiny'? (looked in tasks)",
    ("train", "tiny"): "error: task tiny has no recipe ''; known: gru, lstm",
    ("verify", "--json", "."): "error: cannot write the run to .: it is a folder",
    ("verify", "--json", "tasks/tiny.py/run.json"): "is not a folder",
    ("verify", "--jobs", "0"): "Error: Invalid value for '--jobs': 0 is not in the range x>=1.",
    ("verfy",): "Error: No such command 'verfy'",
}


@pytest.mark.parametrize("args", WRONG)
def test_wrong_use_is_exit_code_2(run, args):
    said = run(*args)
    assert said.exit_code == 2
    assert WRONG[args] in said.stderr


def test_keyword_and_seeds(run):
    said = run("verify", "--jobs", 1, "-k", "exact and not never", "--seeds", "2:4", "--json", "-")
    (claim,) = json.loads(said.stdout)["claims"]
    assert [replicate["seed"] for replicate in claim["replicates"]] == [2, 3]


def test_a_path_decides_the_project(run, tmp_path, monkeypatch):
    make(tmp_path / "other")
    monkeypatch.chdir("/")
    said = CliRunner().invoke(main, ["verify", str(tmp_path / "other" / "specs" / "spec_small.py"), "--jobs", "1"])
    assert said.exit_code == 0
    assert (tmp_path / "other" / ".neuronspec" / "networks").is_dir()


def test_two_projects_are_verified_one_by_one(run, tmp_path):
    make(tmp_path / "other")
    said = run("verify", "specs", "other/specs")
    assert said.exit_code == 2
    assert "are two projects: verify them one by one" in said.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no users there to become")
def test_a_folder_that_may_not_be_written_to_is_said_beforehand(locked, tmp_path):
    """As somebody else, since root may write anywhere."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o555)
    (tmp_path / ".neuronspec" / "runs").chmod(0o555)
    code = (
        "import os, sys, shutil\n"
        "from neuronspec.cli import main\n"
        "from neuronspec.ledger import circumstances, runs\n"  # what lies in a home may be read no more
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "sys.argv = ['neuronspec', 'verify', '--jobs', '1']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert f"runs cannot be kept in {tmp_path}/.neuronspec/runs: " in done.stderr
    assert done.stderr.rstrip().endswith("is not writable; name another folder with --runs")


def test_what_is_kept_stays_out_of_git(locked):
    assert Path(".neuronspec/.gitignore").read_text() == "*\n"
