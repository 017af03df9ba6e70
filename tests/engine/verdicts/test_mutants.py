"""Mutants of claims, and what becomes of them."""

from planted import COUNTER, STRINGS, TALLY, ask

import neuronspec as ns
from neuronspec.engine.verdicts.mutants import mutants_of
from neuronspec.language.expression import Expression, number, operand, word
from neuronspec.language.picks import PickedFromSite
from neuronspec.language.signals import Shuffled

SAID = ns.probability("b", at=ns.first("X") + 1)


def mutants(claim, **options):
    (answer,) = ask(claim, mutate=True, **options).answers
    return {name: outcome.verdict for name, outcome in answer.mutants.items()}


def test_mutants_of_a_good_claim_are_killed():
    came = mutants(ns.correlation(TALLY, of=COUNTER, where=~ns.char("X")) >= 0.95)
    assert came.keys() == {"wrong units", "shuffled labels", "rival position()", "untrained network"}
    assert "supported" not in came.values()


def test_a_claim_that_cannot_fail_lets_its_mutants_live():
    """It holds before training too; were it about units, its controls would have refused it."""
    assert mutants(ns.length("b") >= 0) == {"untrained network": "supported"}


def test_what_no_mutant_can_be_made_of():
    assert mutants(ns.refuted(ns.exact_match() <= 0.5)) == {}
    assert mutants(ns.exact_match() >= 0.9) == {"untrained network": "refuted"}
    most = ns.cell[0] | ns.cell[1] | ns.cell[2] | ns.cell[3]
    assert mutants(ns.mean(of=most) >= -10)["wrong units"] == "not applicable"


def test_rivals_of_a_claim_make_way_for_the_mutant():
    """The mutant says position() where the claim says position() is a rival: neither is refused."""
    came = mutants((ns.correlation(TALLY, of=COUNTER) >= 0.95).against(ns.position()))
    assert came["rival position()"] != "supported"


def test_there_is_no_mutant_of_what_other_units_do_not_do_either():
    assert mutants(ns.specific(ns.cell[0], SAID, at="X")) == {}


def test_what_the_driver_measures_has_no_outcome_yet_and_no_mutant():
    """A task's own measure is a function of a task file, which no worker has."""
    share = ns.share_of_seeds(ns.task_measure("m") >= 1) >= 0.5
    for answer in ask(share, ns.task_measure("m") >= 1, mutate=True, measured_on={"m": STRINGS}).answers:
        assert (answer.outcome, answer.mutants) == (None, {})


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
