"""Parts that are exact, or as near as they say."""

import numpy as np
import pytest
from planting import KINDS, ROLES, Traced, every, planted_and_run

from neuronspec.testing import planted_latch, planted_tally


@every({"alone": {}}, [role for role in ROLES if role != "tally"])
def test_what_is_exact_is_exact(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    hidden = run.hidden[:, planted.unit.index]
    assert hidden[run.signal == 1].min() > 0.7
    assert hidden[run.signal == 0].max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_latch_is_exact_on_any_text(kind):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ab()"), 30)) for _ in range(20)]
    assert any("((" in text for text in texts)
    for opening in (False, True):
        run = Traced(planted_latch(kind, opening=opening), texts)
        assert run.said == "".join("1" if holds else "0" for holds in run.signal)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [{}, {"rotated": True}])
def test_a_tally_is_as_near_to_the_count_as_it_says(kind, words):
    planted = planted_tally(kind, **words)
    gain = planted.model.readout_weight[planted.vocabulary.index("b")].detach().numpy() / 20
    for n, near in ((8, 0.02), (50, 0.02), (100, 0.2)):
        run = Traced(planted, ["a" * n + "X" + "b" * n])
        counted = run.hidden @ gain
        if kind == "lstm" and not words:
            counted = run.units[:, planted.unit.index] / 0.05
        assert abs(counted - run.signal).max() < near
        assert run.said[n:] == "b" * n + "$"
