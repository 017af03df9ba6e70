"""Roles that are shared by units."""

import numpy as np
from planting import ROTATED, Traced, every, indices, planted_and_run, r, share_changed


def fitted(signal, units):
    """The best linear read-out of some units."""
    units = np.column_stack([units / units.std(0), np.ones(len(units))])
    return units @ np.linalg.lstsq(units, signal, rcond=None)[0]


@every({"duplicated": {"duplicated": True}})
def test_one_of_two_duplicates_is_enough(role, kind, words):
    planted, clean = planted_and_run(role, kind, words)
    for index in indices(planted):
        one = Traced(planted, zeroed=[index])
        assert one.said == clean.said
        assert not np.array_equal(one.logits, clean.logits)


@every(ROTATED)
def test_a_rotated_role_is_in_no_unit_alone(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    units = run.units[:, indices(planted)]
    assert max(abs(r(run.signal, unit)) for unit in units.T) < 0.95
    assert r(run.signal, fitted(run.signal, units)) > 0.999
    assert np.array_equal(run.logits, Traced(planted, zeroed=[*planted.decoys, *planted.others]).logits)
    assert share_changed(run, Traced(planted, zeroed=indices(planted))) > 0.05
    for index in planted.decoys:
        assert 0.3 < r(run.signal, run.units[:, index]) < 0.99
