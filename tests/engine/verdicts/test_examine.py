"""Verdicts about planted networks: true claims are supported, false ones are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import COUNTER, STRINGS, TALLY, ask, network

import neuronspec as ns
from neuronspec.engine.measures.estimates import Estimate
from neuronspec.engine.verdicts import examine as examine_module
from neuronspec.engine.verdicts import look as look_module
from neuronspec.engine.verdicts.controls import as_found
from neuronspec.language.expression import word
from neuronspec.language.picks import PickedFromSite
from neuronspec.networks.tasks import Example
from neuronspec.testing import planted_counter

COUNTERS = ns.cell.all(ns.correlation(TALLY) >= 0.95)
BACK = ns.delay(COUNTERS, 1, at=ns.first("X") + 2)


def verdict(claim, **options):
    return ask(claim, **options).outcomes[0]


TRUE = {
    "counts": ns.correlation(TALLY, of=COUNTER) >= 0.95,
    "counts before X": ns.correlation(TALLY, of=COUNTER, where=ns.before("X")) >= 0.999,
    "is named": ns.correlation(TALLY, of=ns.cell[2]) >= 0.95,
    "is one": ns.size(COUNTERS).between(1, 1),
    "moves the output": ns.moves(ns.length("b"), by=1, under=BACK) >= 0.9,
    "is needed": ns.shift(ns.exact_match(), under=ns.zero(COUNTER, at="X")) <= -0.9,
    "counts a's, not steps": (ns.correlation(TALLY, of=COUNTER) >= 0.95).against(ns.position()),
    "others do nothing": ns.moves(ns.length("b"), by=1, under=ns.delay(ns.others(COUNTERS), 1, at=ns.first("X") + 2))
    <= 0,
}


def test_a_control_that_was_asked_for_and_cannot_be_measured_leaves_the_claim_undecided():
    needed = TRUE["is needed"]
    outcome = verdict(needed.against(ns.matched_displacement()))
    reason = "matched displacement: too few other units move the state about as far"
    assert (outcome.verdict, outcome.reason) == ("undecided", reason)
    assert outcome.value == verdict(needed).value
    false = verdict((needed.measure <= -1.5).against(ns.matched_displacement()))
    assert false.verdict == "refuted"  # whatever its controls


def test_a_twin_of_which_too_little_can_be_measured_says_nothing():
    outcome = verdict(TRUE["is needed"], census=False, verification=STRINGS[:5])
    assert outcome.controls["untrained twin"].note == "only 5 of its sequences contribute"


@pytest.mark.parametrize("case", TRUE)
def test_true_claims_are_supported(case):
    outcome = verdict(TRUE[case])
    assert outcome.verdict == "supported", outcome


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("at", [0, 5])
def test_the_unit_is_found_wherever_it_was_planted(at, sign):
    outcome = verdict(ns.correlation(TALLY, of=COUNTER) >= 0.95, weights=network(at=at, sign=sign).model.state_dict())
    assert outcome.verdict == "supported"
    assert outcome.units == {repr(COUNTER): [{"site": "cell", "layer": 0, "index": at, "sign": sign}]}


SAME = TALLY + ns.position() - ns.position()
FALSE = {
    "another unit": (ns.correlation(TALLY, of=ns.cell[0]) >= 0.95, "refuted"),
    "another unit, low bound": (ns.mean(of=ns.cell[0].on(ns.forget_gate)) >= 0.1, "unspecific"),
    "moves by two": (ns.moves(ns.length("b"), by=2, under=BACK) >= 0.9, "refuted"),
    "a rival that is as good": (
        (ns.correlation(TALLY, of=COUNTER) >= 0.5).against(TALLY + ns.position() - ns.position()),
        "unspecific",
    ),
}


@pytest.mark.parametrize("case", FALSE)
def test_false_claims_are_not(case):
    claim, expected = FALSE[case]
    assert verdict(claim).verdict == expected


def test_controls_are_told():
    outcome = verdict(ns.correlation(TALLY, of=COUNTER) >= 0.95)
    assert outcome.controls.keys() == {"random units", "untrained twin"}
    assert outcome.controls["random units"].draws == 5
    assert outcome.controls["random units"].value < 0.95
    behaviour = verdict(ns.exact_match() >= 0.99)
    assert not behaviour.controls
    whole = verdict(ns.saturation(of=ns.hidden) >= 0)
    assert whole.controls.keys() == {"untrained twin"}


def test_a_site_the_network_does_not_have():
    outcome = verdict(ns.mean(of=ns.update_gate) >= 0)
    assert (outcome.verdict, outcome.reason) == ("not applicable", "planted/lstm has no update_gate")


def test_an_unlearnt_network_is_judged_on_behaviour_only():
    model = network().model
    model.readout_bias[3] += 1e3  # it always stops at once
    units, behaviour = ask(
        ns.correlation(TALLY, of=COUNTER) >= 0.95, ns.exact_match() >= 0.99, weights=model.state_dict()
    ).outcomes
    assert units.verdict == "unlearnt"
    assert behaviour.verdict == "refuted"


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (
            "recurrent.weight_ih_l0",
            "planted/lstm seed 0: input_gate of layer 0 is not finite (NaN or infinite) at step 0",
        ),
        (
            "readout_bias",
            "planted/lstm seed 0: the read-out is not finite, though all states are; its weights are broken",
        ),
    ],
)
def test_nan_in_a_network_is_an_error_not_a_verdict(weight, message):
    weights = {name: value.clone() for name, value in network().model.state_dict().items()}
    weights[weight][0] = float("nan")
    outcome = verdict(ns.exact_match() >= 0.99, weights=weights)
    assert (outcome.verdict, outcome.reason) == ("error", message)


def test_nan_in_one_unit_names_the_site():
    weights = {name: value.clone() for name, value in network().model.state_dict().items()}
    weights["recurrent.weight_ih_l0"][2 * 6 + 3, 1] = float("nan")  # the candidate of unit 3, reading X
    outcome = verdict(ns.exact_match() >= 0.99, weights=weights)
    assert outcome.reason.startswith("planted/lstm seed 0: candidate of layer 0 is not finite")


def test_one_claim_that_breaks_does_not_take_the_others_with_it(monkeypatch):
    real = look_module.of_claim

    def breaking(claim, view):
        if isinstance(claim.measure, ns.size):
            raise IndexError("out of range")
        return real(claim, view)

    monkeypatch.setattr(look_module, "of_claim", breaking)
    bad, good = ask(ns.size(ns.cell) >= 1, ns.exact_match() >= 0.99).outcomes
    assert bad.verdict == "error"
    assert bad.reason.startswith("neuronspec failed: IndexError: out of range (test_examine.py:")
    assert good.verdict == "supported"


def test_a_rival_that_is_the_mirror_image_is_as_good():
    outcome = verdict((ns.correlation(TALLY, of=COUNTER) >= 0.5).against(ns.count_of("b") - ns.count_of("a")))
    assert outcome.verdict == "unspecific"


def test_an_edit_that_overflows_is_an_error_that_says_so():
    under = ns.set_to(ns.hidden, 3e38, at="X")
    for measure in (ns.length("b", under=under), ns.mean(of=ns.cell, under=under)):
        outcome = verdict(measure >= 0)
        assert (outcome.verdict, outcome.reason) == (
            "error",
            "planted/lstm seed 0: an edit drives the read-out to infinity or NaN",
        )


@pytest.mark.parametrize("named", [ns.cell[2], -ns.cell[1]])
def test_what_stands_in_for_a_named_unit_may_point_the_other_way(named):
    """Six perfect counters, every other one upside down: none of them is special."""
    model = network().model
    for at in range(6):
        other = planted_counter(units=6, at=at, sign=1 if at % 2 == 0 else -1)
        for name, weight in model.recurrent.weights(0).items():
            for gate in range(4):
                weight[gate * 6 + at] = other.recurrent.weights(0)[name][gate * 6 + at]
    outcome = verdict(ns.correlation(TALLY, of=named) >= 0.9, weights=model.state_dict())
    assert outcome.verdict == "unspecific"
    assert outcome.controls["random units"].value > 0.99


def test_sizes_may_be_nothing():
    never = ns.cell.all(ns.correlation(TALLY) >= 1.5)
    assert verdict(ns.size(never) <= 0).verdict == "unspecific"  # nor does the twin have any
    assert verdict(ns.size(COUNTERS) - ns.size(never) >= 1).verdict == "supported"


def test_the_numbers_do_not_depend_on_what_else_is_asked():
    claim = ns.moves(ns.length("b"), by=1, under=BACK) >= 0.9
    alone = verdict(claim)
    among = ask(ns.exact_match() >= 0.99, claim, ns.mean(of=ns.hidden) >= 0).outcomes[1]
    assert alone == among


def test_a_competence_that_cannot_be_measured_is_an_error():
    outcome = verdict(ns.exact_match() >= 0.99, competence=ns.exact_match(among=ns.one_of("Z")) >= 0.99)
    assert (outcome.verdict, outcome.reason) == ("error", "no sequence to measure: one_of('Z') occurs in none")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_numbers_do_not_depend_on_the_threads_which_are_put_back(with_threads, threads):
    claims = [ns.correlation(TALLY, of=COUNTER) >= 2, ns.probe(TALLY >= 1, of=ns.cell) >= 0.99]
    sample = mixed(1000)  # so many that two threads round otherwise on most processors
    with_threads(1)
    alone = repr(ask(*claims, **sample).outcomes)  # of numbers every digit; NaN equals NaN
    with_threads(threads)
    assert repr(ask(*claims, **sample).outcomes) == alone
    assert torch.get_num_threads() == threads


def test_seconds_are_told_by_phase():
    first, second = ask(ns.exact_match() >= 0.99, ns.moves(ns.length("b"), by=1, under=BACK) >= 0.9).answers
    assert set(second.seconds) == {"intervene", "judge"}
    assert set(second.shared) == {"trace", "pick"}
    phases = [first.seconds, first.shared, second.seconds, second.shared]
    assert all(seconds >= 0 for by_phase in phases for seconds in by_phase.values())
    assert sum(first.shared.values()) > 0, "what is done before the first claim is borne by all"


# What a verdict is made of.

PREFIX = ns.count_of("a")


def mixed(sequences, census=False, **options):
    """Strings with a's and b's in any order, and as many networks' worth of them as asked."""
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("ab"), generator.integers(3, 9))) + "Xb" for _ in range(2 * sequences)]
    examples = [Example(text, prompt=2) for text in texts]
    split = {"discovery": examples[:sequences], "verification": examples[sequences:]}
    return {**split, "census": census, "competence": ns.cross_entropy() <= 1e6, **options}


