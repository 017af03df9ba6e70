"""Picks by what a machine needs, by what the read-out is given, and by what an outcome owes to a unit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import STRINGS, TALLY, network, random_subject, subject
from sklearn.feature_selection import RFE
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.picks.attribution import attribute
from neuronspec.engine.picks.picks import contributions, found, number_to_keep
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import units
from neuronspec.errors import NetworkError, SpecError, Undecidable
from neuronspec.language.signals import Shuffled

SUBJECT = random_subject()
SUBJECT = replace(
    SUBJECT,
    discovery=tuple(
        replace(e, labels={"not held out": [(n + t) % 2 for t in range(len(e.text))]} if n % 4 else {})
        for n, e in enumerate(SUBJECT.discovery)
    ),
)
X = ns.char("X")
SAID = ns.probability(ns.symbol("letter"), at=ns.event("asked"))
AT = ns.event("asked") - 1


def picked(base, examined=SUBJECT):
    return found(base, examined)[base]


@pytest.mark.parametrize(
    ("keep", "size", "number"), [(1, 128, 1), (128, 128, 128), (0.35, 128, 45), (0.5, 3, 2), (0.001, 128, 1)]
)
def test_how_many_are_kept(keep, size, number):
    assert number_to_keep(keep, size) == number


@pytest.mark.parametrize("keep", [2, 0.5, 7])
def test_svm_rfe_keeps_scikit_learns_units(keep):
    run = SUBJECT.clean("discovery")
    rows = [(t, b) for t in range(run.sequences.time) for b, e in enumerate(run.sequences.examples) if t < len(e.text)]
    x = np.array([run.values[0, "cell"][t, b] for t, b in rows], dtype=float)
    y = np.array([run.sequences.examples[b].text[t] == "X" for t, b in rows])
    theirs = RFE(LinearSVC(dual=False, tol=1e-8), n_features_to_select=number_to_keep(keep, 8))
    theirs.fit(StandardScaler().fit_transform(x), y)
    assert picked(ns.cell.svm_rfe(X, keep=keep)).indices == tuple(np.nonzero(theirs.support_)[0])


def test_the_fewest_units_that_read_the_labels():
    base = ns.cell.svm_rfe(X, accuracy=0.95)
    chosen = picked(base)
    assert 0 < len(chosen.indices) < 8
    assert estimate(ns.probe(X, of=ns.cell[0]), View(SUBJECT, [{ns.cell[0]: chosen}])).values[0] > 0.9
    order = [unit for unit, _, _ in SUBJECT.rankings[base].scored]
    assert set(order[: len(chosen.indices)]) == set(chosen.indices)
    curve = SUBJECT.rankings[base].as_json()["curve"]
    assert len(chosen.indices) == min(n for n in range(1, 9) if min(curve[n - 1 :]) >= 0.95)
    assert picked(ns.cell.svm_rfe(X, accuracy=0.5)).indices
    with pytest.raises(Undecidable, match=r"accuracy of 0.\d+ at best"):
        picked(ns.cell.svm_rfe(ns.symbol("letter"), accuracy=1.0))


def test_contribution_is_value_times_read_out_weight():
    weight = SUBJECT.network.model.readout_weight.numpy()
    run = SUBJECT.clean("discovery")
    examples = run.sequences.examples
    expected = np.array(
        [
            run.values[0, "hidden"][e.events["asked"] - 1, b] * weight["abX$".index(e.symbols["letter"])]
            for b, e in enumerate(examples)
        ]
    )
    score = ns.contribution(ns.symbol("letter"), at=ns.event("asked"))
    assert contributions(score, ns.hidden, SUBJECT)[0] == pytest.approx(expected, abs=1e-6)
    chosen = picked(ns.hidden.top(score, keep=0.25))
    for letter in "ab":
        of_letter = expected[[e.symbols["letter"] == letter for e in examples]].mean(0)
        assert chosen.sets[letter,].indices == tuple(np.argsort(-of_letter)[:2])


def test_integrated_gradients_rank_the_units_that_were_given():
    among = ns.hidden[1] | ns.hidden[3] | ns.hidden[6]
    base = among.integrated_gradients(SAID, at=AT, keep=2, baseline="zero")
    score = attribute(SUBJECT, SAID, AT, (0, "hidden"), "zero").ranking
    chosen = picked(base)
    assert chosen.indices == tuple(sorted((1, 3, 6), key=lambda i: -score[i])[:2])
    assert SUBJECT.rankings[base].as_json()["completeness"] <= 1e-3


def test_a_pick_upon_a_pick():
    base = ns.hidden.svm_rfe(X, keep=0.5).integrated_gradients(SAID, at=AT, keep=0.25)
    first = picked(ns.hidden.svm_rfe(X, keep=0.5))
    assert set(picked(base).indices) < set(first.indices)


def test_the_planted_counter_is_what_stopping_rests_on():
    counting = subject(STRINGS)
    said = ns.cell.integrated_gradients(ns.probability("b", at=ns.first("X") + 1), at="X", keep=1, baseline="zero")
    assert picked(said, counting).indices == (2,)
    assert picked(ns.cell.svm_rfe(TALLY >= 3, keep=1), counting).indices == (2,)


def by_letter(examples, letter):
    return [n for n, e in enumerate(examples) if e.symbols["letter"] == letter]


@pytest.mark.parametrize("keep", [3, 0.5])
def test_svm_rfe_of_a_symbol_tells_each_value_from_all_others(keep):
    """Scikit-learn's sets, on three of four sequences; with the accuracy on the fourth."""
    examined = random_subject(seed=1)
    examples = [replace(e, symbols={"letter": "abX"[n % 3]}) for n, e in enumerate(examined.discovery)]
    examined = replace(examined, discovery=tuple(examples))
    base = ns.cell.svm_rfe(ns.symbol("letter"), keep=keep)
    chosen = picked(base, examined)
    run = examined.clean("discovery")
    split = {"fit": [], "judge": []}
    for n, e in enumerate(examples):
        for t in range(len(e.text)):
            split["judge" if n % 4 == 0 else "fit"].append((run.values[0, "cell"][t, n], e.symbols["letter"]))
    scaler = StandardScaler().fit(np.array([x for x, _ in split["fit"]], dtype=float))
    (x, told), (judged, due) = (
        (scaler.transform(np.array([x for x, _ in split[part]], dtype=float)), np.array([y for _, y in split[part]]))
        for part in ("fit", "judge")
    )
    assert chosen.symbols == ("letter",)
    rankings = examined.rankings[base].as_json()
    assert rankings["symbol"] == "letter"
    for value in "abX":
        elimination = RFE(LinearSVC(dual=False, tol=1e-8), n_features_to_select=number_to_keep(keep, 8))
        theirs = elimination.fit(x, told == value)
        assert chosen.sets[value,].indices == tuple(np.nonzero(theirs.support_)[0])
        accuracy = theirs.score(judged, due == value)
        assert rankings["values"][value]["curve"][number_to_keep(keep, 8) - 1] == pytest.approx(accuracy, abs=0.01)


