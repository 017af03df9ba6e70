"""``--corpus``: a task made from the lines of a text file, from the command to the evidence."""

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from project_files import make

from neuronspec.cli import main

SHIPPED = Path(__file__).parents[1] / "tasks" / "positioning.py"

TASK = """
from dataclasses import replace

from neuronspec.networks import Recipe

from .positioning import Language, Lines, positioning

RECIPES = {"gru": Recipe("reset_before_gru", units=4, embedding=4, encoder=True, steps=3, batch=8, block=1)}


def small(corpus):
    return replace(
        positioning(corpus, RECIPES), size=40, corpus_size=100, from_lines=lambda lines: small(Lines.of(lines, size=20))
    )


task = small(Language.of(30, seed=0))
"""

SPEC = """
from neuronspec import *

asked, due = symbol("target_token"), event("target_step")
said = Spec(
    "small/gru",
    seeds=1,
    claims={
        "the word comes where it is asked for": emits(asked, at=due) >= 0.5,
        "any word does": task_measure("any_word") >= 0.5,
    },
)
"""

OF_A_WORD = """
from neuronspec import *

said = Spec("small/gru", seeds=1, claims={"never": count("zebra") <= 0})
"""

WORDS = "sun moon rain snow wind fire it's stone tree leaf bird song night".split()


def text(lines=200, shortest=8):
    rng = random.Random(0)
    return "\n".join(
        " ".join(rng.choice(WORDS) + rng.choice(["", "", ",", "!"]) for _ in range(rng.randint(shortest, 12)))
        for _ in range(lines)
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    make(tmp_path, SPEC, name="spec_said.py")
    shutil.copy(SHIPPED, tmp_path / "tasks")
    (tmp_path / "tasks" / "small.py").write_text(TASK)
    (tmp_path / "lines.txt").write_text(text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *args: CliRunner().invoke(main, [*map(str, args)], catch_exceptions=False)


def test_a_text_file_from_the_command_to_the_evidence(run, tmp_path):
    command = ("verify", "specs/spec_said.py", "--jobs", 1, "--json", "run.json")
    (made_up, of_lines) = ([run(*command, *more), evidence(tmp_path)] for more in ((), ("--corpus", "small=lines.txt")))
    for said, _ in (made_up, of_lines):
        assert said.exit_code == 1, said.output  # three steps are too few to learn anything
    assert made_up[1]["environment"]["corpora"] == {}
    sha256 = hashlib.sha256((tmp_path / "lines.txt").read_bytes()).hexdigest()
    assert of_lines[1]["environment"]["corpora"] == {"small": {"file": "lines.txt", "sha256": sha256}}
    cards = [json.loads(card.read_text()) for card in (tmp_path / ".neuronspec").rglob("seed-0.json")]
    assert len(cards) == 2  # networks of one corpus are not taken for those of another
    assert sorted(len(card["vocabulary"]) for card in cards) == [len(WORDS) + 2 + 13 + 2, 30 + 13 + 2]


def evidence(folder):
    return json.loads((folder / "run.json").read_text())


def test_the_same_option_trains_and_lists(run):
    corpus = ("--corpus", "small=lines.txt")
    assert run("train", "small/gru", *corpus, "--jobs", 1).stdout.startswith("small/gru: 1 networks in ")
    assert run("list", *corpus).stdout.startswith("specs/spec_said.py::said::the word comes where it is asked for\n")


HOW = "consecutive lines of 3 to 13 words"

REFUSED = {
    "no file": ("small", "", "--corpus small: expected TASK=FILE, e.g. positioning=lines.txt"),
    "no such file": ("small=nowhere.txt", "", "--corpus small=nowhere.txt: No such file or directory"),
    "a folder": ("small=tasks", "", "--corpus small=tasks: Is a directory"),
    "not UTF-8": ("small=x.txt", b"caf\xe9 noir", "--corpus small=x.txt: the text is not UTF-8: byte 0xe9 at 3"),
    "a corpus with one line": (
        "small=x.txt",
        "one line of words",
        f"--corpus small=x.txt: pairs of {HOW}: 0 in 1 lines, expected at least 100",
    ),
    "an empty file": ("small=x.txt", "", f"--corpus small=x.txt: pairs of {HOW}: 0 in 0 lines, expected at least 100"),
    "too few pairs": (
        "small=x.txt",
        text(lines=40),
        f"--corpus small=x.txt: pairs of {HOW}: 39 in 40 lines, expected at least 100",
    ),
    "too few words": (
        "small=x.txt",
        "the same four words\n" * 200,
        "--corpus small=x.txt: different words: 4 in 200 lines, expected at least 10",
    ),
    "short lines": (
        "small=x.txt",
        (" ".join(WORDS[:5]) + "\n" + " ".join(WORDS[5:10]) + "\n") * 100,
        "--corpus small=x.txt: the longest line held out has 5 words, expected at least 8: words are asked for at "
        "positions 2 to 8",
    ),
    "no such task": ("smal=lines.txt", "", "no task 'smal'; did you mean 'small'? (looked in tasks)"),
    "a task without lines": (
        "tiny=lines.txt",
        "",
        "--corpus tiny=lines.txt: task tiny has no from_lines=, and cannot be made from a text",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_corpus_that_cannot_be_used_is_refused_before_anything_trains(case, run, tmp_path):
    corpus, content, message = REFUSED[case]
    (tmp_path / "x.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    for command in (["verify"], ["list"], ["train", "small/gru"]):
        said = run(*command, "--corpus", corpus)
        assert (said.exit_code, said.stderr) == (2, f"error: {message}\n")
    assert not (tmp_path / ".neuronspec").exists()


def test_one_corpus_for_each_task(run):
    said = run("list", "--corpus", "small=lines.txt", "--corpus", "small=x.txt")
    assert said.stderr == "error: --corpus small=x.txt: small has a corpus already, lines.txt\n"


def test_a_word_that_the_text_lacks(run, tmp_path):
    (tmp_path / "specs" / "spec_said.py").write_text(OF_A_WORD)
    said = run("verify", "--corpus", "small=lines.txt")
    assert (said.exit_code, said.stderr) == (
        2,
        "error: specs/spec_said.py::said: claims['never']: char('zebra'): not in the 29 words of small\n",
    )


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("5", "task small: from_lines returned 5: expected a Task"),
        ("1 / 0", "task small: from_lines raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_task_file_that_makes_no_task_of_lines(made, message, run, tmp_path):
    file = tmp_path / "tasks" / "small.py"
    file.write_text(file.read_text() + f"\ntask = replace(task, from_lines=lambda lines: {made})\n")
    said = run("list", "--corpus", "small=lines.txt")
    assert (said.exit_code, said.stderr) == (2, f"error: {message}\n")