def test_an_easy_claim_is_judged_on_a_quarter_and_a_close_one_on_all():
    easy = verdict(ns.correlation(TALLY, of=COUNTER) >= 0.9, **mixed(200))
    assert (easy.verdict, easy.sequences) == ("supported", 50)
    value = verdict(ns.mean(of=COUNTER) >= 0, **mixed(200, census=True)).value
    on_all = verdict(ns.mean(of=COUNTER) >= value, **mixed(200))
    assert (on_all.verdict, on_all.sequences) == ("undecided", 200)
    assert verdict(ns.correlation(TALLY, of=COUNTER) >= 0.9, **mixed(200, census=True)).sequences == 200


def test_a_look_is_as_wide_as_its_share_of_the_level():
    claim = ns.mean(of=COUNTER) >= -9
    narrow = verdict(claim, **mixed(12)).interval
    first_of_three = verdict(claim, **mixed(48)).interval
    alone = ask(claim, **mixed(48) | {"verification": mixed(48)["verification"][:12]}).outcomes[0].interval
    assert verdict(claim, **mixed(48)).sequences == 12
    assert first_of_three[0] < alone[0] < alone[1] < first_of_three[1]
    assert narrow[0] < narrow[1]


def test_p_values_count_the_draws_that_do_as_well():
    best = verdict(ns.correlation(TALLY, of=COUNTER) >= 0.5).controls["random units"]
    assert (best.draws, best.p) == (5, pytest.approx(1 / 6))
    worst = verdict(ns.correlation(TALLY, of=COUNTER) <= 1).controls["random units"]
    assert worst.p == 1
    assert np.isnan(verdict(ns.correlation(TALLY, of=COUNTER).between(0, 1)).controls["random units"].p)