def test_shuffled_labels_of_a_symbol_are_of_each_value_too():
    shuffled = ns.cell.svm_rfe(Shuffled(ns.symbol("letter")), keep=3)
    chosen = picked(shuffled)
    whose = Shuffled(ns.symbol("letter")).permutation(len(SUBJECT.discovery))
    letters = [SUBJECT.discovery[n].symbols["letter"] for n in whose]
    moved = replace(
        SUBJECT,
        discovery=tuple(replace(e, symbols={"letter": x}) for e, x in zip(SUBJECT.discovery, letters, strict=True)),
        picks={},
        rankings={},
    )
    assert chosen == picked(ns.cell.svm_rfe(ns.symbol("letter"), keep=3), moved)


def test_the_fewest_units_of_each_value():
    examined = random_subject(seed=1)
    base = ns.cell.svm_rfe(ns.symbol("letter"), accuracy=0.4)
    chosen, told = picked(base, examined), None
    told = examined.rankings[base].as_json()["values"]
    for (value,), one in chosen.sets.items():
        curve = told[value]["curve"]
        assert len(one.indices) == min(n for n in range(1, 9) if min(curve[n - 1 :]) >= 0.4)


def test_integrated_gradients_among_units_of_each_value():
    among = ns.hidden.svm_rfe(ns.symbol("letter"), keep=4)
    base = among.integrated_gradients(SAID, at=AT, keep=2, baseline="zero")
    candidates, chosen = picked(among), picked(base)
    attributed = attribute(SUBJECT, SAID, AT, (0, "hidden"), "zero")
    examples = [e for e, used in zip(SUBJECT.discovery, attributed.used, strict=True) if used]
    for value in "ab":
        score = attributed.scores[by_letter(examples, value)].mean(0)
        expected = sorted(candidates.sets[value,].indices, key=lambda i: -score[i])[:2]
        assert list(chosen.sets[value,].indices) == expected
        best = SUBJECT.rankings[base].as_json()["values"][value]["best"]
        assert [b["index"] for b in best][:2] == expected
        assert best[0]["score"] == pytest.approx(score[expected[0]])


