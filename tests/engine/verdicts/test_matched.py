"""Random units that an edit moves as far as the claimed ones."""

import numpy as np
import pytest
from planted import random_subject

import neuronspec as ns
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.engine.verdicts.matched import DRAWS, NEAR, lanes_of_matched_displacement
from neuronspec.errors import Undecidable

SUBJECT = random_subject()
UNIT = ns.cell[0]
EXPECTED = ns.cross_entropy()


def lane(*indices, unit=UNIT):
    return {unit: UnitSet(0, "cell", indices, (1,) * len(indices), (1,) * 8)}


def matched(under, own):
    return lanes_of_matched_displacement(ns.change(EXPECTED, under=under), own, SUBJECT, np.random.default_rng(0))


def squares(step_of, new):
    """How far each unit is moved at one step of each sequence, squared: the mean over those that have it."""
    run = SUBJECT.clean("verification")
    at = [(b, step_of(e.text)) for b, e in enumerate(run.sequences.examples)]
    old = [(run.values[0, "cell"][:, b], t) for b, t in at if t >= 0]
    return np.mean([(new(values, t) - values[t]) ** 2 for values, t in old if new(values, t) is not None], 0)


EDITS = {
    "zero": (ns.zero(UNIT, at="X"), squares(lambda text: text.find("X"), lambda values, t: np.zeros(8))),
    "delay": (
        ns.delay(UNIT, 1, at="X"),
        squares(lambda text: text.find("X"), lambda values, t: values[t - 1] if t >= 1 else None),
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_other_units_are_moved_as_far(case):
    under, moved = EDITS[case]
    middle = np.argsort(moved)[3:5].tolist()
    lanes = matched(under, lane(*middle))
    assert len(lanes) == DRAWS
    for drawn in lanes:
        (chosen,) = drawn.values()
        assert not {*chosen.indices} & {*middle}
        assert moved[list(chosen.indices)].sum() == pytest.approx(moved[middle].sum(), rel=NEAR)


def test_no_units_are_left_to_move_matched_displacement():
    with pytest.raises(Undecidable, match="too few other units move the state about as far"):
        matched(ns.zero(UNIT, at="X"), lane(*range(7)))


@pytest.mark.parametrize(
    ("under", "own"),
    [
        (ns.zero(UNIT, at="X") + ns.zero(ns.cell[1], at="X"), lane(0) | lane(1, unit=ns.cell[1])),
        (ns.keep_only(UNIT, at="X"), lane(0)),
    ],
)
def test_it_stands_in_for_one_pick_alone(under, own):
    with pytest.raises(Undecidable, match="stands in for one pick, and the edit must be of that alone"):
        matched(under, own)


def test_an_edit_whose_extent_only_the_run_decides():
    with pytest.raises(Undecidable, match="nothing says beforehand how far it moves units"):
        matched(ns.zero(UNIT), lane(0))
