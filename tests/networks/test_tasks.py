"""Tasks and recipes that contradict themselves are refused."""

import hashlib
import json
from dataclasses import replace

import pytest

from neuronspec.errors import TaskError
from neuronspec.language.behaviour_measures import cross_entropy, exact_match, length
from neuronspec.language.claims import refuted
from neuronspec.language.interventions import zero
from neuronspec.language.measures import shift
from neuronspec.language.sites import hidden
from neuronspec.language.unit_measures import size
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Completion, Example, Task, windows

GOOD = Task(
    alphabet="ab",
    examples=(Example("ab"),),
    competence=exact_match() >= 0.99,
    recipes={"lstm": Recipe("lstm", units=4, full=Recipe("lstm", units=8))},
    name="good",
)

WRONG_TASKS = {
    "census and sample": (
        {"sample": lambda rng: Example("a")},
        "Task: give either examples= (a census) or sample= (a function that draws one)",
    ),
    "no examples": ({"examples": ()}, "Task(examples=[]): expected at least one example"),
    "end within the alphabet": (
        {"end": "a"},
        "Task(end='a'): expected one symbol that is not in alphabet='ab'",
    ),
    "a symbol twice": ({"alphabet": "aba"}, "Task(alphabet='aba'): expected symbols, each once"),
    "an alphabet of parts": (
        {"alphabet": ["a", 5]},
        "Task(alphabet=('a', 5)): expected a string of characters, or words",
    ),
    "an empty word": ({"alphabet": ["a", ""]}, "Task(alphabet=...): one of the words is empty"),
    "no size": ({"size": 0}, "Task(size=0): expected a whole number above 0"),
    "a recipe by name": ({"recipes": {"r": "rnn"}}, "Task(recipes={'r': 'rnn'}): expected a Recipe or a checkpoint"),
    "a bare function": (
        {"measures": {"m": len}},
        "Task(measures={'m': <built-in function len>}): expected a TaskMeasure with examples",
    ),
    "competence not a claim": (
        {"competence": 0.9},
        "Task(competence=0.9): expected a claim, e.g. exact_match() >= 0.99",
    ),
}

NO_PROBE = "Task(evaluate_on=...): expected a function beside sample=, another function, for training"


def _no_generated_only(said):
    return f"Task(generated_only={said}): expected a list of claims about a clean run: " + (
        "e.g. [exact_match() >= 1, count('b') <= 3]"
    )


WRONG_TASKS |= {
    "a probe of a census": ({"evaluate_on": lambda rng: Example("a")}, NO_PROBE),
    "a probe of windows": (
        {"examples": None, "sample": windows("abab", 1), "evaluate_on": lambda rng: Example("a")},
        NO_PROBE,
    ),
    "a probe that is an example": (
        {"examples": None, "sample": lambda rng: Example("a"), "evaluate_on": Example("a")},
        NO_PROBE,
    ),
    "generated only that are refuted": (
        {"generated_only": [refuted(length() >= 1)]},
        _no_generated_only("[refuted(length() >= 1)]"),
    ),
    "generated only that are a measure": ({"generated_only": [length()]}, _no_generated_only("[length()]")),
    "generated only that are one claim": ({"generated_only": length() >= 1}, _no_generated_only("length() >= 1")),
    "generated only that are yes": ({"generated_only": True}, _no_generated_only("True")),
    "own words of an edited run": (
        {"generated_only": [exact_match(under=zero(hidden)) >= 1]},
        _no_generated_only("[exact_match(under=zero(hidden)) >= 1]"),
    ),
    "own words of two runs": (
        {"generated_only": [shift(length(), under=zero(hidden)) >= 1]},
        _no_generated_only("[shift(length(), under=zero(hidden)) >= 1]"),
    ),
    "own words of a text that is read": (
        {"generated_only": [cross_entropy() <= 1]},
        _no_generated_only("[cross_entropy() <= 1]"),
    ),
    "generated only about units": ({"generated_only": [size(hidden) >= 1]}, _no_generated_only("[size(hidden) >= 1]")),
    "own words of some sequences": (
        {"generated_only": [exact_match(among="a") >= 1]},
        _no_generated_only("[exact_match(among=char('a')) >= 1]"),
    ),
    "generated only that are drawn": (
        {"generated_only": [exact_match() >= 1], "temperature": 0.5},
        "Task(generated_only=..., temperature=0.5): what it says must not be drawn",
    ),
}