def test_integrated_gradients_among_units_of_two_symbols():
    both = replace(
        SUBJECT,
        discovery=tuple(
            replace(e, symbols={**e.symbols, "other": "ab"[n % 2]}) for n, e in enumerate(SUBJECT.discovery)
        ),
        picks={},
        rankings={},
    )
    among = ns.hidden.svm_rfe(ns.symbol("letter"), keep=4) | ns.hidden.svm_rfe(ns.symbol("other"), keep=4)
    with pytest.raises(NetworkError) as error:
        picked(among.integrated_gradients(SAID, at=AT, keep=2, baseline="zero"), both)
    assert str(error.value).endswith("the candidates are for the values of 2 symbols, letter and other: expected one")


def test_integrated_gradients_where_no_value_has_an_outcome():
    """The sequences that have the moment are of another value than those that have units."""
    among = ns.hidden.svm_rfe(ns.symbol("letter"), keep=4)
    examples = [
        replace(e, events={}) if n % 3 else replace(e, symbols={"asked": "a"}) for n, e in enumerate(SUBJECT.discovery)
    ]
    apart = replace(SUBJECT, discovery=tuple(examples), picks={}, rankings={})
    base = among.integrated_gradients(ns.probability("a", at=ns.event("asked")), at=AT, keep=2, baseline="zero")
    with pytest.raises(Undecidable, match="no sequence that it is about has units of its own"):
        picked(base, apart)


