"""Candidates of every family."""

import pytest
from calibrated import rng

from neuronspec.calibration.candidates import FAMILIES, planted_role
from neuronspec.calibration.populations import SHUFFLED, THEMES, populate


@pytest.mark.parametrize("role", THEMES)
def test_every_role_has_candidates_of_every_family(role):
    population = next(p for n in range(100) if (p := populate(n, rng(n), 20)).role == role)
    for name, family in FAMILIES.items():
        assert {candidate.family for candidate in family(population, rng())} == {name}
    assert planted_role(population, rng())
    for example in population.pool:
        assert len(example.labels[SHUFFLED]) == len(example.text)
