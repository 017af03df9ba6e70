"""The tasks that come with the project: every string is what its task says, and its pair has another answer."""

import random
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from neuronspec.errors import TaskError
from neuronspec.networks import Completion, Example
from neuronspec.project import Project

PROJECT = Project.at(Path(__file__).parents[1])
TASKS = sorted(file.stem for file in (PROJECT.root / "tasks").glob("*.py"))


def drawn(name, most=500):
    task = PROJECT.task(name)
    if task.examples is not None:
        return task.draw("corpus")
    rng = random.Random(0)
    return [task.sample(rng) for _ in range(most)]


def file_of(name):
    return PROJECT.load(PROJECT.task_files()[name])


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
    for example in [*drawn("positioning"), *(task.evaluate_on(rng) for _ in range(200))]:
        *line, token, at = example.source
        assert example.text[example.events["target_step"]] == token == example.symbols["target_token"]
        assert int(at) == example.events["target_step"]
        assert all(3 <= len(words) <= 13 for words in (line, example.text[1:]))
    probes = [task.evaluate_on(rng) for _ in range(2000)]
    assert {probe.events["target_step"] for probe in probes} == set(range(2, 9))
    assert {probe.symbols["target_token"] for probe in probes} == {f"w{n}" for n in range(10)}
    for probe in probes:
        assert probe.pair.events == probe.events
        assert probe.pair.source[:-2] == probe.source[:-2]
        assert probe.pair.symbols["target_token"] == probe.symbols["other_token"] != probe.symbols["target_token"]


def test_positioning_among_random_words_never_reads_the_word():
    examples = PROJECT.task("positioning").measured_on("amid_random_words")
    assert {example.prompt for example in examples} == set(range(2, 9))
    for example in examples:
        *read, word = example.text
        assert example.prompt == example.events["target_step"] == len(read)
        assert example.source[-2:] == (word, str(len(read)))
        assert word not in read


def test_a_measure_counts_the_examples_in_which_all_that_is_due_is_said():
    says = file_of("positioning").says
    example = Example(tuple("gabcd"), events={"one": 2, "two": 4})
    runs = [Completion(("g",), tuple("abcd"), tuple(came)) for came in ("abcd", "xbxd", "abc", "abcx", "")]
    assert says([example] * 5, lambda e: [e.events["one"]]).of(runs) == 0.8
    assert says([example] * 5, lambda e: [2, 4]).of(runs) == 0.4
    ended = [replace(run, end="<end>") for run in runs]
    assert says([example] * 5, lambda e: [5]).of(ended) == 0.6
    assert says([example] * 5, lambda e: [5]).of(runs) == 0


MISPLACED = {
    "a line shorter than the asked position": (5, "position 5: the line has 4 words, 'b c d e'"),
    "a position beyond the range": (14, "position 14: expected 1 to 13"),
    "a position before the first": (0, "position 0: expected 1 to 13"),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_positioning_refuses_a_position_that_is_not_there(case):
    at, message = MISPLACED[case]
    with pytest.raises(TaskError) as error:
        file_of("positioning").asked(["a"], ["b", "c", "d", "e"], at, "w")
    assert str(error.value) == message


def test_positioning_refuses_a_word_that_the_language_lacks():
    task, asked = PROJECT.task("positioning"), file_of("positioning").asked
    with pytest.raises(TaskError) as error:
        task.check(asked(["w1"], ["w2", "w3"], 2, "zebra"))
    assert str(error.value) == (
        "task positioning: ('<go>', 'w2', 'zebra') holds 'zebra', which is not in its 214 words"
    )


def test_positioning_two_asks_for_two_words():
    task = PROJECT.task("positioning_two")
    rng = random.Random(0)
    for example in [*drawn("positioning_two"), *(task.evaluate_on(rng) for _ in range(500))]:
        *line, one, at, two, other_at = example.source
        assert (int(at), int(other_at)) == (example.events["target_step"], example.events["second_step"])
        assert (example.text[int(at)], example.text[int(other_at)]) == (one, two)
        assert (one, two) == (example.symbols["target_token"], example.symbols["second_token"])
        assert at != other_at
        assert all(3 <= len(words) <= 13 for words in (line, example.text[1:]))
        if example.pair is not None:
            assert example.pair.events == example.events
            assert not {one, two} & {*example.pair.symbols.values()}


def test_positioning_end_asks_for_a_word_or_the_end():
    task = PROJECT.task("positioning_end")
    rng = random.Random(0)
    probes = [task.evaluate_on(rng) for _ in range(1000)]
    for example in [*drawn("positioning_end", 2000), *probes]:
        token, at = example.source[-2], int(example.source[-1])
        assert token == example.symbols["target_token"]
        assert example.events["step_before"] == at - 1
        assert (*example.text, "<end>")[at] == token
        if token == "<end>":
            assert example.events == {"step_before": at - 1, "last_step": len(example.text) - 1}
        else:
            assert example.events["target_step"] == at
        task.check(example)

    def share(examples):
        return sum(example.source[-2] == "<end>" for example in examples) / len(examples)

    assert share(drawn("positioning_end", 2000)) == pytest.approx(0.15, abs=0.03)
    assert share(probes) == pytest.approx(0.5, abs=0.05)
    assert all(probe.pair.source[-2] != probe.source[-2] for probe in probes)


def test_positioning_1000_has_a_thousand_words():
    assert len(PROJECT.task("positioning_1000").alphabet) == 1000 + 13 + 1


TEXT = """
"Well, Prince, so Genoa and Lucca are now just family estates of the
Buonapartes. It's 7 o'clock -- the year is 1805.

Hm!
"""


def test_lines_of_a_text_are_words_in_lower_case():
    lines = file_of("positioning").Lines.of(TEXT.splitlines() * 200)
    assert lines.pairs[0] == (
        "well prince so genoa and lucca are now just family estates of the".split(),
        "buonapartes it's <number> o'clock the year is <number>".split(),
    )
    assert lines.words[0] == "the"
    assert lines.words[-2:] == ["<unknown>", "<number>"]
    assert len(lines.pairs) == 9 * len(lines.last) == 180
    rare = file_of("positioning").Lines.of(TEXT.splitlines() * 200, size=12)
    assert rare.pairs[0][1] == [word if word in rare.words else "<unknown>" for word in lines.pairs[0][1]]
    assert len(rare.words) == 12 + 2


def test_what_stands_for_many_words_is_not_asked_for():
    lines = file_of("positioning").Lines.of(TEXT.splitlines() * 200, size=12)
    rng = random.Random(0)
    for example in [draw(rng) for draw in (lines.sample, lines.held_out, lines.probe) for _ in range(200)]:
        assert example.symbols["target_token"] in lines.words[:12]


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
