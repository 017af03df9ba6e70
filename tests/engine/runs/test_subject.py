"""One network under examination: its runs, and what is shared by all who ask."""

import dataclasses

import numpy as np
import torch
from planted import STRINGS, network, subject

import neuronspec as ns
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.networks.tasks import Example

UNIT = ns.cell[2]
LANES = [{UNIT: UnitSet(0, "cell", (index,), (1,), (1,) * 6)} for index in (2, 0)]
AT = ns.first("X") + 2


def test_labels_hold_as_far_as_the_network_agrees():
    right = dataclasses.replace(STRINGS[1], labels={"x": [1, 1, 0, 0, 0]})
    wrong = Example("aaXba", prompt=3, labels={"x": [1, 1, 0, 0, 1]})
    said = subject((right, wrong)).completed().sequences.examples
    assert said[0].labels["x"] == [1, 1, 0, 0, 0]
    assert said[1].text == "aaXbb"
    np.testing.assert_equal(said[1].labels["x"], [1, 1, 0, 0, np.nan])


def test_weights_and_random_state_are_left_alone():
    net = network()
    before = {name: p.clone() for name, p in net.model.named_parameters()}
    state = torch.get_rng_state()
    examined = Subject(net, STRINGS, STRINGS, subject().places)
    examined.edited_completions(ns.zero(UNIT, at="X"), LANES)
    list(examined.edited(ns.zero(UNIT, at="X"), LANES)[0])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], p) for name, p in net.model.named_parameters())
    assert not net.model._forward_hooks
    assert torch.is_grad_enabled()


def test_sampled_runs_share_their_random_numbers():
    warm = subject()
    warm.temperature = 200.0
    (same, also), _ = warm.edited_completions(ns.add(UNIT, 0.0, at="X"), LANES)
    assert [r.came for r in same] == [r.came for r in also] == [r.came for r in warm.completions()]
    assert [r.came for r in warm.completions()] != [r.came for r in subject().completions()]
    (moved, _), _ = warm.edited_completions(ns.add(UNIT, 0.5, at=ns.first("X") + 3), LANES)
    for before, after in zip(warm.completions(), moved, strict=True):
        assert after.came[:3] == before.came[:3]


def test_lanes_that_do_not_fit_into_memory_run_in_groups(monkeypatch):
    under, place = ns.delay(UNIT, 1, at=AT), (0, "cell")
    together = [run.values[place] for run in subject().edited(under, LANES, [place])[0]]
    monkeypatch.setattr("neuronspec.engine.runs.subject.LARGEST", 1)
    for run, other in zip(subject().edited(under, LANES, [place])[0], together, strict=True):
        np.testing.assert_allclose(run.values[place], other, atol=1e-6)


def test_its_first_sequences_share_what_was_run(monkeypatch):
    whole = subject()
    ran, texts = whole.clean("verification"), whole.completed_texts
    few = whole.first(3)
    monkeypatch.setattr(Subject, "_read", None)  # nothing is run again
    for place, values in few.clean("verification").values.items():
        np.testing.assert_array_equal(values, ran.values[place][: values.shape[0], :3])
    assert few.completed_texts == texts[:3]
    assert whole.first(len(STRINGS)) is whole


def test_splits_that_are_the_same_are_run_once():
    examined = subject()
    assert examined.clean("discovery") is examined.clean("verification")
    assert examined.clean("verification") is examined.clean("verification")