def test_a_probe_has_labels_shuffled_between_sequences():
    outcome = verdict(ns.probe(TALLY >= 1, of=ns.cell) >= 0.99, **mixed(60))
    assert outcome.verdict == "supported"
    assert outcome.controls.keys() == {"untrained twin", "shuffled labels"}
    assert outcome.controls["shuffled labels"].value < 0.9


def test_labels_that_go_by_position_are_unspecific():
    outcome = verdict(ns.probe(ns.position() >= 2, of=ns.cell) >= 0.9, **mixed(60))
    assert outcome.verdict == "unspecific"
    assert outcome.controls["shuffled labels"].value > 0.9


SAID = ns.probability("b", at=ns.first("X") + 1)
READY = {
    "necessary": (ns.necessary(COUNTER, SAID, at="X"), "supported"),
    "not necessary": (ns.necessary(ns.others(COUNTER), SAID, at="X"), "refuted"),
    "sufficient": (ns.sufficient(COUNTER, ns.exact_match(), at="X"), "supported"),
    "not sufficient": (ns.sufficient(ns.others(COUNTER), SAID, at="X"), "refuted"),
    "specific": (ns.specific(ns.cell[0], SAID, at="X"), "supported"),
    "not specific": (ns.specific(COUNTER, SAID, at="X"), "refuted"),
    "minimal": (ns.minimal(COUNTERS, SAID, at="X"), "supported"),
    "not minimal": (ns.minimal(COUNTERS | ns.cell[0], SAID, at="X"), "refuted"),
}


