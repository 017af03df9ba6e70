"""Mutants of claims, and what becomes of them."""

from planted import COUNTER, TALLY, ask

import neuronspec as ns

SAID = ns.probability("b", at=ns.first("X") + 1)


def mutants(claim, **options):
    (came,) = ask(claim, mutate=True, **options).mutants
    return {name: outcome.verdict for name, outcome in came.items()}


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
