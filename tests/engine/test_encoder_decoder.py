"""Encoder-decoders under examination, against runs written out one sequence at a time."""

import json
from dataclasses import replace
from functools import cache

import bridged
import numpy as np
import pytest
import torch

import neuronspec as ns
from neuronspec import fit
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.picks.attribution import attribute
from neuronspec.engine.picks.picks import contributions, found
from neuronspec.engine.runs.subject import Subject, limits
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.engine.verdicts.examine import Request, examine
from neuronspec.errors import Undecidable
from neuronspec.language.units import SITES
from neuronspec.networks.cells import KINDS as RECORDS
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example, Task
from neuronspec.networks.training import train_block

KINDS = ["gru", "lstm", "reset_before_gru"]
GATES = {"gru": "update_gate", "lstm": "forget_gate", "reset_before_gru": "reset_gate"}
DECODER = ns.decoder
SETS = {"one": (1,), "two": (0, 3)}


def examples(number=8, seed=0):
    generator = np.random.default_rng(seed)

    def drawn():
        source, text = ("".join(generator.choice(list("abXY"), generator.integers(1, 6))) for _ in range(2))
        return Example("X" + text, source=source, symbols={"letter": "ab"[generator.integers(2)]})

    return tuple(
        replace(drawn(), pair=drawn() if n % 4 else None, events={"asked": 1 + n % 2} if n % 5 else {})
        for n in range(number)
    )


EXAMPLES = examples()


def subject(kind="gru", layers=1, on=EXAMPLES, seed=0):
    net = bridged.network(kind, layers, seed=seed)
    net.model.readout_weight *= 6  # so that it says more than one thing
    net.model.readout_bias[bridged.VOCABULARY.index("$")] -= 1
    return Subject(net, on, on, list(net.sizes))


def lanes(unit, site, layer=0):
    return [{unit: UnitSet(layer, site, units, (1,) * len(units), (1,) * 4)} for units in SETS.values()]


def written(edit, example, own, units, layer, site, seen):
    """An edit of units at a step as a function of ``(layer, site, step, value)``; None where it cannot be made.

    Args:
        own: the text at whose steps it is made.
        seen: ``seen(source, text)`` gives every site at every step of a clean run.
    """
    kind, at, amount = edit
    rest = [i for i in range(4) if i not in units]
    step = {"start": 0, "always": None}.get(at, at)
    clean = seen(example.source, own)
    if step is not None and step >= len(own):
        return None
    value = None
    if kind == "delay":
        if step - amount < 1 or step - amount >= len(own):
            return None
        value = clean[step - amount][layer][site]
    if kind == "patch":
        value = clean[amount][layer][site] if amount < len(own) else None
    if kind == "interchange":
        if example.pair is None or step >= len(example.pair.text):
            return None
        value = seen(example.pair.source, example.pair.text)[step][layer][site]
    if kind in ("patch", "interchange") and value is None:
        return None
    held = {}

    def change(where, name, now, old):
        if (where, name) != (layer, site) or (now < step if kind == "freeze" else step not in (None, now)):
            return old
        new = old.clone()
        if kind == "zero":
            new[list(units)] = 0
        elif kind == "keep_only":
            new[rest] = 0
        elif kind == "add":
            new[list(units)] += amount
        elif kind == "freeze":
            if now == step:
                held[0] = old.clone()
            new[list(units)] = held[0][list(units)]
        else:
            new[list(units)] = value[list(units)]
        return new

    return change


U = DECODER.hidden[2]
EDITS = {
    "zero, always": (ns.zero(U), ("zero", "always", None)),
    "zero, the bridged state": (ns.zero(U, at=ns.start), ("zero", "start", None)),
    "zero, later": (ns.zero(U, at=ns.start + 2), ("zero", 2, None)),
    "add, later": (ns.add(U, 0.7, at=ns.start + 1), ("add", 1, 0.7)),
    "delay": (ns.delay(U, 1, at=ns.start + 2), ("delay", 2, 1)),
    "delay, from the future": (ns.delay(U, -1, at=ns.start + 1), ("delay", 1, -1)),
    "patch, of the bridged state": (ns.patch(U, ns.start, at=ns.start + 2), ("patch", 2, 0)),
    "interchange, the bridged state": (ns.interchange(U, at=ns.start), ("interchange", "start", None)),
    "interchange, later": (ns.interchange(U, at=ns.start + 2), ("interchange", 2, None)),
    "keep_only, always": (ns.keep_only(U), ("keep_only", "always", None)),
    "keep_only, the bridged state": (ns.keep_only(U, at=ns.start), ("keep_only", "start", None)),
    "freeze": (ns.freeze(U, at=ns.start + 1), ("freeze", 1, None)),
    "freeze, the bridged state": (ns.freeze(U, at=ns.start), ("freeze", "start", None)),
}


