"""What is true of a planted network."""

from dataclasses import replace

import numpy as np
import pytest
from calibrated import TEXTS, one_population, rng

import neuronspec as ns
from neuronspec.calibration.candidates import Candidate, planted_role
from neuronspec.calibration.truth import truths, verdicts
from neuronspec.engine.measures.evaluate import View, estimate
from neuronspec.engine.runs.tracing import trace
from neuronspec.engine.sequences import Sequences, values
from neuronspec.networks.models import tokens_of


@pytest.fixture
def population():
    return one_population()


def test_what_is_true_of_the_pool_is_what_numpy_says(population):
    signal, unit = population.planted.signal, population.planted.unit
    (truth,) = truths(population, [Candidate("planted role", ns.correlation(signal, of=unit))])
    texts = [example.text for example in population.pool]
    place = (0, unit.site.name)
    run = trace(population.network, tokens_of(texts, population.network.vocabulary), [place])
    seen = values(signal, Sequences(population.pool))
    there = np.isfinite(seen)
    r = np.corrcoef(seen[there], unit.sign * run.values[place].numpy()[there][:, unit.index])[0, 1]
    assert truth.value == pytest.approx(r, abs=1e-5)
    assert set(truth.stand_ins) == {"random units", "untrained twin"}


def test_a_true_claim_is_supported_and_a_false_one_is_not(population):
    theme, unit = population.theme, population.planted.unit
    role = Candidate("planted role", ns.correlation(population.planted.signal, of=unit))
    rival = Candidate("rival signals", ns.correlation(theme.rival, of=unit), (population.planted.signal,))
    sample = population.draw(200, rng()), population.draw(200, rng(1))
    said = {}
    for truth in truths(population, [role, rival]):
        claims = [truth.claim(truth.beyond(distance, 200)) for distance in (-6, 6)]
        claims.append(truth.claim(truth.met_by_all(6, 200)))
        said[truth.candidate.family] = [outcome.verdict for outcome in verdicts(population, claims, *sample)]
    assert said["planted role"] == ["supported", "refuted", "unspecific"]
    assert said["rival signals"] == ["unspecific", "refuted", "unspecific"]


def test_bounds_lie_where_they_are_said_to(population):
    (truth,) = truths(population, [planted_role(population, rng())[0]])
    for side in (1, -1):
        stand_ins, errors = {"a": side * 0.2, "b": side * 0.3}, {"a": 9.0, "b": 0.5}
        turned = replace(truth, value=side * 0.5, stand_ins=stand_ins, error=1.0, errors=errors)
        assert turned.side == side
        assert turned.se(100) == pytest.approx(0.1)
        assert turned.best == "b"
        assert turned.lead(100) == pytest.approx(2)
        assert turned.beyond(1, 100) == pytest.approx(side * 0.6)
        assert turned.met_by_all(2, 100) == pytest.approx(side * 0.1)
        assert turned.claim(side * 0.4).met_by(side * 0.5)
        assert not turned.claim(side * 0.4).met_by(side * 0.3)


def test_a_standard_error_is_that_of_samples(population):
    unit = population.planted.unit
    (truth,) = truths(population, [Candidate("planted role", ns.correlation(population.planted.signal, of=unit))])
    view = View(population.subject(), [population.lane(unit.index)])
    whole = estimate(truth.candidate.measure, view)
    found = [whole.finish(whole.sums[0, rng(n).integers(TEXTS, size=50)].sum(0)) for n in range(500)]
    assert np.std(found) == pytest.approx(truth.se(50), rel=0.25)
