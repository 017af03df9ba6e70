"""The rates of a calibration, written and shown."""

import json

import pytest
from calibrated import calibration
from click.testing import CliRunner

from neuronspec.calibration import report, run
from neuronspec.cli import main


@pytest.fixture
def found():
    return calibration()


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, ["calibrate", *map(str, words)])


def test_the_command_writes_what_it_shows(command, found, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "calibrate", lambda *_: iter(found))
    said = command("--cases", 8, "--seed", 3, "--json", "rates.json")
    assert said.exit_code == 0, said.output
    told = json.loads((tmp_path / "rates.json").read_text())
    assert report.headline(told) in said.stdout
    assert told == json.loads(command("--cases", 8, "--seed", 3, "--json", "-").stdout)


def test_an_interrupted_run_keeps_what_was_found(command, found, tmp_path, monkeypatch):
    def interrupted(*_):
        yield found[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "calibrate", interrupted)
    said = command("--cases", 16, "--json", "rates.json")
    assert said.exit_code == 130
    told = json.loads((tmp_path / "rates.json").read_text())
    assert (told["complete"], told["power"]["cases"]) == (False, 8)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cases", 0], "0 is not in the range x>=1"),
        (["--cases", "many"], "'many' is not a valid integer"),
        (["--seed", -1], "-1 is not in the range x>=0"),
        (["--jobs", 0], "0 is not in the range x>=1"),
        (["--json", "."], "cannot write the rates to .: it is a folder"),
    ],
)
def test_bad_options(command, words, message):
    said = command(*words)
    assert said.exit_code == 2
    assert message in " ".join(said.output.split())
