"""Units that carry nothing."""

from planting import Traced, r

from neuronspec.testing import planted_detector


def test_noise_is_seen_in_the_unit():
    def tracked(noise):
        planted = planted_detector("gru", noise=noise)
        run = Traced(planted)
        return r(run.signal, run.units[:, planted.unit.index])

    found = [tracked(noise) for noise in (0, 0.2, 0.5, 1)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.9999
    assert found[-1] < 0.9
