"""How often intervals hold what they are of."""

import math

import numpy as np
from calibrated import rng

from neuronspec.calibration import coverage, report
from neuronspec.engine.measures.estimates import Estimate


def test_intervals_of_a_mean_hold_it_about_as_often_as_they_should():
    drawn = rng().normal(size=(1, 2000, 1))
    whole = Estimate(np.concatenate([drawn, np.ones_like(drawn)], -1))
    covers = [coverage._covers(whole, 100, rng(n)) for n in range(300)]
    assert 0.9 < np.mean(covers) < 0.98


def test_a_sample_without_an_interval_holds_nothing():
    whole = Estimate(np.full((1, 50, 2), math.nan))
    assert coverage._covers(whole, 10, rng()) is None
    trials = [coverage.Trial(0, "mean", 10, covers) for covers in (True, False, None)]
    assert report.covered(trials) == report.rate(1, 2) | {"without": 1}
