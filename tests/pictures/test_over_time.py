"""The mean values of units over time, beside loops over sequences and steps."""

import numpy as np
import pytest
from drawing import ASKED, EACH, FEW, SUBJECT, edited
from planted import subject
from sklearn.decomposition import PCA

import neuronspec as ns
from neuronspec.engine.picks.picks import found
from neuronspec.errors import Undecidable
from neuronspec.pictures.drawn import drawn
from neuronspec.pictures.over_time import principal

EXAMPLES = SUBJECT.verification


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
    picture = drawn("paths", edited(FEW), SUBJECT)
    seen, signs, units = values("verification")[0], np.array(naive_signs()), list(found(FEW, SUBJECT)[FEW].indices)
    every = naive_paths(lambda n, t: np.mean(signs[units] * seen[t, n, units]), lambda e: True)
    assert picture.mean == pytest.approx(every, abs=1e-6, nan_ok=True)
    for place, unit in enumerate(units):
        one = naive_paths(lambda n, t, unit=unit: signs[unit] * seen[t, n, unit], lambda e: True)
        assert picture.single[..., place] == pytest.approx(one, abs=1e-6, nan_ok=True)
    asked = [e.events["asked"] for e in EXAMPLES]
    assert (picture.moment, picture.at) == (ASKED, sorted(set(asked)))
    assert picture.sequences == [asked.count(at) for at in picture.at]
    assert (picture.number, picture.single_of, picture.turned, picture.bridged) == (3, "unit", True, False)


def test_units_picked_for_each_value_have_a_line_for_each_value():
    picture = drawn("paths", edited(EACH), SUBJECT)
    seen, signs, chosen = values("verification")[0], np.array(naive_signs()), found(EACH, SUBJECT)[EACH]
    for place, (letter,) in enumerate(chosen.sets):
        units = list(chosen.sets[letter,].indices)
        one = naive_paths(
            lambda n, t, units=units: np.mean(signs[units] * seen[t, n, units]),
            lambda e, letter=letter: e.symbols["letter"] == letter,
        )
        assert picture.single[..., place] == pytest.approx(one, abs=1e-6, nan_ok=True)
    assert picture.single_of == "value of letter"


def test_without_a_moment_there_is_one_line_and_a_pick_by_a_score_keeps_its_sign():
    counter = ns.cell.best(ns.correlation(ns.count_of("a") - ns.count_of("b")))
    picture = drawn("paths", ns.mean(of=counter) >= 0, subject())
    assert (picture.mean.shape[0], picture.at, picture.sequences, picture.turned, picture.moment) == (
        1,
        [0],
        [10],
        False,
        None,
    )
    assert np.nanmax(picture.mean) > 0


def test_a_first_step_tells_lines_apart_where_there_is_no_event():
    picture = drawn("paths", ns.exact_match(under=ns.zero(ns.cell[2], at=ns.first("X") + 1)) >= 0, subject())
    assert (picture.moment, picture.at) == (ns.first("X"), list(range(1, 11)))
    assert not picture.turned


def test_trajectories_are_on_the_components_that_scikit_learn_finds():
    picture = drawn("pca", edited(EACH), SUBJECT)
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
    assert picture.values == ["a", "b"]
    assert (picture.number, picture.until) == (len(units), ASKED)
    assert picture.share == pytest.approx(theirs.explained_variance_ratio_, abs=1e-6)
    points = picture.points.reshape(-1, 2)
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
