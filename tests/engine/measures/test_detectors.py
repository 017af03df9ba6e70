"""Units as detectors, against scikit-learn, with and without resampling."""

import re

import numpy as np
import pytest
from planted import random_subject
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate, scores
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.errors import SpecError, Undecidable

SUBJECT = random_subject()
X = ns.char("X")
MEASURES = {
    "auroc": (ns.auroc, roc_auc_score),
    "auprc": (ns.auprc, average_precision_score),
    "f1": (ns.f1, lambda y, x: f1_score(y, x > 0)),
}


def lane(unit, sign=1):
    return {ns.cell[0]: UnitSet(0, "cell", (unit,), (sign,), (1,) * 8)}


def flat(unit, split="verification", counts=None):
    """The values of a unit and whether the text has an X there, each sequence so often."""
    run = SUBJECT.clean(split)
    pairs = [
        (run.values[0, "cell"][t, b, unit], symbol == "X")
        for b, e in enumerate(run.sequences.examples)
        for _ in range(1 if counts is None else int(counts[b]))
        for t, symbol in enumerate(e.text)
    ]
    x, y = zip(*pairs, strict=True)
    return np.array(x), np.array(y)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("sign", [1, -1])
def test_scikit_learn_says_the_same(name, sign):
    measure, theirs = MEASURES[name]
    found = estimate(measure(X, of=ns.cell[0]), View(SUBJECT, [lane(unit, sign) for unit in range(8)])).values
    expected = [theirs(y, sign * x) for x, y in map(flat, range(8))]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_scikit_learn_says_the_same_of_every_resample(name):
    measure, theirs = MEASURES[name]
    counts = np.random.default_rng(0).multinomial(40, [1 / 40] * 40, size=3).astype(float)
    found = estimate(measure(X, of=ns.cell[0]), View(SUBJECT, [lane(3)])).at(counts)[0]
    expected = []
    for drawn in counts:
        x, y = flat(3, counts=drawn)
        expected.append(theirs(y, x))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_scores_are_those_of_the_discovery_split(name):
    measure, theirs = MEASURES[name]
    found = scores(SUBJECT, measure(X), ns.cell)
    assert found == pytest.approx([theirs(y, x) for x, y in (flat(unit, "discovery") for unit in range(8))], abs=1e-12)


def test_equal_values_count_half():
    gate = UnitSet(0, "cell", (0,), (1,), (1,) * 8)
    SUBJECT.clean("verification")
    constant = random_subject(seed=1)
    constant.clean("verification").values[0, "cell"][:] = 0.5
    found = estimate(ns.auroc(X, of=ns.cell[0]), View(constant, [{ns.cell[0]: gate}]))
    assert found.values[0] == 0.5


def test_many_thresholds_are_close():
    """Beyond 256 positive values the curve has 256 thresholds."""
    many = random_subject(sequences=400)
    run = many.clean("verification")
    pairs = [
        (run.values[0, "cell"][t, b, 0], s == "X")
        for b, e in enumerate(run.sequences.examples)
        for t, s in enumerate(e.text)
    ]
    x, y = map(np.array, zip(*pairs, strict=True))
    assert y.sum() > 512
    found = estimate(ns.auprc(X, of=ns.cell[0]), View(many, [lane(0)])).values[0]
    assert found == pytest.approx(average_precision_score(y, x), abs=5e-3)


@pytest.mark.parametrize("measure", [ns.auroc, ns.auprc, ns.f1])
def test_one_class_and_numbers_are_undecidable(measure):
    with pytest.raises(Undecidable, match="always holds"):
        estimate(measure(ns.one_of("abX"), of=ns.cell[0]), View(SUBJECT, [lane(0)]))
    with pytest.raises(Undecidable, match="never holds"):
        estimate(measure("$", of=ns.cell[0]), View(SUBJECT, [lane(0)]))


@pytest.mark.parametrize("measure", [ns.auroc, ns.auprc, ns.f1])
def test_a_detector_tells_yes_from_no(measure):
    with pytest.raises(SpecError, match=re.escape("(position()): a detector tells yes from no; compare the number")):
        measure(ns.position(), of=ns.cell[0])
