"""Specs: how seeds and claims may be given."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError

CLAIMS = {"it is exact": ns.exact_match() >= 0.9}


@pytest.mark.parametrize(
    ("seeds", "read"), [(3, (0, 1, 2)), (range(1000, 1003), (1000, 1001, 1002)), ([7], (7,)), ((2, 1), (2, 1))]
)
def test_seeds_are_how_many_or_which(seeds, read):
    assert ns.Spec("toy/gru", claims=CLAIMS, seeds=seeds).seeds == read


@pytest.mark.parametrize("seeds", [0, -1, True, "3", (), (1, 1), (-1,), (0.5,)])
def test_seeds_that_are_none(seeds):
    with pytest.raises(SpecError, match=r"Spec\(seeds="):
        ns.Spec("toy/gru", claims=CLAIMS, seeds=seeds)


def test_claims_keep_their_order():
    claims = {sentence: ns.exact_match() >= 0.9 for sentence in ("z", "a", "m")}
    spec = ns.Spec("toy/gru", claims=claims, reported={"a": "94 %"})
    assert spec.claims == tuple(claims.items())
    assert spec.reported == (("a", "94 %"),)


def test_a_measure_of_units_says_of_which():
    with pytest.raises(SpecError, match=r"claims\['it'\]: correlation\(.*of which units\? add of="):
        ns.Spec("toy/gru", claims={"it": ns.correlation("a") >= 0.5})
