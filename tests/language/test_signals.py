"""Signals as data; what each holds at is tested with the engine, in test_sequences.py."""

from hypothesis import given
from hypothesis import strategies as st

import neuronspec as ns
from neuronspec.language.signals import Shuffled


@given(st.integers(2, 200), st.integers(0, 5))
def test_no_sequence_stands_in_for_itself_and_each_stands_in_once(sequences, draw):
    order = Shuffled(ns.char("a"), draw=draw).permutation(sequences)
    assert sorted(order) == list(range(sequences))
    assert all(other != n for n, other in enumerate(order))
    assert order == Shuffled(ns.char("b"), draw=draw).permutation(sequences)


def test_draws_differ():
    assert Shuffled(ns.char("a"), draw=0).permutation(50) != Shuffled(ns.char("a"), draw=1).permutation(50)


def test_a_shuffled_signal_may_stand_where_the_true_one_may():
    assert Shuffled(ns.char("a")).kinds == ns.char("a").kinds
    assert Shuffled(ns.symbol("x")).kinds == ns.symbol("x").kinds
