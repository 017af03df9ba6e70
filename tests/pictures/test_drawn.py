"""Which pictures a claim has, and what is too little to draw."""

import pytest
from drawing import EACH, FEW, SAID, SUBJECT, edited

import neuronspec as ns
from neuronspec.errors import ProjectError, Undecidable
from neuronspec.pictures.drawn import check_kind, drawn

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
