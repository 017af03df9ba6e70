"""A claim with something wrong on purpose, whatever kind of pick it is about."""

import neuronspec as ns
from neuronspec.engine.verdicts.mutants import mutants_of
from neuronspec.language.expression import Expression, number, operand, word
from neuronspec.language.signals import Shuffled
from neuronspec.language.units import PickedFromSite


@word
class Lasso(PickedFromSite):
    """A pick by labels that no other file knows of."""

    labels: Expression | str = operand("signal", "symbol")
    keep: float = number(kw_only=True)


def test_labels_are_shuffled_in_any_pick_by_labels():
    pick = Lasso(ns.cell, ns.char("a"), keep=2)
    mutants = {mutant.name: mutant.claim for mutant in mutants_of(ns.mean(of=pick) >= 0.5)}
    assert mutants["shuffled labels"] == (ns.mean(of=Lasso(ns.cell, Shuffled(ns.char("a")), keep=2)) >= 0.5)


def test_a_pick_without_labels_has_none_to_shuffle():
    claim = ns.mean(of=ns.hidden.top(ns.contribution("a", at=ns.start), keep=1)) >= 0.5
    assert "shuffled labels" not in {mutant.name for mutant in mutants_of(claim)}
