"""A planted network as a whole."""

import numpy as np
import torch
from planting import PLAIN, ROLES, Traced, every, indices, planted_and_run, share_changed

from neuronspec.testing import example_texts


@every({"decoys": {"decoys": 3}, "duplicated": {"duplicated": True}})
def test_nothing_but_the_role_matters(role, kind, words):
    planted, clean = planted_and_run(role, kind, words)
    without_the_rest = Traced(planted, zeroed=[*planted.decoys, *planted.others])
    assert np.array_equal(clean.logits, without_the_rest.logits)
    assert share_changed(clean, Traced(planted, zeroed=indices(planted))) > 0.05


def weights(planted):
    return [p.detach().clone() for p in planted.model.parameters()]


@every({"all": PLAIN["all"], "rotated": {"rotated": True, "noise": 0.1}})
def test_the_seed_decides(role, kind, words):
    before = torch.get_rng_state()
    first, again, other = (ROLES[role](kind, seed=seed, **words) for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(map(torch.equal, weights(first), weights(again)))
    assert not all(map(torch.equal, weights(first), weights(other)))
    assert first.units == again.units
    assert example_texts(first, 5, seed=1) == example_texts(again, 5, seed=1) != example_texts(first, 5, seed=2)
