"""Peaks, overlaps and ``each``; and what sanity tests each measure of a detector passes."""

from dataclasses import replace

import numpy as np
import pytest
from planted import random_subject

import neuronspec as ns
from neuronspec.engine.measures.estimates import interval
from neuronspec.engine.measures.evaluate import View, estimate, of_claim
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.engine.verdicts.judge import interim_looks
from neuronspec.errors import Undecidable

SUBJECT = random_subject()
X = ns.char("X")


def units(*indices, signs=None):
    return UnitSet(0, "cell", indices, signs or (1,) * len(indices), (1,) * 8)


def lane(*indices, signs=None):
    return {ns.cell[0]: units(*indices, signs=signs)}


def texts(kept=lambda t, text: True):
    run = SUBJECT.clean("verification")
    return [
        (e.text, [(run.values[0, "cell"][t, b], t) for t in range(len(e.text)) if kept(t, e.text)])
        for b, e in enumerate(run.sequences.examples)
    ]


@pytest.mark.parametrize("sign", [1, -1])
def test_share_at_the_peak(sign):
    measure = ns.share(ns.peak(ns.cell[0]), on=X)
    found = estimate(measure, View(SUBJECT, [lane(unit, signs=(sign,)) for unit in range(8)])).values
    expected = [
        np.mean([text[max(steps, key=lambda step: sign * step[0][unit])[1]] == "X" for text, steps in texts()])
        for unit in range(8)
    ]
    assert found == pytest.approx(expected)


def test_share_beside_the_peak_among_some():
    measure = ns.share(ns.peak(ns.cell[0], where=~X) + 1, on=X, among=X)
    found = estimate(measure, View(SUBJECT, [lane(2)])).values[0]
    at = [(text, max(steps, key=lambda s: s[0][2])[1] + 1) for text, steps in texts(lambda t, s: s[t] != "X") if steps]
    held = [text[step] == "X" for text, step in at if step < len(text) and "X" in text]
    assert found == pytest.approx(np.mean(held))


