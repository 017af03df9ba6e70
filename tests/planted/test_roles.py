"""Roles: each tracks its signal."""

import numpy as np
import pytest
from planting import KINDS, PLAIN, ROLES, ROTATED, Traced, every, indices, planted_and_run, r

from neuronspec.testing import example_texts, planted_detector


def auroc(signal, scores):
    high, low = scores[signal == 1], scores[signal == 0]
    return np.sign(high[:, None] - low).mean() / 2 + 0.5


@every(PLAIN)
def test_a_planted_unit_tracks_its_signal(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    assert len(planted.units) == 1 + words.get("duplicated", False)
    for unit in planted.units:
        scores = unit.sign * run.units[:, unit.index]
        assert unit.sign == words.get("sign", 1)
        assert r(run.signal, scores) > 0.99
        assert not run.is_condition or auroc(run.signal, scores) > 0.99


@every({"alone": {}, "all": PLAIN["all"], "rotated": ROTATED["decoys"]})
def test_other_units_know_nothing_of_it(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    accounted = [*indices(planted), *planted.supports, *planted.decoys, *planted.others]
    assert sorted(accounted) == list(range(words.get("units", 16)))
    for index in planted.others:
        assert abs(r(run.signal, run.units[:, index])) < 0.7
        assert not run.is_condition or abs(auroc(run.signal, run.units[:, index]) - 0.5) < 0.25


@every({"decoys": {"decoys": 3}})
def test_decoys_resemble_the_unit_and_stay_behind_it(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    tracked = r(run.signal, run.units[:, planted.unit.index])
    assert all(0.4 < r(run.signal, run.units[:, index]) < tracked for index in planted.decoys)


@every({"alone": {}, "duplicated": {"duplicated": True}, "rotated": {"rotated": True}})
def test_the_read_out_says_what_the_unit_holds(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    if "1" in planted.vocabulary:
        assert run.said == "".join("1" if holds else "0" for holds in run.signal)
    if role == "tally":
        assert run.said == "".join("b" if count else "$" for count in run.signal)
    if role == "predictor":
        assert Traced(planted, ["acbacbacb"]).said == "00" + "acbacba"


@pytest.mark.parametrize("kind", KINDS)
def test_a_detector_may_have_several_characters(kind):
    run = Traced(planted_detector(kind, "bf"))
    assert run.said == "".join("1" if holds else "0" for holds in run.signal)


@pytest.mark.parametrize("role", ROLES)
def test_the_signal_varies_in_every_text(role):
    planted = ROLES[role]("rnn")
    for text in example_texts(planted, 20):
        assert np.ptp(Traced(planted, [text]).signal) > 0
