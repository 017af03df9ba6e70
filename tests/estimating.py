"""Estimates of a number, or of a yes or no, in every sequence of each lane."""

import numpy as np

from neuronspec.engine.measures.estimates import per_sequence


def yes_no(*lanes):
    values = np.array(lanes, dtype=float)
    return per_sequence(values, np.ones(values.shape[1], dtype=bool), yes_no=True)


def numbers(*lanes):
    values = np.array(lanes, dtype=float)
    return per_sequence(values, np.ones(values.shape[1], dtype=bool))
