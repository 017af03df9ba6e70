"""Signals against the plainest reading of each, one step of one string at a time."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import moments as some_moments
from strategies import signals as some_signals
from strategies import yes_no

import neuronspec as ns
from neuronspec.engine.sequences import NOWHERE, Sequences, holds, moments, values
from neuronspec.errors import Undecidable
from neuronspec.language import moments as moment_words
from neuronspec.language import signals as words
from neuronspec.networks.tasks import Example

NAN = float("nan")
texts = st.lists(st.text("aXb", min_size=1, max_size=7), min_size=1, max_size=4)


def sequences(*texts):
    return Sequences(
        [
            Example(
                t,
                events={"target": len(t) // 2, "letter": 0},
                labels={n: [float(i % 3) for i in range(len(t))] for n in NAMES},
            )
            for t in texts
        ]
    )


NAMES = ("target", "letter")


def naive(s, text, t):
    """The value of a signal at step t of a text, by its definition."""
    if isinstance(s, words.char):
        return float(text[t] == s.symbol)
    if isinstance(s, words.one_of):
        return float(text[t] in s.symbols)
    if isinstance(s, words.regex):
        return float(any(m.start() <= t < m.end() for m in re.finditer(s.pattern, text)))
    if isinstance(s, words.depth):
        return float(text[: t + 1].count(s.open) - text[: t + 1].count(s.close))
    if isinstance(s, words.count_of):
        return np.nansum([naive(s.signal, text, u) for u in range(t + 1)])
    if isinstance(s, words.remaining):
        return np.nansum([naive(s.signal, text, u) for u in range(t + 1, len(text))])
    if isinstance(s, words.position):
        return float(t)
    if isinstance(s, words.since):
        held = [u for u in range(t + 1) if naive(s.signal, text, u) == 1]
        return float(t - held[-1]) if held else NAN
    if isinstance(s, words.upcoming):
        return naive(s.signal, text, t + 1) if t + 1 < len(text) else NAN
    if isinstance(s, words.label):
        return float(t % 3)
    return naive_composed(s, text, t)


def naive_composed(s, text, t):
    if isinstance(s, words.steps_to):
        at = naive_moment(s.moment, text)
        return NAN if at is None else float(at - t)
    if isinstance(s, words.before | words.after):
        at = naive_moment(s.moment, text)
        return float(at is not None and (t < at if isinstance(s, words.before) else t > at))
    if isinstance(s, words.Not):
        return 1 - naive(s.signal, text, t)
    if isinstance(s, words.AtLeast | words.AtMost | words.Equals):
        value = naive(s.signal, text, t)
        compare = {">=": float.__ge__, "<=": float.__le__, "equals": float.__eq__}[s.word]
        return NAN if np.isnan(value) else float(compare(float(value), s.value))
    left, right = naive(s.left, text, t), naive(s.right, text, t)
    if np.isnan(left) or np.isnan(right):
        return NAN
    return {"&": min(left, right), "|": max(left, right), "+": left + right, "-": left - right}[s.word]


def naive_moment(m, text):
    if isinstance(m, moment_words.Shifted):
        inner = naive_moment(m.moment, text)
        return None if inner is None or not 0 <= inner + m.steps < len(text) else inner + m.steps
    if isinstance(m, moment_words.first | moment_words.last):
        held = [t for t in range(len(text)) if naive(m.signal, text, t) == 1]
        return None if not held else held[0] if isinstance(m, moment_words.first) else held[-1]
    if isinstance(m, moment_words.event):
        return len(text) // 2 if m.name == "target" else 0
    return 0 if m == ns.start else len(text) - 1


@given(some_signals, texts)
@settings(max_examples=300)
def test_every_signal_is_what_it_says(signal, drawn):
    array = values(signal, sequences(*drawn))
    for column, text in enumerate(drawn):
        expected = [naive(signal, text, t) for t in range(len(text))]
        np.testing.assert_array_equal(array[: len(text), column], expected)
        assert np.isnan(array[len(text) :, column]).all()


@given(some_moments, texts)
@settings(max_examples=200)
def test_every_moment_is_what_it_says(moment, drawn):
    found = moments(moment, sequences(*drawn))
    assert found.tolist() == [NOWHERE if (m := naive_moment(moment, text)) is None else m for text in drawn]


@given(yes_no, texts)
@settings(max_examples=100)
def test_yes_no_signals_are_0_1_or_undefined(signal, drawn):
    array = values(signal, sequences(*drawn))
    assert set(np.unique(array[np.isfinite(array)])) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("signal", "text", "expected"),
    [
        (ns.inside('"'), 'a"bc"d"', [0, 0, 1, 1, 0, 0, 0]),
        (ns.inside("(", ")"), "a(b(c)d", [0, 0, 1, 1, 1, 0, 0]),
        (ns.before("X"), "abba", [0, 0, 0, 0]),
        (ns.since("X"), "aXbX", [NAN, 0, 1, 0]),
        (ns.count_of("a") - ns.count_of("b"), "aaXbb", [1, 2, 2, 1, 0]),
    ],
)
def test_worked_examples(signal, text, expected):
    np.testing.assert_array_equal(values(signal, sequences(text))[:, 0], expected)


def test_nothing_holds_past_the_end():
    assert holds(None, sequences("a", "aaa")).sum(0).tolist() == [1, 3]
    assert holds(~ns.char("X"), sequences("a", "aaa")).sum(0).tolist() == [1, 3]


def test_an_event_that_a_sequence_lacks_or_ran_past_is_nowhere():
    some = Sequences([Example("ab", events={"late": 1}), Example("ab"), Example("a", events={"late": 5})])
    assert moments(ns.event("late"), some).tolist() == [1, NOWHERE, NOWHERE]


def test_an_unknown_label_is_named():
    with pytest.raises(Undecidable, match=r"no sequence here has a label 'targt'; did you mean 'target'\?"):
        values(ns.label("targt"), sequences("a"))


def test_words_are_symbols_as_characters_are():
    spelt = {"a": "one", "X": "two", "b": "Xs"}
    letters, as_words = (
        sequences("aXab", "bXX"),
        Sequences([Example(tuple(spelt[s] for s in text)) for text in ("aXab", "bXX")]),
    )
    for of in (
        ns.char,
        ns.count_of,
        lambda s: ns.after(ns.first(s)),
        lambda s: ns.inside("a" if len(s) == 1 else "one", s),
    ):
        for symbol, word in spelt.items():
            assert np.array_equal(values(of(symbol), letters), values(of(word), as_words), equal_nan=True)


def test_a_pattern_over_words_holds_at_all_that_it_touches():
    on = Sequences([Example(("it", "was", "a", "wasp")), Example(("a",))])
    assert values(ns.regex("was"), on)[:, 0].tolist() == [0, 1, 0, 1]
    assert values(ns.regex("was a"), on)[:, 0].tolist() == [0, 1, 1, 0]
    assert values(ns.regex("^a$"), on)[0].tolist() == [0, 1]
