"""What a line or a linear SVM reads from units, fitted on one split and judged on the other: scikit-learn's."""

from dataclasses import replace

import numpy as np
import pytest
from planted import random_subject
from sklearn.linear_model import LinearRegression
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.measures.fits import labelled
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.errors import Undecidable
from neuronspec.language.unit_measures import with_shuffled_labels

SUBJECT = random_subject()
X = ns.char("X")


def lane(*units):
    return {ns.cell[0]: UnitSet(0, "cell", units, (1,) * len(units), (1,) * 8)}


def flat(split, units, label):
    """The values of some units at every step, and what a Python function of text and step says there."""
    run = SUBJECT.clean(split)
    rows = [(t, b) for t in range(run.sequences.time) for b, e in enumerate(run.sequences.examples) if t < len(e.text)]
    x = np.array([run.values[0, "cell"][t, b, list(units)] for t, b in rows], dtype=float)
    return x, np.array([label(run.sequences.examples[b], t) for t, b in rows])


def since_start(example, t):
    return t


@pytest.mark.parametrize("units", [(2,), (0, 3, 5), tuple(range(8))])
def test_r2_is_scikit_learns(units):
    (x, y), (new, due) = (flat(split, units, since_start) for split in ("discovery", "verification"))
    expected = r2_score(due, LinearRegression().fit(x, y).predict(new))
    found = estimate(ns.r2(ns.position(), of=ns.cell[0]), View(SUBJECT, [lane(*units), lane(*units[:1])])).values
    assert found[0] == pytest.approx(expected, abs=1e-9)


LABELS = {
    "yes and no": (X, lambda e, t: float(e.text[t] == "X")),
    "three values": (ns.count_of("X"), lambda e, t: float(e.text[: t + 1].count("X"))),
    "a symbol": (ns.symbol("letter"), lambda e, t: e.symbols["letter"]),
}


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("case", LABELS)
def test_a_probe_is_scikit_learns(case, balanced):
    labels, label = LABELS[case]
    where = ns.count_of("X") <= 2
    few = {"three values": lambda e, t: e.text[: t + 1].count("X") <= 2}.get(case)
    units = tuple(range(8))
    (x, y), (new, due) = (flat(split, units, label) for split in ("discovery", "verification"))
    if few:
        (_, kept), (_, judged) = (flat(split, units, few) for split in ("discovery", "verification"))
        x, y, new, due = x[kept], y[kept], new[judged], due[judged]
    scaled = StandardScaler().fit(x)
    told = LinearSVC(dual=False, tol=1e-8, max_iter=100_000).fit(scaled.transform(x), y).predict(scaled.transform(new))
    expected = balanced_accuracy_score(due, told) if balanced else (told == due).mean()
    measure = ns.probe(labels, of=ns.cell, balanced=balanced, where=where if few else None)
    assert estimate(measure, View(SUBJECT, [{}])).values[0] == pytest.approx(expected, abs=1e-12)


def test_shuffled_labels_keep_what_goes_by_position():
    measure = ns.probe(ns.position() >= 3, of=ns.cell)
    plain, shuffled = (estimate(m, View(SUBJECT, [{}])).values[0] for m in (measure, with_shuffled_labels(measure)))
    assert shuffled == pytest.approx(plain, abs=0.02)
    measure = ns.probe(X, of=ns.cell, balanced=True)
    plain, shuffled = (estimate(m, View(SUBJECT, [{}])).values[0] for m in (measure, with_shuffled_labels(measure)))
    assert plain > 0.9
    assert shuffled < 0.65


def test_classes_by_their_value():
    on = SUBJECT.clean("verification").sequences
    assert labelled(ns.count_of("X"), None, on).names[:3] == ("0", "1", "2")
    long = replace(on.examples[0], text="a" * 100)
    with pytest.raises(Undecidable, match=r"has \d+ values: 64 classes at most \(r2 fits a number\)"):
        labelled(ns.position(), None, replace(on, examples=(long,)))


UNDECIDABLE = {
    "one class": (ns.probe("$", of=ns.cell), "every sample is of class '0': there is nothing to tell apart"),
    "no such symbol": (ns.probe(ns.symbol("lettr"), of=ns.cell), "the task gives no symbol 'lettr'; did you mean"),
    "fewer samples than units": (
        ns.probe(ns.symbol("letter"), of=ns.cell, where=ns.position() >= 17),
        r"\d+ samples are no more than the 8 units: a line tells any labels apart there",
    ),
    "a signal that never varies": (ns.r2("$", of=ns.cell), r"char\('\$'\) never holds at the steps that count"),
}


@pytest.mark.parametrize("case", UNDECIDABLE)
def test_too_little_to_fit_to(case):
    measure, message = UNDECIDABLE[case]
    with pytest.raises(Undecidable, match=message):
        estimate(measure, View(SUBJECT, [{}]))