WRONG_EXAMPLES = {
    "not an example": ("ab", "task good: 'ab' is not an Example"),
    "empty": (Example(""), "task good: an example has an empty text"),
    "foreign symbol": (Example("abz"), "task good: 'abz' holds 'z', which is not in 'ab'"),
    "prompt too long": (Example("ab", prompt=3), "task good: prompt=3 lies outside 'ab'"),
    "event outside": (Example("ab", events={"x": 2}), "task good: event 'x' at step 2 lies outside 'ab'"),
    "symbol outside the alphabet": (
        Example("ab", symbols={"answer": "z"}),
        "task good: symbol 'answer' is 'z': expected one of the alphabet, 'ab'",
    ),
    "a list of events": (Example("ab", events=["e"]), "task good: events=['e']: expected values by name"),
    "no labels": (Example("ab", labels={"x": None}), "task good: label 'x' is None: expected a number per step"),
    "labels of words": (Example("ab", labels={"x": "no"}), "task good: label 'x' is 'no': expected a number per step"),
    "a pair that is a text": (Example("ab", pair="ba"), "task good: pair='ba': expected an Example"),
    "a pair with a foreign symbol": (
        Example("ab", pair=Example("z")),
        "task good: 'z' holds 'z', which is not in 'ab'",
    ),
    "labels too few": (Example("ab", labels={"x": [1]}), "task good: label 'x' has 1 values for 'ab'"),
}

WRONG_WORDS = {
    "letters": (Example("once"), "task words: 'once': expected a tuple of words, as the alphabet has it"),
    "a list": (Example(["once"]), "task words: ['once']: expected a tuple of words, as the alphabet has it"),
    "an unknown word": (Example(("upn",)), "task words: ('upn',) holds 'upn', which is not in its 2 words"),
    "an unknown symbol": (
        Example(("once",), symbols={"asked": "o"}),
        "task words: symbol 'asked' is 'o': expected one of the alphabet, its 2 words",
    ),
}

WRONG_SOURCES = {
    "no source": (Example("ab"), "task good: 'ab': expected a source= for the encoder to read"),
    "an empty source": (Example("ab", source=""), "task good: an example has an empty text"),
    "a foreign symbol": (Example("ab", source="az"), "task good: 'az' holds 'z', which is not in 'ab'"),
    "a source of words": (Example("ab", source=("a",)), "task good: ('a',): expected a string, as the alphabet has it"),
    "a pair without one": (
        Example("ab", source="a", pair=Example("b")),
        "task good: 'b': expected a source= for the encoder to read",
    ),
    "a pair with a foreign symbol in its own": (
        Example("ab", source="a", pair=Example("b", source="z")),
        "task good: 'z' holds 'z', which is not in 'ab'",
    ),
}


def text_of(error):
    return str(error.value)


@pytest.mark.parametrize("case", WRONG_TASKS)
def test_wrong_tasks(case):
    change, message = WRONG_TASKS[case]
    with pytest.raises(TaskError) as error:
        replace(GOOD, **change)
    assert text_of(error) == message


@pytest.mark.parametrize("case", WRONG_EXAMPLES)
def test_wrong_examples(case):
    example, message = WRONG_EXAMPLES[case]
    with pytest.raises(TaskError) as error:
        replace(GOOD, examples=(example,)).draw("corpus")
    assert text_of(error) == message


@pytest.mark.parametrize("case", WRONG_SOURCES)
def test_wrong_sources(case):
    example, message = WRONG_SOURCES[case]
    with pytest.raises(TaskError) as error:
        replace(GOOD, recipes={"r": Recipe("gru", units=4, encoder=True)}, examples=(example,)).draw("corpus")
    assert text_of(error) == message


def test_an_encoder_may_read_the_symbol_that_closes_sequences():
    task = replace(GOOD, recipes={"r": Recipe("gru", units=4, encoder=True)}, examples=(Example("a", source="ab$"),))
    assert task.draw("corpus")[0].source == "ab$"


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_wrong_words(case):
    example, message = WRONG_WORDS[case]
    with pytest.raises(TaskError) as error:
        replace(GOOD, name="words", alphabet=["once", "upon"], end="<end>", examples=(example,)).draw("corpus")
    assert text_of(error) == message


