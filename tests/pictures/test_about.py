"""What a claim is about."""

import neuronspec as ns
from neuronspec.pictures.about import moment_of, symbol_of, units_of

ASKED, LETTER = ns.event("asked"), ns.symbol("letter")
EACH = ns.cell.svm_rfe(LETTER, keep=2)


def test_what_a_claim_is_about():
    late = ns.emits(ns.symbol("other"), at=ns.event("late"), under=ns.zero(EACH, at=ns.first("X")))
    assert units_of(late >= 0) == EACH
    assert symbol_of(late >= 0) == LETTER  # by which the units are picked
    assert symbol_of(ns.emits(ns.symbol("other"), at=ASKED) >= 0) == ns.symbol("other")
    assert moment_of(late >= 0) == ns.event("late")
    assert moment_of(ns.exact_match(under=ns.zero(ns.cell, at=ns.start + 1)) >= 0) is None
