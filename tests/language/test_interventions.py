"""Edits of one run, joined with +."""

from hypothesis import given
from hypothesis import strategies as st

import neuronspec as ns

EDITS = st.sampled_from([ns.zero(ns.cell[0]), ns.add(ns.cell[1], 2, at="X"), ns.freeze(ns.cell[2], at=ns.first("X"))])


@given(st.lists(EDITS, min_size=2, max_size=4), st.data())
def test_edits_join_in_order_however_they_are_grouped(edits, data):
    cut = data.draw(st.integers(1, len(edits) - 1))

    def joined(some):
        first, *others = some
        return joined([first + others[0], *others[1:]]) if others else first

    assert joined(edits[:cut]) + joined(edits[cut:]) == joined(edits)
    assert joined(edits).edits == tuple(edits)
    assert repr(joined(edits)) == " + ".join(map(repr, edits))
