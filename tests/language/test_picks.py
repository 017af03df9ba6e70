"""Picks: what a site's methods build, and what is true of each kind of pick."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.expression import from_json, to_json
from neuronspec.language.picks import All, Best, IntegratedGradients, SvmRfe, Top

BEST = ns.cell.best(ns.correlation("a"), n=2)
ALL = ns.cell.all(ns.correlation("a") >= 0.5)
SVM = ns.hidden.svm_rfe(ns.symbol("word"), where=ns.before("X"), keep=3)
TOP = ns.hidden.top(ns.contribution("b", at=ns.first("X")), keep=0.1)
GRADIENTS = ns.hidden.integrated_gradients(ns.probability("b", at="X"), at=ns.first("X"), keep=4, baseline="past")
PICKS = [BEST, ALL, SVM, TOP, GRADIENTS]


@pytest.mark.parametrize(
    ("picked", "expected"),
    [
        (BEST, Best(ns.cell, ns.correlation("a"), 2)),
        (ALL, All(ns.cell, ns.correlation("a") >= 0.5)),
        (SVM, SvmRfe(ns.hidden, ns.symbol("word"), where=ns.before("X"), keep=3)),
        (TOP, Top(ns.hidden, ns.contribution("b", at=ns.first("X")), keep=0.1)),
        (
            GRADIENTS,
            IntegratedGradients(ns.hidden, ns.probability("b", at="X"), at=ns.first("X"), keep=4, baseline="past"),
        ),
    ],
    ids=repr,
)
def test_a_method_builds_its_pick(picked, expected):
    assert picked == expected


@pytest.mark.parametrize("pick", PICKS, ids=repr)
def test_a_pick_prints_as_it_is_written_and_reads_back(pick):
    assert eval(repr(pick), vars(ns)) == pick
    assert from_json(to_json(pick)) == pick


def test_only_a_pick_by_a_symbol_has_a_set_per_value():
    assert [pick.by_symbol for pick in PICKS] == [None, None, ns.symbol("word"), None, None]
    assert SVM.for_symbol(ns.symbol("other")).units == SVM
    with pytest.raises(SpecError, match="not picked by a symbol"):
        BEST.for_symbol(ns.symbol("other"))


def test_how_many_to_keep_is_a_share_or_a_whole_number():
    with pytest.raises(SpecError, match="a share between 0 and 1"):
        ns.hidden.svm_rfe("a", keep=1.5)
    assert isinstance(SVM.keep, int)
