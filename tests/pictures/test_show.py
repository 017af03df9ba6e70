"""``neuronspec trace``: what units do while a network reads a text."""

import pytest
from click.testing import CliRunner
from planted import network
from project_files import make

from neuronspec.cli import main
from neuronspec.engine.runs.tracing import Network
from neuronspec.errors import ProjectError
from neuronspec.networks.models import build
from neuronspec.networks.recipes import Recipe
from neuronspec.pictures.show import series


def test_the_planted_counter_is_the_unit_it_is():
    (counter,) = series(network(), "aaXbb", units=[2])
    assert counter.name == "cell[2]"
    assert counter.values == pytest.approx([0.05, 0.1, 0.1, 0.05, 0.0], abs=1e-4)
    assert (counter.low, counter.high) == pytest.approx((-0.1, 0.1), abs=1e-4)


def test_gates_stand_beside_the_cell():
    names = [one.name for one in series(network(), "aaXbb", units=[2, 0], gates=True)]
    gates = ["input_gate", "forget_gate", "output_gate"]
    assert names == [f"{site}[{unit}]" for unit in (2, 0) for site in ["cell", *gates]]


def test_without_a_unit_those_that_vary_most_are_shown():
    from numpy import std

    shown = series(network(), "aaXbb")
    every = series(network(), "aaXbb", units=range(6))
    most = sorted(every, key=lambda one: -std(one.values))[:4]
    assert {one.name for one in shown} == {one.name for one in most}


@pytest.fixture
def trace(tmp_path, monkeypatch):
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *args, **options: CliRunner().invoke(main, ["trace", *args], catch_exceptions=False, **options)


def test_columns_go_through_a_pipe_and_pictures_into_files(trace, tmp_path):
    said = trace("tiny/gru", "--text", "-", "--unit", "1", "--gates", "--out", "a.png", "--out", "a.svg", input="aab")
    assert said.exit_code == 0
    lines = said.stdout.splitlines()
    assert lines[0] == "step\tchar\thidden[1]\treset_gate[1]\tupdate_gate[1]"
    assert [line.split("\t")[1] for line in lines[1:]] == ["a", "a", "b"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


WRONG = {
    ("tiny/gru", "--text", ""): "--text: expected a text that is not empty",
    ("tiny/gru", "--text", "aéé"): "--text: 2 characters are not in the alphabet of tiny/gru: 'é'",
    ("tiny/gru", "--text", "a", "--site", "cell"): "--site cell: tiny/gru has no such site; known: candidate",
    ("tiny/gru", "--text", "a", "--site", "hiden"): "no such site; did you mean 'hidden'?",
    ("tiny/gru", "--text", "a", "--unit", "6"): "--unit 6: hidden of tiny/gru has units 0 to 5",
    ("tiny/gru", "--text", "a", "--layer", "1"): "--layer 1: tiny/gru has layers 0 to 0",
    ("tiny/gru", "--text", "a", "--out", "a.jpg"): "--out a.jpg: expected a file that ends in .png or .svg",
    ("tiny/gru", "--text", "a", "--out", "tasks"): "cannot write the picture to tasks: it is a folder",
    ("tiny/grr", "--text", "a"): "task tiny has no recipe 'grr'; did you mean 'gru'?",
}


@pytest.mark.parametrize("args", WRONG)
def test_wrong_use(trace, args):
    said = trace(*args)
    assert said.exit_code == 2
    assert WRONG[args] in said.stderr


def untrained(vocabulary, **options):
    recipe = Recipe("gru", units=3, **options)
    model = build(recipe, len(vocabulary)).initialise(0).requires_grad_(False)
    return Network("words/gru", 0, vocabulary, model, ends=False)


def test_words_are_set_apart_by_blanks():
    shown = untrained(("it", "was", "a"))
    assert len(series(shown, "it was  it", units=[0])[0].values) == 3
    with pytest.raises(ProjectError, match=r"--text: 1 words are not in the alphabet of words/gru: 'wasp'"):
        series(shown, "a wasp")


def test_an_encoder_decoder_reads_more_than_a_text():
    with pytest.raises(ProjectError, match="words/gru is an encoder-decoder: it reads more than a text"):
        series(untrained("ab", encoder=True), "ab")