@pytest.mark.parametrize("case", READY)
def test_ready_claims(case):
    claim, expected = READY[case]
    outcome = verdict(claim)
    assert outcome.verdict == expected, outcome


# Signs.


@word
class Widest(PickedFromSite):
    """A pick that gives its units their signs, and that no other file knows of."""

    oriented = True


def test_controls_of_any_oriented_pick_keep_the_signs_that_they_were_picked_with():
    ours, control = (Estimate(np.full((1, 4, 2), [value, 1.0])) for value in (0.9, -0.6))

    def stands_in(units):
        return as_found(ns.mean(of=units), ours, control).values.tolist()

    assert stands_in(Widest(ns.cell)) == stands_in(COUNTERS) == [-0.6]
    assert stands_in(ns.cell[0]) == stands_in(ns.cell.svm_rfe("a", keep=1)) == [0.6]


# What picks and sets bring with them.


def test_the_labels_of_a_probe_are_shuffled_and_those_of_its_units_are_not():
    outcome = verdict(ns.probe(TALLY >= 3, of=ns.cell.svm_rfe(TALLY >= 3, keep=1)) >= 0.9)
    assert outcome.verdict == "supported", outcome
    assert outcome.controls.keys() == {"random units", "untrained twin", "shuffled labels"}


def test_controls_of_a_pick_that_has_no_sign_may_point_either_way():
    """Random units that go down as the tally goes up say as much as those that go up."""
    outcome = verdict(ns.correlation(TALLY, of=ns.each(ns.cell.svm_rfe(TALLY >= 3, keep=1))) >= 0.5)
    assert outcome.controls["random units"].value > 0


