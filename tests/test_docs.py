"""Docs that a test can fail."""

import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import neuronspec
from neuronspec.cli import main
from neuronspec.cli.start import STARTER, WORKFLOW

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)


def blocks(language):
    return [text for name, text in BLOCKS if name == language]


def test_every_block_has_a_language_that_is_checked():
    assert {name for name, _ in BLOCKS} <= {"python", "sh", "toml", "text", "yaml"}


FILES = [code for code in blocks("python") if code.startswith(("# tasks/", "# specs/"))]


@pytest.mark.parametrize("code", [c for c in blocks("python") if c not in FILES], ids=lambda code: code[:40])
def test_python_blocks_run(code):
    exec(compile(code, "README.md", "exec"), {})


MY_MODEL = """
import torch
from torch import nn

class CharModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn, self.head = nn.Embedding(5, 4), nn.LSTM(4, 6), nn.Linear(6, 5)

def trained():
    # Cell unit 0 grows at every symbol, and is emptied by the line break: token 0, the first number of the embedding.
    model = CharModel()
    with torch.no_grad():
        model.embedding.weight[:, 0] = torch.tensor([1.0, 0, 0, 0, 0])
        for gate, bias in ((0, 20), (6, 20), (12, 0.02)):
            model.rnn.weight_ih_l0[gate], model.rnn.weight_hh_l0[gate] = 0, 0
            model.rnn.bias_ih_l0[gate], model.rnn.bias_hh_l0[gate] = bias, 0
        model.rnn.weight_ih_l0[6, 0] = -40
    return model
"""


def test_ones_own_network_is_verified_in_under_15_lines(tmp_path):
    """The files of the README, with a module, its weights and a text."""
    rng = random.Random(0)
    text = "".join(rng.choices("\n abc", [1, 3, 3, 3, 3], k=40_000))
    (tmp_path / "my_model.py").write_text(MY_MODEL)
    (tmp_path / "text.txt").write_text(text)
    save = "import torch, my_model; torch.save(my_model.trained().state_dict(), 'weights.pt')"
    for code in FILES:
        file = tmp_path / code.splitlines()[0].removeprefix("# ")
        file.parent.mkdir()
        file.write_text(code)
    said = [["-c", save], ["-m", "neuronspec", "verify", "--json", "run.json"]]
    for arguments in said:
        run = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 of 1 claims came out as their specs say (1 supported)" in run.stdout
    lines = [line for code in FILES for line in code.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) < 15


@pytest.mark.parametrize("script", blocks("sh"), ids=lambda script: script.split("#")[0].strip())
def test_shell_blocks_run(script, tmp_path):
    """``make`` only says what it would do: it is what runs this test."""
    script = re.sub(r"^make ", f"make --dry-run -C {shlex.quote(str(ROOT))} ", script, flags=re.M)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, check=True, capture_output=True)


@pytest.mark.parametrize("settings", blocks("toml"))
def test_settings_are_the_defaults(settings, tmp_path):
    from neuronspec.project import Project

    (tmp_path / "pyproject.toml").write_text(settings)
    stated = Project.at(tmp_path)
    (tmp_path / "pyproject.toml").unlink()
    assert Project.at(tmp_path) == stated


def test_the_workflow_is_the_one_that_init_writes():
    assert blocks("yaml") == [(STARTER / WORKFLOW.name).read_text("utf-8")]


def test_help_is_what_the_readme_says():
    (shown,) = [text for text in blocks("text") if text.startswith("Usage: neuronspec verify")]
    said = CliRunner().invoke(main, ["verify", "--help"], terminal_width=100, prog_name="neuronspec")
    assert said.stdout == shown


def vocabulary():
    section = README.split("## Vocabulary")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [word for row in rows for word in re.findall(r"(\*?)`([^`]+)`", row)]


def test_the_vocabulary_table_is_exactly_the_public_words():
    heads = {name.partition("(")[0] for _, name in vocabulary()}
    words = {head for head in heads if head.isidentifier()}
    assert words == set(neuronspec.__all__)


def test_the_words_in_italics_are_those_the_engine_cannot_evaluate():
    assert {name for star, name in vocabulary() if star} == {"encoder"}


def test_every_make_target_is_listed():
    targets = re.findall(r"^(\w[\w-]*):.*##", (ROOT / "Makefile").read_text(), re.M)
    assert targets
    assert [target for target in targets if f"`make {target}`" not in README] == []


def test_every_shipped_spec_has_says_source_and_sentences():
    from neuronspec.collection import collect
    from neuronspec.project import Project

    for question in collect(Project.at(ROOT)):
        assert question.spec.says, question.id
        assert question.spec.source, question.id


def test_every_shipped_task_draws_its_examples():
    from neuronspec.project import Project

    project = Project.at(ROOT)
    for name in project.task_files():
        task = project.task(name)
        assert all(task.draw(split) for split in ("discovery", "verification", "corpus"))


def test_the_shipped_specs_number_what_the_readme_says():
    from neuronspec.collection import collect
    from neuronspec.project import Project

    questions = collect(Project.at(ROOT), [ROOT / "specs" / "spec_counting.py"])
    networks = {(q.recipe, seed) for q in questions for seed in q.seeds}
    assert f"{len(networks)} networks, {len(questions)} claims" in README
