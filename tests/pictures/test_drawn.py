"""The numbers behind pictures of a claim, beside loops over sequences and steps."""

from dataclasses import replace

import numpy as np
import pytest
from planted import random_subject, subject
from sklearn.decomposition import PCA

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.picks.picks import found
from neuronspec.engine.verdicts.controls import stand_ins
from neuronspec.errors import ProjectError, Undecidable
from neuronspec.language.expression import rewritten
from neuronspec.language.picks import SvmRfe
from neuronspec.pictures.drawn import BySize, check_kind, drawn, moment_of, principal, symbol_of, units_of

SUBJECT = random_subject(sequences=60)
EXAMPLES = SUBJECT.verification
ASKED, LETTER = ns.event("asked"), ns.symbol("letter")
SAID = ns.probability(LETTER, at=ASKED)
FEW = ns.cell.svm_rfe("X", keep=3)
EACH = ns.cell.svm_rfe(LETTER, keep=2)


def edited(units):
    return ns.shift(SAID, under=ns.zero(units, at=ASKED - 1)) <= 0


def values(split):
    run = SUBJECT.clean(split)
    return run.values[0, "cell"].astype(float), run.sequences.examples


def mean_of(rows):
    return np.mean(rows, 0) if len(rows) else np.nan


def naive_paths(of, of_example):
    """What ``of`` says of each example and step, as a mean for each step of the event."""
    lines = []
    for at in sorted({e.events["asked"] for e in EXAMPLES}):
        line = []
        group = [(n, e) for n, e in enumerate(EXAMPLES) if e.events["asked"] == at]
        for step in range(max(len(e.text) for e in EXAMPLES)):
            there = [n for n, e in group if step < len(e.text)]
            told = [of(n, step) for n in there if of_example(EXAMPLES[n])]
            line.append(mean_of(told) if 2 * len(there) >= len(group) else np.nan)
        lines.append(line)
    return np.array(lines, dtype=float)


def naive_signs():
    seen, examples = values("discovery")
    steps = [(t, n) for n, e in enumerate(examples) for t in range(min(len(e.text), e.events["asked"]))]
    times = [t for t, _ in steps]
    return [np.sign(np.corrcoef([seen[t, n, unit] for t, n in steps], times)[0, 1]) for unit in range(8)]


def test_paths_are_means_over_the_sequences_of_each_step_of_the_event():
    said = drawn("paths", edited(FEW), SUBJECT)
    seen, signs, units = values("verification")[0], np.array(naive_signs()), list(found(FEW, SUBJECT)[FEW].indices)
    every = naive_paths(lambda n, t: np.mean(signs[units] * seen[t, n, units]), lambda e: True)
    assert said.mean == pytest.approx(every, abs=1e-6, nan_ok=True)
    for place, unit in enumerate(units):
        one = naive_paths(lambda n, t, unit=unit: signs[unit] * seen[t, n, unit], lambda e: True)
        assert said.single[..., place] == pytest.approx(one, abs=1e-6, nan_ok=True)
    asked = [e.events["asked"] for e in EXAMPLES]
    assert (said.moment, said.at) == (ASKED, sorted(set(asked)))
    assert said.sequences == [asked.count(at) for at in said.at]
    assert (said.number, said.each, said.turned, said.bridged) == (3, "unit", True, False)


def test_units_picked_for_each_value_have_a_line_for_each_value():
    said = drawn("paths", edited(EACH), SUBJECT)
    seen, signs, chosen = values("verification")[0], np.array(naive_signs()), found(EACH, SUBJECT)[EACH]
    for place, (letter,) in enumerate(chosen.sets):
        units = list(chosen.sets[letter,].indices)
        one = naive_paths(
            lambda n, t, units=units: np.mean(signs[units] * seen[t, n, units]),
            lambda e, letter=letter: e.symbols["letter"] == letter,
        )
        assert said.single[..., place] == pytest.approx(one, abs=1e-6, nan_ok=True)
    assert said.each == "value of letter"


def test_without_a_moment_there_is_one_line_and_a_pick_by_a_score_keeps_its_sign():
    counter = ns.cell.best(ns.correlation(ns.count_of("a") - ns.count_of("b")))
    said = drawn("paths", ns.mean(of=counter) >= 0, subject())
    assert (said.mean.shape[0], said.at, said.sequences, said.turned, said.moment) == (1, [0], [10], False, None)
    assert np.nanmax(said.mean) > 0