def test_the_chance_of_an_overlap_is_that_of_any_two_sets():
    high = ns.cell.svm_rfe(TALLY >= 3, keep=5)
    outcome = verdict(ns.overlap(high, ns.cell.svm_rfe(TALLY >= 3, keep=4)) >= 0.99)
    assert outcome.value == 1
    assert 0.2 < outcome.controls["random units"].value < 0.9


def test_a_unit_without_a_value_is_the_worst_of_each():
    silenced = ns.correlation(TALLY, of=ns.each(COUNTERS | ns.cell[0]), under=ns.zero(ns.cell[0]))
    assert verdict(silenced >= 0.9).verdict == "undecided"


def test_units_that_do_nothing_are_not_minimal():
    idle = ns.cell[0] | ns.cell[1]
    assert verdict(ns.minimal(idle, SAID, at="X")).verdict == "refuted"


# What a network says itself.

MANY_B = ns.count("b").between(3, 5)
SAID_SO = ns.emits("b", at=ns.event("delimiter") + 1)


def short(text, **options):
    """A string of which more is due than the network will say."""
    return Example(text, prompt=text.index("X") + 1, events={"delimiter": text.index("X")}, **options)


PROMPTS = tuple(short("a" * n + "Xbb") for n in range(1, 9))


def examined_on(monkeypatch, *claims, examples=PROMPTS, generated_only=(MANY_B,), **options):
    """What was examined on, and what came of it."""
    seen = []
    subject = examine_module.Subject

    def kept(network, discovery, verification, *rest, **more):
        seen.append((tuple(discovery), tuple(verification)))
        return subject(network, discovery, verification, *rest, **more)

    monkeypatch.setattr(examine_module, "Subject", kept)
    options = {"competence": ns.exact_match() >= 0, "census": False} | options
    said = ask(*claims, discovery=examples, verification=examples[::-1], generated_only=generated_only, **options)
    return seen[-1], said


def test_networks_are_examined_on_what_they_say_where_it_is_as_it_should_be(monkeypatch):
    """The planted counter says as many b's as it read a's, whatever is due."""
    (discovery, verification), _ = examined_on(monkeypatch, ns.mean(of=COUNTER) >= -9)
    expected = ["a" * n + "X" + "b" * n for n in (3, 4, 5)]
    assert [e.text for e in discovery] == expected
    assert [e.text for e in verification] == expected[::-1]
    assert all(e.prompt == e.text.index("X") + 1 and e.events == {"delimiter": e.prompt - 1} for e in discovery)


def test_every_claim_about_a_run_is_to_be_met(monkeypatch):
    (discovery, _), _ = examined_on(monkeypatch, ns.mean(of=COUNTER) >= -9, generated_only=(MANY_B, ns.length() <= 4))
    assert [e.text for e in discovery] == ["aaaXbbb", "aaaaXbbbb"]
    (discovery, _), _ = examined_on(monkeypatch, ns.mean(of=COUNTER) >= -9, generated_only=(MANY_B, SAID_SO >= 1))
    assert len(discovery) == 3
    (discovery, _), _ = examined_on(
        monkeypatch, ns.mean(of=COUNTER) >= -9, generated_only=(ns.emits("b", at=ns.event("delimiter") + 4) >= 1,)
    )
    assert [len(e.text) for e in discovery] == [9, 11, 13, 15, 17]


def test_a_prompt_without_what_is_asked_about_is_not_kept(monkeypatch):
    """Neither one that lacks the event, nor one that lacks the symbol."""
    asked = [replace(e, symbols={"x": "b"}) for e in PROMPTS]
    asked[3] = replace(asked[3], events={})
    asked[4] = replace(asked[4], symbols={})
    claim = ns.emits(ns.symbol("x"), at=ns.event("delimiter") + 1) >= 1
    (discovery, _), _ = examined_on(
        monkeypatch, ns.mean(of=COUNTER) >= -9, examples=tuple(asked), generated_only=(claim,)
    )
    assert [e.prompt - 1 for e in discovery] == [1, 2, 3, 6, 7, 8]
    pairs = tuple(replace(e, pair=Example("aXb", prompt=2)) for e in PROMPTS)  # none of which has the event
    (discovery, _), _ = examined_on(
        monkeypatch, ns.mean(of=COUNTER) >= -9, examples=pairs, generated_only=(SAID_SO >= 1,)
    )
    assert [e.pair for e in discovery] == [None] * 8


