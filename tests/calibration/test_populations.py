"""Planted networks and their texts."""

import numpy as np
import pytest
from calibrated import one_population

from neuronspec.calibration.populations import SHUFFLED
from neuronspec.engine.sequences import Sequences, values


@pytest.fixture
def population():
    return one_population()


def test_labels_are_those_of_other_texts(population):
    seen = values(population.planted.signal, Sequences(population.pool)).T
    own = [list(row[np.isfinite(row)]) for row in seen]
    labels = [list(example.labels[SHUFFLED]) for example in population.pool]
    assert np.mean([label == row for label, row in zip(labels, own, strict=True)]) < 0.2
