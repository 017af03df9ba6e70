"""Commands run in a scratch project of their own."""

import shutil

import pytest
from click.testing import CliRunner
from project_files import make

from neuronspec.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run(*args, spec=None):
        if spec is not False and not (tmp_path / "specs").exists():
            make(tmp_path, spec) if spec else make(tmp_path)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "160")
        return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)

    return run


@pytest.fixture
def locked(tmp_path, monkeypatch, locked_project):
    """Run a command in a project whose claims are locked."""
    shutil.copytree(locked_project, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])
