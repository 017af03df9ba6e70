"""Measures of the networks of a recipe together."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.claims import refuted

CLAIM = ns.auroc("X", of=ns.hidden[3]) >= 0.95


def test_the_share_of_networks_that_support_a_claim():
    assert (ns.share_of_seeds(CLAIM) >= 0.4).measure.claim == CLAIM


def test_the_share_is_of_a_plain_claim():
    with pytest.raises(SpecError, match="state the claim plainly"):
        ns.share_of_seeds(refuted(CLAIM))