READ = [(case, site) for case in EDITS for site in ("hidden", "gate") if site == "hidden" or "bridged" not in case]
"""A gate has no value at the bridged state."""


def cleanly(examined):
    return cache(lambda source, text: bridged.read(examined.network.model, source, text)[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", EDITS)
def test_generating_runs_under_an_edit_equal_each_sequence_by_hand(case, kind):
    under, edit = EDITS[case]
    examined, most = subject(kind, layers=2), limits(EXAMPLES, True)
    model, seen = examined.network.model, cleanly(examined)
    under = _on(under, DECODER.hidden.layer(1)[2])
    came, used = examined.edited_completions(under, lanes(DECODER.hidden.layer(1)[2], "hidden", 1))
    for b, example in enumerate(EXAMPLES):
        own = bridged.say(model, example.source, "X", most[b])
        assert examined.completed_texts[b] == own
        for lane, units in enumerate(SETS.values()):
            change = written(edit, example, own, units, 1, "hidden", seen)
            assert used[b] == (change is not None)
            if change is not None:
                run = came[lane][b]
                assert run.prompt + run.came == bridged.say(model, example.source, "X", most[b], change), (lane, b)
    assert used.any()


def _on(under, unit):
    return replace(under, units=unit)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("case", "site"), READ)
def test_runs_that_are_read_under_an_edit_equal_each_sequence_by_hand(case, kind, site):
    under, edit = EDITS[case]
    name = GATES[kind] if site == "gate" else "hidden"
    unit = getattr(DECODER, name)[2]
    examined = subject(kind)
    runs, used = examined.edited(_on(under, unit), lanes(unit, name), list(examined.sizes))
    assert used.any()
    seen = cleanly(examined)
    for lane, run in enumerate(runs):
        for b, example in enumerate(EXAMPLES):
            change = written(edit, example, example.text, list(SETS.values())[lane], 0, name, seen)
            assert used[b] == (change is not None)
            if change is None:
                continue
            every, logits = bridged.read(examined.network.model, example.source, example.text, change)
            torch.testing.assert_close(run.logits[: len(logits), b], logits)
            for place, values in run.values.items():
                for t in range(len(example.text)):
                    expected = every[t][0].get(place[1], torch.full((4,), np.nan, dtype=torch.double))
                    np.testing.assert_allclose(values[t, b], expected, atol=1e-10, err_msg=str((place, t)))


def test_no_value_is_delayed_from_the_bridged_state():
    unit = DECODER.hidden[2]
    for steps, possible in ((2, False), (1, True)):
        _, used = subject().edited(ns.delay(unit, steps, at=ns.start + 2), lanes(unit, "hidden"))
        assert used.tolist() == [possible and len(e.text) > 2 for e in EXAMPLES]


@pytest.mark.parametrize("kind", KINDS)
def test_gates_are_not_edited_at_the_bridge_nor_from_it(kind):
    gate = getattr(DECODER, GATES[kind])[2]
    for under in (
        ns.zero(gate, at=ns.start),
        ns.patch(gate, ns.start, at=ns.start + 1),
        ns.interchange(gate, at=ns.start),
        ns.freeze(gate, at=ns.start),
    ):
        assert not subject(kind).edited(under, lanes(gate, GATES[kind]))[1].any()
        assert not subject(kind).edited_completions(under, lanes(gate, GATES[kind]))[1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_levels_of_gates_are_those_of_the_steps_that_have_them(kind):
    examined, name = subject(kind), GATES[kind]
    gate, model = getattr(DECODER, name)[2], examined.network.model
    seen = [
        every[t][0][name][list(SETS["two"])].numpy()
        for e in EXAMPLES
        for every in [bridged.read(model, e.source, e.text)[0]]
        for t in range(1, len(e.text))
    ]
    for under, expected in (
        (ns.to_mean(gate), np.mean(seen, 0)),
        (ns.set_to(gate, ns.quantile(0.8)), np.quantile(seen, 0.8, axis=0)),
    ):
        runs, used = examined.edited(under, lanes(gate, name), [(0, name)])
        values = list(runs)[1].values[0, name]
        assert used.all()
        for b, example in enumerate(EXAMPLES):
            for t in range(1, len(example.text)):
                np.testing.assert_allclose(values[t, b, list(SETS["two"])], expected)


# Measures.


def measured(measure, examined, lane=None):
    return estimate(measure, View(examined, [lane or {}], "verification"))


def every_value(examined, site, unit):
    """The value of a unit of each sequence at each step of its text, by hand."""
    model = examined.network.model
    for e in EXAMPLES:
        every = bridged.read(model, e.source, e.text)[0]
        yield [float(every[t][0][site][unit]) if site in every[t][0] else np.nan for t in range(len(e.text))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mean_leaves_out_the_bridge_where_gates_have_no_value(kind):
    examined = subject(kind)
    for site in RECORDS[kind].sites:
        unit = getattr(DECODER, site)[1]
        lane = {unit: UnitSet(0, site, (1,), (1,), (1,) * 4)}
        expected = np.nanmean(np.concatenate(list(every_value(examined, site, 1))))
        assert measured(ns.mean(of=unit), examined, lane).values[0] == pytest.approx(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_increments_at_the_bridge_are_what_the_last_symbol_of_the_source_did(kind):
    examined = subject(kind)
    model = examined.network.model
    for site in RECORDS[kind].sites:
        unit = getattr(DECODER, site)[1]
        lane = {unit: UnitSet(0, site, (1,), (-1,), (1,) * 4)}
        moved = []
        for example, values in zip(EXAMPLES, every_value(examined, site, 1), strict=True):
            before = bridged.bridged(model, example.source[:-1])[0].get(site, np.full(4, np.nan))[1]
            moved += (-np.diff([float(before), *values])).tolist()
        found = measured(ns.mean(of=ns.increments(unit)), examined, lane).values[0]
        assert found == pytest.approx(np.nanmean(moved))
        if site in ("hidden", "cell"):
            first = measured(ns.mean(of=ns.increments(unit), where=ns.position() <= 0), examined, lane).values[0]
            lengths = np.cumsum([0, *(len(e.text) for e in EXAMPLES[:-1])])
            assert first == pytest.approx(np.mean(np.array(moved)[lengths]))


def test_what_a_decoder_expects_at_a_step_is_read_out_there():
    examined = subject("lstm")
    said = []
    for example in EXAMPLES:
        logits = bridged.read(examined.network.model, example.source, example.text)[1]
        if "asked" in example.events and example.events["asked"] < len(example.text):
            letter = bridged.VOCABULARY.index(example.symbols["letter"])
            said.append(float(logits[example.events["asked"]].softmax(-1)[letter]))
    measure = ns.probability(ns.symbol("letter"), at=ns.event("asked"))
    assert measured(measure, examined).values[0] == pytest.approx(np.mean(said), abs=1e-6)
    with pytest.raises(Undecidable, match="no sequence to measure: start is in none, or at its first step"):
        measured(ns.probability("X", at=ns.start), examined)


def test_cross_entropy_is_that_of_what_follows_the_prompt():
    examined, losses = subject("gru"), []
    for example in EXAMPLES:
        logits = bridged.read(examined.network.model, example.source, example.text)[1].log_softmax(-1)
        due = [*bridged.tokens(example.text + "$").tolist()]
        losses += [-float(logits[t, due[t]]) for t in range(1, len(due))]
    assert measured(ns.cross_entropy(), examined).values[0] == pytest.approx(np.mean(losses), abs=1e-6)


def test_contributions_are_of_the_state_that_says_the_symbol():
    examined = subject("gru")
    score = ns.contribution(ns.symbol("letter"), at=ns.event("asked"))
    found, _ = contributions(score, DECODER.hidden, examined)
    for b, example in enumerate(EXAMPLES):
        every, _ = bridged.read(examined.network.model, example.source, example.text)
        if "asked" not in example.events or example.events["asked"] >= len(example.text):
            assert np.isnan(found[b]).all()
            continue
        weight = examined.network.model.readout_weight[bridged.VOCABULARY.index(example.symbols["letter"])]
        expected = every[example.events["asked"]][0]["hidden"] * weight
        np.testing.assert_allclose(found[b], expected, atol=1e-6)


@pytest.mark.parametrize("beyond", [0, 1, 2, 5])
def test_what_is_emitted_may_be_asked_for_beyond_the_end_of_the_text(beyond):
    examined, most = subject("gru"), limits(EXAMPLES, True)
    hits = []
    for b, example in enumerate(EXAMPLES):
        own = bridged.say(examined.network.model, example.source, "X", most[b])
        step = len(example.text) - 1 + beyond
        hits.append(len(own) > step and own[step] == "b")
    came = measured(ns.emits("b", at=ns.end + beyond), examined)
    given = [len(e.text) - 1 + beyond == 0 for e in EXAMPLES]
    assert not any(given)
    assert came.values[0] == pytest.approx(np.mean(hits))


def test_a_moment_before_the_text_is_none_to_emit_at():
    """Beyond the end there may be more to come; before the start there is nothing."""
    with pytest.raises(Undecidable):
        measured(ns.emits("b", at=ns.start - 1), subject("gru"))


# Attribution.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("site", ["hidden", "gate"])
def test_the_baseline_of_the_past_is_the_mean_of_the_steps_before(kind, site):
    name = GATES[kind] if site == "gate" else site
    examined, at = subject(kind), ns.start + 3
    outcome = ns.cross_entropy()
    came = attribute(examined, outcome, at, (0, name), "past")
    assert came.complete
    used = [len(e.text) > 3 for e in EXAMPLES]
    assert came.used.tolist() == used
    gained = []
    for example in (e for e, u in zip(EXAMPLES, used, strict=True) if u):
        model, due = examined.network.model, bridged.tokens(example.text + "$").tolist()
        every, clean = bridged.read(model, example.source, example.text)
        past = torch.stack([every[t][0][name] for t in (1, 2)]).mean(0)

        def put(layer, where, step, value, past=past):
            return past if (where, step) == (name, 3) else value

        _, moved = bridged.read(model, example.source, example.text, put)
        losses = [
            -sum(float(logits.log_softmax(-1)[t, due[t]]) for t in range(3, len(due))) for logits in (clean, moved)
        ]
        gained.append(losses[0] - losses[1])
    np.testing.assert_allclose(came.gained, gained, atol=1e-6)
    np.testing.assert_allclose(came.scores.sum(1), gained, atol=1e-3)


def test_a_moment_that_has_no_past_is_left_out():
    """The bridged state is the encoder's, and no past of the decoder's."""
    examined = subject("gru")
    with pytest.raises(Undecidable) as error:
        attribute(examined, ns.cross_entropy(), ns.start + 1, (0, "hidden"), "past")
    assert str(error.value) == "no sequence to attribute: none has a baseline for start + 1"


@pytest.mark.parametrize("baseline", ["zero", "mean", "past"])
@pytest.mark.parametrize("site", ["hidden", "update_gate"])
def test_nothing_is_attributed_to_the_bridged_state(baseline, site):
    with pytest.raises(Undecidable) as error:
        attribute(subject("gru"), ns.cross_entropy(), ns.start, (0, site), baseline)
    assert str(error.value) == "no sequence to attribute: start is the bridged state in all"


def test_every_site_can_be_asked_of_a_decoder():
    assert {str(getattr(DECODER, site)) for site in SITES} == {f"decoder.{site}" for site in SITES}


# Picks.


@pytest.mark.parametrize("kind", KINDS)
def test_gates_are_picked_at_the_steps_that_have_them(kind):
    examined = subject(kind, on=examples(24))
    gate = getattr(DECODER, GATES[kind])
    everywhere, later = (
        found(p, examined)[p]
        for p in (gate.svm_rfe(ns.char("a"), keep=2), gate.svm_rfe(ns.char("a"), where=ns.position() >= 1, keep=2))
    )
    assert everywhere == later


# From training to a verdict.

TRAINED = Recipe("gru", units=16, encoder=True, learning_rate=0.02, steps=400, batch=16, block=1)


def asked_for(rng):
    """Two letters and which of them is wanted; that one is said, after any letter."""
    first, second, which = rng.choice("ab"), rng.choice("ab"), rng.choice("XY")
    letter = first if which == "X" else second
    return Example(
        f"X{rng.choice('ab')}{letter}",
        prompt=2,
        source=first + second + which,
        events={"asked": 2},
        symbols={"letter": letter},
    )


def with_other(rng):
    example, other = asked_for(rng), asked_for(rng)
    while other.symbols == example.symbols:
        other = asked_for(rng)
    return replace(example, symbols=example.symbols | {"other": other.symbols["letter"]}, pair=other)


ASKED = ns.symbol("letter")
SAYS = ns.emits(ASKED, at=ns.event("asked"))
TASK = Task(
    alphabet="abXY",
    sample=asked_for,
    evaluate_on=with_other,
    generated_only=[SAYS >= 1],
    size=60,
    corpus_size=400,
    competence=SAYS >= 0.9,
    recipes={"gru": TRAINED},
    name="asked",
)
STATE = DECODER.hidden
OF_LETTER = STATE.svm_rfe(ASKED, keep=8)
NARROWER = OF_LETTER.integrated_gradients(
    ns.probability(ASKED, at=ns.event("asked")), at=ns.event("asked") - 1, keep=6, baseline="zero"
)
CLAIMS = {
    "says what it is asked for": (SAYS >= 0.8, "supported"),
    "a symbol is kept where it is picked": (ns.probe(ASKED, of=OF_LETTER) >= 0.9, None),
    "what is at the bridge is what is said": (
        ns.emits(ns.symbol("other"), at=ns.event("asked"), under=ns.interchange(STATE, at=ns.start)) >= 0.9,
        "supported",
    ),
    "nothing is left without it": (ns.shift(SAYS, under=ns.zero(STATE, at=ns.start)) <= -0.2, None),
    "units of each value": (ns.shift(SAYS, under=ns.zero(OF_LETTER)) <= 0, None),
    "units of another value": (
        ns.emits(ASKED, at=ns.event("asked"), under=ns.zero(OF_LETTER.for_symbol(ns.symbol("other")))) >= 0,
        None,
    ),
    "gradients among them": (ns.size(NARROWER).between(6, 6), None),
    "one by one": (ns.mean(of=ns.each(NARROWER), where=ns.position() >= 1) >= -1, None),
    "what two picks share": (ns.overlap(OF_LETTER, NARROWER) >= 1, "unspecific"),
    "moved at the bridge": (ns.mean(of=ns.increments(OF_LETTER), where=ns.position() <= 0) >= -2, None),
}


@cache
def verdicts():
    """What one trained network says to all claims."""
    task = TASK
    for sentence, (claim, _) in CLAIMS.items():
        fit.check(ns.Spec("asked/gru", claims={sentence: claim}), task, TRAINED)
    (trained,) = train_block(TRAINED, task.draw("corpus"), task.vocabulary, [0])
    request = Request(
        name="asked/gru",
        recipe=TRAINED,
        vocabulary=task.vocabulary,
        discovery=task.draw("discovery"),
        verification=task.draw("verification"),
        census=False,
        ends=True,
        temperature=0.0,
        competence=task.competence,
        generated_only=task.generated_only,
        weights=trained.weights,
        claims=[claim for claim, _ in CLAIMS.values()],
        mutate=True,
    )
    return examine(request)


@pytest.mark.parametrize("case", CLAIMS)
def test_a_trained_encoder_decoder_is_examined_on_what_it_says(case):
    examined = verdicts()
    outcome = dict(zip(CLAIMS, examined.outcomes, strict=True))[case]
    assert examined.learnt
    assert outcome.verdict not in ("error", "unlearnt", "not applicable"), outcome
    assert np.isfinite(outcome.value)
    assert CLAIMS[case][1] in (None, outcome.verdict), outcome
    assert "please report it" not in str(outcome)
    assert json.loads(json.dumps(outcome.units)) == outcome.units
    assert json.dumps(outcome.rankings)


def test_its_mutants_are_judged():
    mutants = [outcome for answer in verdicts().answers for outcome in answer.mutants.values()]
    assert len(mutants) > len(CLAIMS)
    assert not [m for m in mutants if m.verdict == "error"]
