"""Pictures of a claim: what is on them, and the files."""

import warnings

import matplotlib
import numpy as np
import pytest

import neuronspec as ns
from neuronspec.errors import ProjectError
from neuronspec.pictures.by_measure import BySize, Heat
from neuronspec.pictures.figures import SUFFIXES, _range, figure, write
from neuronspec.pictures.over_time import Paths, Trajectories

NAN = np.nan
DUE, WORD = ns.event("due"), ns.symbol("word")
CLAIM = ns.shift(ns.emits(WORD, at=DUE), under=ns.zero(ns.hidden[0], at=DUE)) <= -0.5
MEANS = np.array([[0.0, 0.5, 1.0, NAN], [-1.0, 0.0, 0.5, 1.0]])
DRAWN = {
    "paths": Paths(ns.hidden, DUE, [2, 3], [5, 4], True, MEANS, np.stack([MEANS, -MEANS], -1), "unit", 2, True),
    "one path": Paths(ns.hidden, None, [0], [9], False, MEANS[:1], MEANS[:1, :, None], "unit", 1, False),
    "pca": Trajectories(ns.hidden, WORD, DUE, ["$a_1$", "b"], np.stack([MEANS, -MEANS], -1), np.array([0.6, 0.3]), 5),
    "sizes": BySize([1, 2, 4], np.array([0, -0.5, -0.9]), np.array([[-0.1, 0, 0.1], [-0.2, 0, 0], [NAN] * 3]), 2, 9),
    "heat": Heat(WORD, DUE, ["a", "中"], [2, 3], np.array([[0, 0.5], [NAN, 1]]), np.zeros((2, 2)), (0.5, 0.0)),
    "heat alone": Heat(WORD, DUE, ["a"], [2], np.array([[-0.001]]), None, (-0.001, NAN)),
}
MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF"}


def written(axes):
    return [text.get_text() for text in axes.texts]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_numbers_give_the_same_file(kind, suffix, tmp_path):
    files = [tmp_path / f"{n}{suffix}" for n in range(2)]
    for file in files:
        with warnings.catch_warnings(), matplotlib.rc_context({"axes.facecolor": "red"}):
            warnings.simplefilter("error")
            write(DRAWN[kind], CLAIM, file, ["a sentence: x_1 costs $5 中", "task/net seed 0"])
    one, other = (file.read_bytes() for file in files)
    assert one.startswith(MAGIC[suffix])
    assert one == other


def test_a_path_for_each_step_and_a_ring_one_before_it():
    (axes,) = figure(DRAWN["paths"], CLAIM, ["s"]).axes
    assert legend(axes)[:2] == ["2  (n = 5)", "3  (n = 4)"]
    rings = [line.get_xydata().tolist() for line in axes.lines if line.get_markersize() == 8]
    assert rings == [[[1, 0.5]], [[2, 0.5]]]
    assert "each turned so that it rises up to event('due')" in axes.get_ylabel()
    assert axes.get_xlabel() == "step (0: what the encoder hands over)"
    (axes,) = figure(DRAWN["one path"], CLAIM, ["s"]).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "mean value of 1 units")
    assert legend(axes) == ["all sequences (n = 9)", "thin: each unit"]


def test_a_way_for_each_value_with_its_first_and_last_step():
    (axes,) = figure(DRAWN["pca"], CLAIM, ["s"]).axes
    assert legend(axes)[:2] == ["$a_1$", "b"]
    assert written(axes) == ["0", "2", "0", "3"]
    assert axes.get_xlabel() == "first principal component (60 % of the variance; 5 units)"


def test_the_bound_and_the_band():
    (axes,) = figure(DRAWN["sizes"], CLAIM, ["s"]).axes
    assert "bound <= -0.5" in legend(axes)
    assert "kept in the claim: 2" in legend(axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("units kept, of 9", "shift of emits")


def test_the_numbers_stand_in_the_cells():
    ours, random, _bar = figure(DRAWN["heat"], CLAIM, ["s"]).axes
    assert written(ours) == ["0.00", "0.50", "–", "1.00"]
    assert (ours.get_title(), random.get_title()) == ("the claim's units: 0.50", "random units (mean): 0.00")
    assert [label.get_text() for label in ours.get_yticklabels()] == ["a", "□"]
    alone, _ = figure(DRAWN["heat alone"], CLAIM, ["s"]).axes
    assert written(alone) == ["0.00"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 0.9], (0, 0.9, "Blues")),
        ([-0.2, -0.9, NAN], (-0.9, 0, "Blues_r")),
        ([-0.2, 0.9], (-0.9, 0.9, "RdBu_r")),
        ([NAN], (0, 1, "Blues")),
        ([0.0], (0, 1, "Blues")),
    ],
)
def test_colours_begin_at_zero(values, expected):
    assert _range(np.array(values)) == expected


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(ProjectError, match=r"x.gif: expected a file that ends in .png, .svg or .pdf$"):
        write(DRAWN["heat"], CLAIM, tmp_path / "x.gif", ["s"])
    assert not list(tmp_path.iterdir())