BAD = {
    "keep of none": (lambda: ns.cell.svm_rfe(X, keep=0), "svm_rfe(keep=0): expected a share between 0 and 1"),
    "keep of one and a half": (lambda: ns.cell.svm_rfe(X, keep=1.5), "svm_rfe(keep=1.5): expected a share between"),
    "neither keep nor accuracy": (lambda: ns.cell.svm_rfe(X), "cell.svm_rfe(char('X')): expected keep= or accuracy="),
    "both": (lambda: ns.cell.svm_rfe(X, keep=2, accuracy=0.9), "expected keep= or accuracy=, one of them"),
    "top of another score": (
        lambda: ns.cell.top(ns.correlation(X), keep=2),
        "top(correlation(char('X'))): expected contribution(...); by other scores pick with best or all",
    ),
    "a baseline that is none": (
        lambda: ns.cell.integrated_gradients(SAID, at=AT, keep=2, baseline="zeros"),
        "integrated_gradients(baseline='zeros'): expected one of zero, mean, pair, contrast, past; "
        "did you mean 'zero'?",
    ),
    "the peak of several": (lambda: ns.peak(ns.cell), "peak(cell): expected one unit; pick one with .best(...)"),
    "a pick out of units one by one": (
        lambda: ns.each(ns.cell).integrated_gradients(SAID, at=AT, keep=1),
        "each(...) takes a set apart for a measure; put it outside: each(cell)",
    ),
    "what is generated has no gradient": (
        lambda: ns.cell.integrated_gradients(ns.exact_match(), at=AT, keep=1),
        "integrated_gradients(exact_match()): expected plain probability, cross_entropy, perplexity",
    ),
    "a contrast to no token": (
        lambda: ns.cell.integrated_gradients(ns.cross_entropy(), at=AT, keep=1, baseline="contrast"),
        "it asks for no token to contrast with; name another baseline: zero, mean, pair",
    ),
    "a contribution to a number": (
        lambda: ns.contribution(ns.position(), at=AT),
        "contribution(position(), at=",
    ),
    "what two sites share": (
        lambda: ns.overlap(ns.cell[0], ns.hidden[0]),
        "overlap(cell[0], hidden[0]): units of two sites, cell and hidden; put them on one with .on(site) first",
    ),
    "a detector of a number, as a rival": (
        lambda: (ns.auroc(X, of=ns.cell[0]) >= 0.9).against(ns.position()),
        "auroc(position()): a detector tells yes from no; compare the number, e.g. position() >= 1",
    ),
    "more than all falls": (
        lambda: ns.necessary(ns.cell[0], SAID, falls=1.5),
        "necessary(falls=1.5): expected a share, above 0 and up to 1",
    ),
    "an edit that moves no step": (
        lambda: ns.share(ns.first("X"), on="X", under=ns.zero(ns.cell[0])),
        "no edit moves first(char('X')); of a peak(unit) it would",
    ),
    "a rival that is the signal": (
        lambda: (ns.correlation(X, of=ns.cell[0]) >= 0.9).against(X),
        "against(char('X')): a rival is another signal, not the true one",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_where_it_is_written(case):
    write, message = BAD[case]
    with pytest.raises(SpecError) as error:
        write()
    assert message in str(error.value)


def test_the_read_out_reads_hidden():
    score = ns.contribution("a", at=ns.event("asked"))
    with pytest.raises(NetworkError, match="the read-out reads hidden of layer 0, not cell"):
        picked(ns.cell.top(score, keep=2))


UNDECIDABLE = {
    "nothing to judge by": (
        ns.cell.svm_rfe(ns.label("not held out"), keep=2),
        r"svm_rfe\(label\('not held out'\), keep=2\): no label in the sequences held out, every 4th",
    ),
    "one class": (
        ns.cell.svm_rfe("$", keep=2),
        r"cell.svm_rfe\(char\('\$'\), keep=2\): every sample is of class '0': there is nothing to tell apart",
    ),
    "fewer samples than units": (
        ns.cell.svm_rfe(ns.symbol("letter"), where=ns.position() >= 17, keep=2),
        r"\d samples are no more than the 8 units: a line tells any labels apart there",
    ),
    "a moment that never comes": (
        ns.hidden.top(ns.contribution("a", at="$"), keep=1),
        "is in no sequence of the discovery split, or at its first step",
    ),
}


@pytest.mark.parametrize("case", UNDECIDABLE)
def test_too_little_to_pick_by(case):
    base, message = UNDECIDABLE[case]
    with pytest.raises(Undecidable, match=message):
        picked(base)


def test_constant_units_are_undecidable():
    examined = random_subject(seed=3)
    examined.clean("discovery").values[0, "cell"][:] = 0.25
    with pytest.raises(Undecidable, match=r"all units are constant \(8 units, \d+ samples\)"):
        picked(ns.cell.svm_rfe(X, keep=2), examined)


def test_values_that_are_not_finite_are_undecidable():
    examined = random_subject(seed=3)
    examined.clean("discovery").values[0, "cell"][0, 1, 0] = np.nan
    with pytest.raises(Undecidable, match=r"1 of \d+ values are not finite"):
        picked(ns.cell.svm_rfe(X, keep=2), examined)


def test_picking_leaves_no_gradients():
    model = network().model
    examined = Subject(network(), STRINGS, STRINGS, {(0, "hidden")})
    picked(ns.hidden.top(ns.contribution("b", at=ns.first("X") + 1), keep=1), examined)
    assert all(p.grad is None for p in model.parameters())
    assert not torch.is_inference_mode_enabled()
    assert units(ns.hidden, {}, examined.sizes).indices == tuple(range(6))