def test_a_unit_that_never_changes_has_no_peak_and_one_that_rests_in_a_text_misses_there():
    examined = random_subject(seed=3)
    values = examined.clean("verification").values[0, "cell"]
    values[:, :, 2] = 0.5
    with pytest.raises(Undecidable, match=r"no sequence to measure: peak\(cell\[0\]\) is in none"):
        estimate(ns.share(ns.peak(ns.cell[0]), on="a"), View(examined, [lane(2)]))
    first_b = [e.text.find("b") for e in examined.verification]
    for b, step in enumerate(first_b[: len(first_b) // 2]):
        values[max(step, 0), b, 2] = 1.0
    found = estimate(ns.share(ns.peak(ns.cell[0]), on="b"), View(examined, [lane(2)])).values[0]
    assert found == pytest.approx(np.mean([step >= 0 for step in first_b[: len(first_b) // 2]]) / 2, abs=0.02)


def test_share_without_units():
    measure = ns.share(ns.start, on="a")
    expected = np.mean([e.text[0] == "a" for e in SUBJECT.verification])
    assert estimate(measure, View(SUBJECT, [{}])).values[0] == pytest.approx(expected)
    with pytest.raises(Undecidable, match=r"no sequence to measure: first\(char\('\$'\)\) is in none"):
        estimate(ns.share("$", on="a"), View(SUBJECT, [{}]))


def test_share_is_of_the_edited_run():
    pushed = ns.share(ns.peak(ns.cell[0]), on=X, under=ns.set_to(ns.cell[0], 9.0, at=ns.last(X)))
    assert estimate(pushed, View(SUBJECT, [lane(2)])).values[0] == 1


@pytest.mark.parametrize(
    ("left", "right", "share"), [((0, 1, 2), (2, 3), 0.5), ((0,), (0, 1, 2), 1), ((0,), (1,), 0), ((), (1,), np.nan)]
)
def test_overlap(left, right, share):
    lanes = [{ns.cell[0]: units(*left), ns.cell[1]: units(*right)}]
    found = estimate(ns.overlap(ns.cell[0], ns.cell[1]), View(SUBJECT, lanes)).values[0]
    assert found == pytest.approx(share, nan_ok=True)


# each: the worst unit.

SETS = [lane(1, 4, 6), lane(2, 3), lane(5)]
ONE = ns.correlation(ns.position(), of=ns.cell[0])


def singly(indices):
    return estimate(ONE, View(SUBJECT, [lane(i) for i in indices])).values


@pytest.mark.parametrize(
    ("bounds", "worst"),
    [
        ({"low": 0.1}, min),
        ({"high": 0.1}, max),
        ({"low": -0.1, "high": 0.1}, lambda values: max(values, key=abs)),
    ],
)
def test_each_takes_the_worst_of_every_set(bounds, worst):
    measure = ns.correlation(ns.position(), of=ns.each(ns.cell[0]))
    claim = (
        measure.between(bounds["low"], bounds["high"])
        if len(bounds) == 2
        else (measure >= 0.1 if "low" in bounds else measure <= 0.1)
    )
    found = of_claim(claim, View(SUBJECT, SETS))
    expected = [worst(singly(chosen[ns.cell[0]].indices)) for chosen in SETS]
    assert found.values == pytest.approx(expected)
    low, high = interval(found, census=False)
    assert low <= found.values[0] <= high


def test_all_but_each():
    left_out = ns.change(ns.cross_entropy(), under=ns.zero(ns.cell[0] - ns.each(ns.cell[0])))
    rest = [lane(4, 6), lane(1, 6), lane(1, 4)]
    alone = estimate(ns.change(ns.cross_entropy(), under=ns.zero(ns.cell[0])), View(SUBJECT, rest)).values
    assert of_claim(left_out >= 0, View(SUBJECT, SETS[:1])).values[0] == pytest.approx(min(alone))


def test_each_of_none():
    with pytest.raises(Undecidable, match=r"each\(cell\[0\]\): there is no unit"):
        of_claim(ns.mean(of=ns.each(ns.cell[0])) >= 0, View(SUBJECT, [lane()]))


# What a measure notices: labels taken from some of its steps, labels given to other steps as well (Oikarinen et al.
# 2025, "Evaluating neuron explanations"). A measure that passes gets worse by it.

RARE = 0.05


def detected(measure, labels):
    """A perfect detector of a rare signal, measured against other labels."""
    examined = random_subject(sequences=60)
    examined = replace(examined, discovery=examined.verification)
    run = examined.clean("verification")
    held = run.sequences.within(np.random.default_rng(0).random(run.sequences.codes.shape) < RARE) == 1
    run.values[0, "cell"][..., 0] = np.where(held, 1.0, -1.0)
    rng = np.random.default_rng(1)
    told = {
        "true": held,
        "missing": held & (rng.random(held.shape) < 0.5),
        "extra": held | (rng.random(held.shape) < RARE),
    }[labels]
    for b, example in enumerate(run.sequences.examples):
        example.labels["told"] = told[: len(example.text), b].astype(float).tolist()
    return estimate(measure, View(examined, [lane(0)])).values[0]


PASSES = {  # missing labels, extra labels
    "correlation": (ns.correlation(ns.label("told"), of=ns.cell[0]), True, True),
    "auroc": (ns.auroc(ns.label("told"), of=ns.cell[0]), False, True),
    "auprc": (ns.auprc(ns.label("told"), of=ns.cell[0]), True, True),
    "f1": (ns.f1(ns.label("told"), of=ns.cell[0]), True, True),
    "r2": (ns.r2(ns.label("told"), of=ns.cell[0]), True, True),
    "probe": (ns.probe(ns.label("told"), of=ns.cell[0]), False, False),
    "balanced probe": (ns.probe(ns.label("told"), of=ns.cell[0], balanced=True), False, True),
    "mean": (ns.mean(of=ns.cell[0], where=ns.label("told")), False, True),
    "share": (ns.share(ns.peak(ns.cell[0]), on=ns.label("told"), among=ns.label("told")), False, True),
}


@pytest.mark.parametrize("name", PASSES)
def test_which_sanity_tests_a_measure_passes(name):
    measure, missing, extra = PASSES[name]
    true, without, more = (detected(measure, labels) for labels in ("true", "missing", "extra"))
    assert ((true - without > 0.1), (true - more > 0.1)) == (missing, extra), (true, without, more)


@pytest.mark.parametrize(
    ("sequences", "census", "sizes"),
    [(200, False, [50, 100, 200]), (200, True, [200]), (30, False, [15, 30]), (12, False, [12]), (5, False, [5])],
)
def test_looks(sequences, census, sizes):
    assert interim_looks(sequences, census) == sizes


def test_the_mean_of_sizes():
    run = SUBJECT.clean("verification")
    seen = np.concatenate(
        [run.values[0, "cell"][: len(e.text), b, [1, 4]] for b, e in enumerate(run.sequences.examples)]
    )
    by_lane = View(SUBJECT, [lane(1, 4), lane(1, 4, signs=(-1, 1))])
    assert estimate(ns.mean(of=ns.cell[0], absolute=True), by_lane).values == pytest.approx([np.abs(seen).mean()] * 2)


@pytest.mark.parametrize(("gate", "row"), [("input_gate", 0), ("forget_gate", 1), ("candidate", 2), ("output_gate", 3)])
def test_drive_is_what_units_add_to_the_input_of_a_gate(gate, row):
    """Summed product by product, at the steps after the first X."""
    weight = SUBJECT.network.model.recurrent.weights(0)["weight_hh"].numpy()
    run = SUBJECT.clean("verification")
    of, by = ns.cell[0].on(getattr(ns, gate)), ns.cell[1].on(ns.hidden)
    own = {ns.cell[0]: units(2, 5), ns.cell[1]: units(0, 3, 7, signs=(1, -1, 1))}
    found = estimate(ns.gate_input(of=of, by=by, at=ns.first("X") + 1), View(SUBJECT, [own]))
    expected = []
    for b, e in enumerate(run.sequences.examples):
        at = e.text.find("X") + 1
        if 0 < at < len(e.text):
            hidden = run.values[0, "hidden"][at - 1, b]
            expected.append(np.mean([sum(weight[8 * row + i, j] * hidden[j] for j in (0, 3, 7)) for i in (2, 5)]))
    assert found.values[0] == pytest.approx(np.mean(expected), abs=1e-6)


def test_drive_of_a_moment_without_a_step_before():
    of, by = ns.cell[0].on(ns.input_gate), ns.cell[0].on(ns.hidden)
    with pytest.raises(Undecidable, match="start is in none, or has no step before it"):
        estimate(ns.gate_input(of=of, by=by, at=ns.start), View(SUBJECT, [lane(1)]))
