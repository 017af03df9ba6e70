"""Help, and how a command ends."""

import json
import signal
import subprocess
import time

import pytest
from click.testing import CliRunner
from processes import PATIENCE, started
from project_files import make

from neuronspec import runner
from neuronspec.cli import main


def test_a_fault_of_ours_is_exit_code_3(run, monkeypatch):
    monkeypatch.setattr(runner, "verify", lambda *_: 1 / 0)
    said = run("verify")
    assert said.exit_code == 3
    assert "ZeroDivisionError" in said.stderr
    assert "please report it" in said.stderr


@pytest.mark.parametrize("command", [[], ["verify"], ["list"], ["train"], ["draw"], ["init"]])
def test_help_teaches(command):
    said = CliRunner().invoke(main, [*command, "--help"])
    assert said.exit_code == 0
    assert len(said.stdout.splitlines()) > 5


def test_ctrl_c_while_training(tmp_path):
    """A real interrupt of a real process: it stops soon, says so, and the store stays whole."""
    make(tmp_path, steps=10**6).joinpath("specs", "spec_small.py").write_text(
        'from neuronspec import *\nlong = Spec("tiny/lstm", seeds=1, claims={"it": exact_match() >= 0})\n'
    )
    words = ["verify", "--jobs", "1", "--json", "run.json"]
    with started("from neuronspec.cli import main; main()", *words, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.rglob("*.steps")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted after 0 of 1 claims" in stdout
    assert json.loads((tmp_path / "run.json").read_text())["complete"] is False
    assert not list(tmp_path.rglob("*.safetensors"))