def test_a_first_step_tells_lines_apart_where_there_is_no_event():
    said = drawn("paths", ns.exact_match(under=ns.zero(ns.cell[2], at=ns.first("X") + 1)) >= 0, subject())
    assert (said.moment, said.at) == (ns.first("X"), list(range(1, 11)))
    assert not said.turned


def test_trajectories_are_on_the_components_that_scikit_learn_finds():
    said = drawn("pca", edited(EACH), SUBJECT)
    chosen, seen = found(EACH, SUBJECT)[EACH], values("verification")[0]
    units = list(dict.fromkeys(unit for one in chosen.sets.values() for unit in one.indices))
    means = []
    for letter in "ab":
        group = [(n, e) for n, e in enumerate(EXAMPLES) if e.symbols["letter"] == letter]
        for step in range(len(seen)):
            there = [n for n, e in group if step < min(len(e.text), e.events["asked"])]
            means.append(seen[step, there][:, units].mean(0) if 2 * len(there) >= len(group) else [np.nan] * len(units))
    means = np.array(means)
    there = np.isfinite(means).all(1)
    theirs = PCA(2).fit(means[there])
    assert said.values == ["a", "b"]
    assert (said.number, said.until) == (len(units), ASKED)
    assert said.share == pytest.approx(theirs.explained_variance_ratio_, abs=1e-6)
    points = said.points.reshape(-1, 2)
    assert (np.isfinite(points).all(1) == there).all()
    assert np.abs(points[there]) == pytest.approx(np.abs(theirs.transform(means[there])), abs=1e-5)


def test_a_component_points_to_its_largest_weight():
    x = np.array([[0.0, 0], [-1, 0.1], [-2, -0.1], [-4, 0]])
    _, components, share = principal(x, 2)
    assert (components[np.arange(2), np.abs(components).argmax(1)] > 0).all()
    assert share.sum() == pytest.approx(1)
    with pytest.raises(Undecidable, match="one value at all steps"):
        principal(np.ones((3, 2)), 2)
    with pytest.raises(Undecidable, match="1 steps to fit 2"):
        principal(np.ones((1, 2)), 2)


def test_more_and_fewer_units_are_the_claim_with_another_keep():
    claim = edited(FEW)
    said = drawn("sizes", claim, SUBJECT)
    assert isinstance(said, BySize)
    assert (said.sizes, said.stated, said.of) == ([1, 2, 3, 4, 5, 6, 7, 8], 3, 8)
    for number, size in enumerate(said.sizes):
        keeping = rewritten(claim, lambda e, size=size: replace(e, keep=size) if isinstance(e, SvmRfe) else e)
        own = found(keeping.measure, SUBJECT)
        assert said.own[number] == pytest.approx(estimate(keeping.measure, View(SUBJECT, [own])).values[0])
    lanes = stand_ins(claim, found(claim.measure, SUBJECT), SUBJECT)
    random = [estimate(claim.measure, View(SUBJECT, [lane])).values[0] for lane in lanes]
    assert said.random[2] == pytest.approx([min(random), np.mean(random), max(random)])
    assert np.isnan(said.random[4:]).all()  # no set of five can stand in where three others are left
    assert np.isfinite(said.random[:4]).all()


def test_of_integrated_gradients_there_are_as_many_as_there_are_candidates():
    base = ns.cell.svm_rfe("X", keep=5).integrated_gradients(SAID, at=ASKED - 1, keep=2)
    said = drawn("sizes", edited(base), SUBJECT)
    assert (said.sizes, said.stated) == ([1, 2, 3, 4, 5], 2)
    assert len(set(said.own)) > 1


