"""Docs that a test can fail."""

import os
import random
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fill
import pytest

import neuronspec.networks
import neuronspec.testing
from neuronspec.cli import main
from neuronspec.cli.start import STARTER, WORKFLOW
from neuronspec.ledger.runs import read
from neuronspec.networks import __all__ as OF_TASKS

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *fill.PAGES]
PAGES = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in FILES}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)

every_page = pytest.mark.parametrize("name", PAGES)


def blocks(language, page=None):
    """The blocks of a language, of one page or of all, each once."""
    texts = PAGES.values() if page is None else [PAGES[page]]
    return list(dict.fromkeys(code for text in texts for name, code in BLOCK.findall(text) if name == language))


@every_page
def test_every_block_has_a_language_that_is_checked(name):
    assert {language for language, _ in BLOCK.findall(PAGES[name])} <= {"python", "sh", "toml", "text", "yaml"}


def is_file(code):
    """Whether a block is a file of somebody's project, which begins with its name."""
    return code.startswith(("# tasks/", "# specs/"))


@pytest.mark.parametrize("name", [name for name in PAGES if blocks("python", name)])
def test_python_blocks_run(name):
    namespace = {}
    for code in blocks("python", name):
        if not is_file(code):
            exec(compile(code, name, "exec"), namespace)


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
    """The files of README and tutorial, which are the same, with a module, its weights and a text."""
    files = [code for code in blocks("python") if is_file(code)]
    assert len(files) == 2
    rng = random.Random(0)
    text = "".join(rng.choices("\n abc", [1, 3, 3, 3, 3], k=40_000))
    (tmp_path / "my_model.py").write_text(MY_MODEL)
    (tmp_path / "text.txt").write_text(text)
    save = "import torch, my_model; torch.save(my_model.trained().state_dict(), 'weights.pt')"
    for code in files:
        file = tmp_path / code.splitlines()[0].removeprefix("# ")
        file.parent.mkdir()
        file.write_text(code)
    said = [["-c", save], ["-m", "neuronspec", "verify", "--json", "run.json"]]
    for arguments in said:
        run = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 of 1 claims came out as their specs say (1 supported)" in run.stdout
    lines = [line for code in files for line in code.splitlines() if line.strip() and not line.startswith("#")]
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


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if fill.PART.search(page)])
def test_generated_parts_are_what_the_script_writes(name):
    """Tables as `neuronspec table` prints them, words with their docstrings, what ``--help`` says."""
    assert fill.filled(PAGES[name]) == PAGES[name], f"{name} is stale: python docs/scripts/fill.py"


def named_by(part, page):
    return [word for _, kind, names, *_ in fill.PART.findall(PAGES[page]) if kind == part for word in names.split()]


def test_the_vocabulary_has_exactly_the_public_words():
    words = named_by("words", "docs/vocabulary.md")
    assert sorted(word for word in words if "." not in word) == sorted(neuronspec.__all__)


def test_every_method_of_a_word_with_an_example_is_in_the_vocabulary():
    methods = {
        f"{owner}.{name}"
        for owner, kind in fill.OWNERS.items()
        for name, value in vars(kind).items()
        if "Example:" in (getattr(value, "__doc__", None) or "")
    }
    assert methods == {word for word in named_by("words", "docs/vocabulary.md") if "." in word}


def test_the_vocabulary_says_which_word_cannot_be_measured_yet():
    assert {word for word in neuronspec.__all__ if "cannot be measured yet" in fill.docstring(word)} == {"encoder"}


@pytest.mark.parametrize("text", ["", "Says what it is."])
def test_a_word_without_docstring_or_example_fails(text, monkeypatch):
    monkeypatch.setattr(fill, "docstring", lambda name: text)
    with pytest.raises(fill.Undocumented, match="zero: expected a docstring with an example"):
        fill.words("zero")


