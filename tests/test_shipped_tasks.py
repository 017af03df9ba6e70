"""The tasks that come with the project: every string is what its task says, and its pair has another answer."""

import random
from itertools import groupby
from pathlib import Path

import pytest

from neuronspec.project import Project

PROJECT = Project.at(Path(__file__).parents[1])
TASKS = sorted(file.stem for file in (PROJECT.root / "tasks").glob("*.py"))


def drawn(name, most=500):
    task = PROJECT.task(name)
    if task.examples is not None:
        return task.draw("corpus")
    rng = random.Random(0)
    return [task.sample(rng) for _ in range(most)]


def answer(example):
    return example.text[example.events["answer"]] if "answer" in example.events else None


@pytest.mark.parametrize("name", TASKS)
def test_examples_fit_their_task(name):
    task = PROJECT.task(name)
    for example in drawn(name):
        task.check(example)
        assert example.text[example.prompt - 1] in ("X", "Y", "<go>")  # all up to the delimiter is given
    for measure in task.measures:
        assert task.measured_on(measure)


@pytest.mark.parametrize("name", ["counting", "selective_counting"])
def test_as_many_b_as_a(name):
    delimiter = "X" if name == "counting" else "Y"
    for example in drawn(name):
        counted, _, said = example.text.partition(delimiter)
        assert said == "b" * counted.count("a")
        assert 1 <= counted.count("a") <= 10
        assert counted.replace("X", "") == "a" * len(said)
        if example.pair is not None:
            assert example.pair.text.count("b") == len(said) - 1
            assert answer(example) == "b"


def test_selective_counting_sprinkles_x_everywhere():
    counted = [example.text.partition("Y")[0] for example in drawn("selective_counting")]
    assert {text.count("X") for text in counted} == set(range(11))
    assert any(text[0] == "X" for text in counted)
    assert any(text[-1] == "X" for text in counted)


def test_positioning_asks_for_a_word_where_it_stands():
    task = PROJECT.task("positioning")
    rng = random.Random(0)
    for example in [*drawn("positioning"), *(task.probe(rng) for _ in range(200))]:
        *line, token, at = example.source
        assert example.text[example.events["target_step"]] == token == example.symbols["target_token"]
        assert int(at) == example.events["target_step"]
        assert all(3 <= len(words) <= 13 for words in (line, example.text[1:]))
    probes = [task.probe(rng) for _ in range(2000)]
    assert {probe.events["target_step"] for probe in probes} == set(range(2, 9))
    assert {probe.symbols["target_token"] for probe in probes} == {f"w{n}" for n in range(10)}
    for probe in probes:
        assert probe.pair.events == probe.events
        assert probe.pair.source[:-2] == probe.source[:-2]
        assert probe.pair.symbols["target_token"] == probe.symbols["other_token"] != probe.symbols["target_token"]


def test_memory_ends_with_the_letter_it_began_with():
    texts = [example.text for example in drawn("memory")]
    assert len(set(texts)) == 20
    for example in drawn("memory"):
        assert [symbol for symbol, _ in groupby(example.text)] == [*example.text[0], "x", "Y", example.text[0].lower()]
        assert answer(example) == example.symbols["answer"]
        assert answer(example.pair) == example.symbols["other"] != answer(example)
        assert example.pair.text[1:-1] == example.text[1:-1]


def test_copying_says_its_letters_again_and_ranks_them():
    texts = [example.text for example in drawn("copying")]
    assert len(set(texts)) == 27
    assert all(text[:3] == text[4:] for text in texts)
    ranks = {example.text[:3]: example.labels["rank_bca"][0] for example in drawn("copying")}
    assert sorted(ranks, key=ranks.get)[:4] == ["bbb", "bbc", "bba", "bcb"]
    for example in drawn("copying"):
        assert answer(example) == example.symbols["answer"] == example.text[0]
        assert answer(example.pair) == example.symbols["other"] != example.text[0]
        assert [example.labels[f"second_is_{letter}"][0] for letter in "abc"] == [example.text[1] == c for c in "abc"]
