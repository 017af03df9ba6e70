"""Sets of units for each value of a symbol, for the tests of what is done with them."""

from hypothesis import strategies as st

import neuronspec as ns
from neuronspec.engine.unit_sets import UnitSet, UnitSets

PICK = ns.cell.svm_rfe(ns.symbol("letter"), keep=2)
LATER = ns.cell.svm_rfe(ns.symbol("other"), keep=3)
EIGHT = (1, -1, 1, 1, -1, 1, -1, 1)


def of(*indices):
    return UnitSet(0, "cell", indices, tuple(EIGHT[i] for i in indices), EIGHT)


def own(chosen, example):
    """The set of one sequence; None where it has none."""
    if isinstance(chosen, UnitSet):
        return chosen
    return chosen.sets.get(tuple(example.symbols.get(name, "") for name in chosen.symbols))


def made(drawn):
    """Sets from what was drawn for them: indices, or a symbol and the indices of each of its values."""
    if isinstance(drawn, list):
        return of(*drawn)
    return UnitSets((drawn[0],), {(value,): of(*indices) for value, indices in drawn[1].items()})


some = st.lists(st.integers(0, 7), unique=True, max_size=5)
by_value = st.tuples(st.sampled_from(["letter", "other"]), st.dictionaries(st.sampled_from("abX"), some, min_size=1))
chosen_sets = st.one_of(some, by_value)