def test_every_spec_file_has_a_page_of_findings_and_a_kept_run():
    names = {file.stem.removeprefix("spec_") for file in (ROOT / "specs").glob("spec_*.py")}
    assert {name for name in names if f"<!-- table: {name}" not in PAGES.get(f"docs/findings/{name}.md", "")} == set()


def test_the_findings_say_how_many_claims_of_the_kept_runs_came_out_as_stated():
    runs = [file for file in (ROOT / "docs/findings/runs").glob("*.json") if "other-seeds" not in file.name]
    claims = [claim for file in runs for claim in read(file)["claims"]]
    as_stated = sum(claim["verdict"] == claim["expected"] for claim in claims)
    assert f"{as_stated} of {len(claims)} claims came out as stated" in PAGES["docs/findings/index.md"]
    assert f"what {len(claims)} claims" in PAGES["README.md"]


def test_every_command_is_on_the_page_of_commands():
    assert set(named_by("help", "docs/commands.md")) == set(main.commands)


def test_every_name_that_task_files_import_is_in_the_reference():
    assert set(re.findall(r"^::: neuronspec\.networks\.(\w+)$", PAGES["docs/reference.md"], re.M)) == set(OF_TASKS)


@pytest.mark.parametrize("module", [neuronspec.networks, neuronspec.testing], ids=lambda module: module.__name__)
def test_every_public_name_of_the_reference_is_documented(module):
    public = {name: getattr(module, name) for name in module.__all__}
    documented = {name for name, value in public.items() if not callable(value) or value.__doc__}
    generated = {name for name in documented if (getattr(public[name], "__doc__", "") or "").startswith(f"{name}(")}
    assert documented - generated == set(public)  # a dataclass without a docstring gets its signature as one


def test_every_page_is_in_the_navigation():
    listed = re.findall(r'= "([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text("utf-8"))
    assert sorted(f"docs/{name}" for name in listed) == sorted(name for name in PAGES if name.startswith("docs/"))


@every_page
def test_links_lead_to_files(name):
    """The anchors of the site are checked when it is built."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", BLOCK.sub("", PAGES[name]))
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 200


LONGEST_SENTENCE = 30
"""Words; the average of a page is far below the 25 that are asked for."""


@every_page
def test_sentences_are_short(name):
    prose = fill.PART.sub("", BLOCK.sub("", PAGES[name]))
    lines = [line for line in prose.splitlines() if not line.startswith(("#", "|", "!", ":::", "<!--"))]
    sentences = re.split(r"[.?!]\W*(?=\s|$)|\n\n|\n- ", "\n".join(lines))
    assert [sentence for sentence in sentences if len(sentence.split()) > LONGEST_SENTENCE] == []


def test_the_architecture_names_files_that_exist():
    named = re.findall(r"`((?:neuronspec|tests|docs)/[\w/.]*)`", PAGES["docs/architecture.md"])
    assert named
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_the_hooks_have_the_versions_of_the_tests():
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    hooks = re.findall(r"\[([\w-]+==[\d.]+)\]", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks
    assert [hook for hook in hooks if hook not in pinned] == []


def test_every_make_target_is_listed():
    targets = re.findall(r"^(\w[\w-]*):.*##", (ROOT / "Makefile").read_text(), re.M)
    assert targets
    assert [target for target in targets if f"`make {target}`" not in PAGES["docs/architecture.md"]] == []


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
        task = replace(project.task(name), corpus_size=200)  # a whole corpus takes seconds, and is drawn alike
        assert all(task.draw(split) for split in ("discovery", "verification", "corpus"))


def test_the_shipped_specs_number_what_the_readme_says():
    from neuronspec.collection import collect
    from neuronspec.project import Project

    questions = collect(Project.at(ROOT), [ROOT / "specs" / "spec_counting.py"])
    networks = {(q.recipe, seed) for q in questions for seed in q.seeds}
    assert f"train {len(networks)} small networks, verify {len(questions)} claims" in PAGES["README.md"]
    assert f"{len(networks)} networks, {len(questions)} claims" in PAGES["docs/speed.md"]
