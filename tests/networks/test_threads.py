"""What is judged is computed on one thread, and everybody's pools are as they were."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from neuronspec.engine.measures.estimates import Estimate
from neuronspec.networks.threads import one_thread


def pools():
    return torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]


@pytest.fixture(params=[1, 2])
def threads(request, with_threads):
    with_threads(request.param)
    return request.param


def test_every_pool_has_one_thread(threads):
    with one_thread():
        torch_has, others = pools()
        assert torch_has == 1
        assert set(others) == {1}


def test_pools_are_put_back_after_an_error_and_from_within(threads):
    before = pools()
    assert before[0] == threads
    with pytest.raises(ZeroDivisionError), one_thread(), one_thread():
        raise ZeroDivisionError
    assert pools() == before


def test_a_bootstrap_is_the_same_to_the_last_bit_whatever_the_pools(threads):
    """So large that two threads would round otherwise on any processor."""
    rng = np.random.default_rng(0)
    estimate = Estimate(rng.standard_normal((2, 1000, 2)))
    weights = rng.multinomial(1000, [1e-3] * 1000, size=2000).astype(float)
    with one_thread():
        ours = estimate.at(weights)
    with threadpool_limits(1):
        assert np.array_equal(ours, estimate.at(weights))