@pytest.mark.parametrize("units", [FEW, EACH, ns.cell[1]])
def test_a_cell_is_the_measure_on_its_sequences_alone(units):
    claim = edited(units)
    said = drawn("heat", claim, SUBJECT)
    own = found(claim.measure, SUBJECT)
    lanes = stand_ins(claim, own, SUBJECT)
    assert said.rows == ["a", "b"]
    assert said.columns == sorted({e.events["asked"] for e in EXAMPLES})
    for row, letter in enumerate(said.rows):
        for column, at in enumerate(said.columns):
            these = [e for e in EXAMPLES if (e.symbols["letter"], e.events["asked"]) == (letter, at)]
            alone = replace(SUBJECT, verification=these)
            if at < 2:  # its edit would be before the first step that has one
                continue
            each = estimate(claim.measure, View(alone, [own, *lanes])).values
            assert said.own[row, column] == pytest.approx(each[0], abs=1e-6)
            assert said.random[row, column] == pytest.approx(each[1:].mean(), abs=1e-6)
    assert said.whole[0] == pytest.approx(estimate(claim.measure, View(SUBJECT, [own])).values[0])


def test_a_cell_without_sequences_is_undefined_and_a_whole_site_has_nothing_beside_it():
    some = [e for e in EXAMPLES if (e.symbols["letter"], e.events["asked"]) != ("a", 2)]
    said = drawn("heat", edited(ns.cell), replace(SUBJECT, verification=some))
    assert np.isnan(said.own[0, said.columns.index(2)])
    assert said.random is None


def test_values_are_in_the_order_in_which_one_counts():
    named = [replace(e, symbols={"letter": f"w{n % 12}"}) for n, e in enumerate(EXAMPLES)]
    said = drawn("heat", ns.probability("X", at=ASKED, among=None) - SAID >= 0, replace(SUBJECT, verification=named))
    assert said.rows == [f"w{n}" for n in range(12)]
    many = [replace(e, symbols={"letter": f"w{n}"}) for n, e in enumerate([*EXAMPLES, EXAMPLES[0]])]
    with pytest.raises(ProjectError, match=r"^61 values of symbol\('letter'\): a picture can tell 60 apart$"):
        drawn("heat", SAID >= 0, replace(SUBJECT, verification=many))


def test_what_a_claim_is_about():
    late = ns.emits(ns.symbol("other"), at=ns.event("late"), under=ns.zero(EACH, at=ns.first("X")))
    assert units_of(late >= 0) == EACH
    assert symbol_of(late >= 0) == LETTER  # by which the units are picked
    assert symbol_of(ns.emits(ns.symbol("other"), at=ASKED) >= 0) == ns.symbol("other")
    assert moment_of(late >= 0) == ns.event("late")
    assert moment_of(ns.exact_match(under=ns.zero(ns.cell, at=ns.start + 1)) >= 0) is None


PROBLEMS = {
    "pcs": (SAID >= 0, "--as pcs: there is no such picture; did you mean 'pca'?"),
    "paths": (SAID >= 0, "--as paths shows what units do, and there are none in probability("),
    "pca": (ns.mean(of=FEW) >= 0, "--as pca tells the values of a symbol apart, and there is no symbol in mean("),
    "heat": (ns.mean(of=EACH) >= 0, "--as heat has a column for each step of a moment, and there is no event,"),
    "sizes": (ns.correlation("X", of=ns.cell[0]) >= 0, "--as sizes shows what an intervention does to more or fewer"),
    "sizes ": (edited(ns.cell[0]), "--as sizes keeps more or fewer units, and none are picked with keep= in shift("),
    "paths ": (
        ns.task_measure("m") >= 0,
        "--as paths shows units or sequences, and there is only a number per network",
    ),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_kind_that_does_not_fit_says_why(kind):
    claim, message = PROBLEMS[kind]
    with pytest.raises(ProjectError) as caught:
        check_kind(kind.strip(), claim)
    assert str(caught.value).startswith(message)


def test_what_is_within_a_word_over_seeds_is_drawn():
    check_kind("sizes", ns.share_of_seeds(edited(FEW)) >= 0.5)


def test_too_little_to_draw():
    with pytest.raises(Undecidable, match="two principal components take two units"):
        drawn("pca", edited(ns.cell[0]), SUBJECT)
    with pytest.raises(Undecidable, match="finds no unit"):
        drawn("heat", edited(ns.cell.all(ns.correlation("X") >= 1)), SUBJECT)
    with pytest.raises(Undecidable, match="there is no unit to draw"):
        drawn("paths", edited(ns.cell.all(ns.correlation("X") >= 1)), SUBJECT)
