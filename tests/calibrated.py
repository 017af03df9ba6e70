"""A small calibration and one of its populations, made once for all tests of them."""

from functools import cache

import numpy as np

from neuronspec.calibration import run
from neuronspec.calibration.populations import populate

TEXTS = 100


def rng(seed=0):
    return np.random.default_rng(seed)


@cache
def calibration():
    return list(run.calibrate(8, seed=3, jobs=1, texts=TEXTS))


@cache
def one_population():
    return populate(0, rng(7), TEXTS)
