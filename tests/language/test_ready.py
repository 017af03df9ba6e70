"""Ready-made claims say what can be written out in full."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError

UNITS = ns.cell[0] | ns.cell[1]
SAID = ns.probability("b", at="X")
ZERO, ALONE = ns.zero(UNITS, at="X"), ns.keep_only(UNITS, at="X")


def test_they_are_written_out():
    assert ns.necessary(UNITS, SAID, at="X") == (ns.change(SAID, under=ZERO) <= -0.5)
    assert ns.sufficient(UNITS, SAID, at="X", keeps=0.75) == (ns.change(SAID, under=ALONE) >= -0.25)
    assert ns.specific(UNITS, SAID, at="X") == ns.side_effect(ns.change(SAID, under=ZERO).between(-0.05, 0.05))
    without = ns.keep_only(UNITS - ns.each(UNITS), at="X")
    gap = ns.change(SAID, under=without) - ns.change(SAID, under=ALONE)
    assert ns.minimal(UNITS, SAID, at="X") == (gap <= -0.1)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, True, "half"])
def test_a_share_lies_above_0_and_up_to_1(share):
    with pytest.raises(SpecError, match=r"necessary\(falls=.*: expected a share, above 0 and up to 1"):
        ns.necessary(UNITS, SAID, falls=share)
    assert ns.necessary(UNITS, SAID, falls=1).high == -1
