"""Recursive feature elimination against scikit-learn's, and many problems at once, on one thread."""

import numpy as np
import pytest
import torch
from sklearn.feature_selection import RFE
from sklearn.svm import LinearSVC

from neuronspec.engine.numerics.linear_svm import eliminate
from neuronspec.networks.threads import one_thread


def problems(number, samples, units):
    """Units that share eight directions, and labels that a fifth of them nearly decides."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(number, samples, units))
    x += 0.5 * rng.normal(size=(number, samples, 8)) @ rng.normal(size=(number, 8, units))
    scores = (x @ (rng.normal(size=(number, units, 1)) * (rng.random((number, units, 1)) < 0.2)))[..., 0]
    noise = 0.5 * scores.std(1, keepdims=True) * rng.normal(size=scores.shape)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return torch.tensor(x), torch.tensor(np.where(scores + noise > 0, 1.0, -1.0))[:, None]


def newton(x, y):
    return eliminate(x, y).order[0].tolist()


def scikit_learn(x, y):
    rfe = RFE(LinearSVC(dual=False, tol=1e-6), n_features_to_select=1).fit(x[0].numpy(), y[0, 0].numpy())
    return np.argsort(-rfe.ranking_).tolist()


@pytest.mark.benchmark
@pytest.mark.parametrize(("samples", "units"), [(2000, 128), (5000, 256)])
@pytest.mark.parametrize("how", [newton, scikit_learn], ids=lambda how: how.__name__)
def test_elimination(benchmark, samples, units, how):
    """Down to one unit; the sets of every size are the same."""
    benchmark.group = f"pick: SVM-RFE, {samples} x {units}"
    x, y = problems(1, samples, units)
    once = how is scikit_learn
    with one_thread():
        found = benchmark.pedantic(how, (x, y), rounds=1 if once else 5, warmup_rounds=0 if once else 1)
        assert once or found == scikit_learn(x, y)


def as_one_batch(x, y):
    return list(eliminate(x, y).order)


def in_turn(x, y):
    return [eliminate(x[i : i + 1], y[i : i + 1]).order[0] for i in range(len(x))]


@pytest.mark.benchmark(group="pick: SVM-RFE of 50 problems, 1000 x 128")
@pytest.mark.parametrize("how", [as_one_batch, in_turn], ids=lambda how: how.__name__)
def test_many_problems(benchmark, how):
    x, y = problems(50, 1000, 128)
    with one_thread():
        found = benchmark.pedantic(how, (x, y), rounds=3, warmup_rounds=1)
        assert torch.equal(torch.stack(found), torch.stack(as_one_batch(x, y)))