def test_a_sample_that_raises_is_named():
    task = replace(GOOD, examples=None, sample=lambda rng: 1 / 0)
    with pytest.raises(TaskError) as error:
        task.draw("corpus")
    assert text_of(error) == "task good: sample raised ZeroDivisionError: division by zero"


def test_recipes_by_name_and_size():
    assert GOOD.recipe("lstm").units == 4
    assert GOOD.recipe("lstm@full").units == 8
    with pytest.raises(TaskError, match=r"task good has no recipe 'lsmt'; did you mean 'lstm'\?"):
        GOOD.recipe("lsmt")
    with pytest.raises(TaskError, match="the only other size is 'lstm@full'"):
        GOOD.recipe("lstm@large")


def test_splits_of_a_sample_are_drawn_apart_and_the_same_each_time():
    task = replace(GOOD, examples=None, sample=lambda rng: Example(rng.choice("ab") * rng.randint(1, 9)), size=20)
    assert task.draw("discovery") == task.draw("discovery")
    assert task.draw("discovery") != task.draw("verification")
    assert (len(task.draw("discovery")), len(task.draw("corpus"))) == (20, 2000)
    assert replace(task, name="other").draw("discovery") != task.draw("discovery")


def test_a_census_is_all_there_is():
    assert GOOD.draw("corpus") == GOOD.draw("verification") == (Example("ab"),)


def test_generated():
    assert Completion("a", "b", "b").exact
    assert not Completion("a", "b", "bb").exact
    assert Completion("a", "b", "bb").said == "bb"
    assert Completion("a", "b", "bb", end="$").said == "bb$"
    assert Completion(("go",), ("b",), (), end="stop").said == ("stop",)


def test_windows_of_a_text_are_dealt_out_once():
    text = "".join(chr(33 + n) for n in range(90)) * 3  # no two windows of ten are alike within 90
    task = Task(
        alphabet="".join(sorted(set(text))),
        end=None,
        sample=windows(text[:90], 10, 3),
        competence=exact_match() >= 0.99,
        recipes={},
    )
    streams = {stream: {e.text for e in task.draw(stream)} for stream in ("corpus", "discovery", "verification")}
    assert [len(texts) for texts in streams.values()] == [5, 2, 2]
    assert len(set.union(*streams.values())) == 9
    assert all(e.prompt == 3 for e in task.draw("corpus"))


def test_a_text_too_short_for_windows():
    with pytest.raises(TaskError) as error:
        windows("abc", 2)
    assert str(error.value) == "windows(length=2, prompt=1): a text of 3 symbols has no four such pieces"


def test_a_pair_may_be_its_own_pair():
    example = Example("ab")
    object.__setattr__(example, "pair", example)
    assert replace(GOOD, examples=(example,)).draw("corpus") == (example,)


# What is examined is not always what is trained on.


def test_a_probe_is_drawn_in_place_of_the_sample_to_examine_on():
    task = replace(GOOD, examples=None, sample=lambda rng: Example("a"), evaluate_on=lambda rng: Example("b"), size=3)
    drawn = {stream: {e.text for e in task.draw(stream)} for stream in ("corpus", "discovery", "verification")}
    assert drawn == {"corpus": {"a"}, "discovery": {"b"}, "verification": {"b"}}


def test_a_probe_that_raises_is_named():
    task = replace(GOOD, examples=None, sample=lambda rng: Example("a"), evaluate_on=lambda rng: 1 / 0)
    with pytest.raises(TaskError) as error:
        task.draw("verification")
    assert text_of(error) == "task good: evaluate_on raised ZeroDivisionError: division by zero"


def test_sources_are_part_of_the_corpus_where_there_are_any():
    task = replace(GOOD, examples=(Example("ab"), Example("b")))
    told = json.dumps(["ab$", ["ab", "b"]])
    assert task.corpus_hash() == hashlib.sha256(told.encode()).hexdigest()[:16]
    hashes = {replace(GOOD, examples=(Example("ab", source=s),)).corpus_hash() for s in (None, "a", "b", "ab")}
    assert len(hashes) == 4