def test_labels_are_of_the_text_that_was_due_and_events_beyond_the_end_are_not_kept(monkeypatch):
    labelled = [replace(e, labels={"l": [1] * len(e.text)}) for e in PROMPTS]
    labelled[2] = replace(short("aaaXbbbbbb"), events={"far": 9, "near": 6})
    (discovery, _), _ = examined_on(monkeypatch, ns.mean(of=COUNTER) >= -9, examples=tuple(labelled))
    assert all(e.labels == {} for e in discovery)
    assert discovery[0].events == {"near": 6}


def test_pairs_are_what_the_network_says_too(monkeypatch):
    """A pair whose run is not as it should be is none; a sequence is kept without it."""
    paired = tuple(replace(e, pair=PROMPTS[(n + 1) % 8] if n % 2 else None) for n, e in enumerate(PROMPTS))
    (discovery, _), _ = examined_on(monkeypatch, ns.mean(of=COUNTER) >= -9, examples=paired)
    assert [e.text.count("a") for e in discovery] == [3, 4, 5]
    assert [e.pair and e.pair.text for e in discovery] == [None, "aaaaaXbbbbb", None]
    three = tuple(replace(e, pair=PROMPTS[6]) for e in PROMPTS)
    (discovery, _), _ = examined_on(monkeypatch, ns.mean(of=COUNTER) >= -9, examples=three)
    assert [e.pair for e in discovery] == [None] * 3


def test_where_nothing_is_kept_nothing_is_decided(monkeypatch):
    _, said = examined_on(
        monkeypatch,
        ns.correlation(TALLY, of=COUNTER) >= 0.95,
        ns.exact_match() >= 0.99,
        generated_only=(ns.count("b") >= 99,),
    )
    assert [(o.verdict, o.reason) for o in said.outcomes] == [
        ("undecided", "no run of 8 prompts meets what the task asks of them")
    ] * 2
    assert said.learnt


def test_one_that_has_not_learnt_is_unlearnt_whatever_it_says(monkeypatch):
    """Competence is of all prompts, not of those that are kept."""
    claims = ns.correlation(TALLY, of=COUNTER) >= 0.95, ns.exact_match() >= 0.9
    _, said = examined_on(monkeypatch, *claims, competence=ns.exact_match() >= 0.99, census=True)
    assert [o.verdict for o in said.outcomes] == ["unlearnt", "supported"]
    assert not said.learnt
    _, said = examined_on(
        monkeypatch, *claims, competence=ns.exact_match() >= 0.99, generated_only=(ns.count("b") >= 99,)
    )
    assert [o.verdict for o in said.outcomes] == ["unlearnt", "undecided"]


def test_true_claims_hold_of_what_it_says():
    examples = tuple(short("a" * n + "Xb") for n in range(1, 11))
    claims = TRUE["counts"], TRUE["moves the output"], ns.exact_match() >= 1
    said = ask(
        *claims,
        generated_only=(ns.count("b") >= 1,),
        discovery=examples,
        verification=examples,
        competence=ns.length() >= 1,
    )
    assert [o.verdict for o in said.outcomes] == ["supported"] * 3


def test_a_broken_network_that_should_say_something_is_an_error():
    weights = {name: w.clone() for name, w in network().model.state_dict().items()}
    weights["recurrent.weight_ih_l0"][0] = float("nan")
    outcome = verdict(ns.exact_match() >= 0.99, weights=weights, generated_only=(MANY_B,))
    assert (outcome.verdict, outcome.reason) == (
        "error",
        "planted/lstm seed 0: input_gate of layer 0 is not finite (NaN or infinite) at step 0",
    )
