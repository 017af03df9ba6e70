"""What is planted is there, does what it is said to do, and is all that matters."""

from functools import cache

import numpy as np
import pytest
import torch

from neuronspec.engine.runs.tracing import Network, check_parity
from neuronspec.engine.sequences import Sequences, values
from neuronspec.errors import NeuronspecError
from neuronspec.networks.models import tokens_of
from neuronspec.networks.tasks import Example
from neuronspec.testing import (
    example_texts,
    planted_copy,
    planted_counter,
    planted_detector,
    planted_latch,
    planted_predictor,
    planted_tally,
    planted_trigger,
)

KINDS = ("rnn", "lstm", "gru")
ROLES = {
    "detector": planted_detector,
    "latch": planted_latch,
    "latch itself": lambda kind, **variant: planted_latch(kind, opening=True, **variant),
    "tally": planted_tally,
    "copy": planted_copy,
    "trigger": planted_trigger,
    "predictor": planted_predictor,
}
PLAIN = {
    "alone": {},
    "turned": {"sign": -1},
    "decoys": {"decoys": 3},
    "duplicated": {"duplicated": True},
    "noise": {"noise": 0.05},
    "all": {"units": 24, "sign": -1, "decoys": 2, "duplicated": True, "noise": 0.05},
}
ROTATED = {"rotated": {"rotated": True}, "decoys": {"rotated": True, "decoys": 2, "units": 24}}
LINEAR = [role for role in ROLES if role != "trigger"]


def every(variants, roles=ROLES):
    return pytest.mark.parametrize(
        ("role", "kind", "words"),
        [
            pytest.param(role, kind, words, id=f"{role}-{kind}-{name}")
            for role in roles
            for kind in KINDS
            for name, words in variants.items()
            if role in LINEAR or "rotated" not in words
        ],
    )


@cache
def planting(role, kind, words):
    """What is planted, and what it does on texts; shared by tests, which take turns to look at it."""
    planted = ROLES[role](kind, **dict(words))
    return planted, Traced(planted)


def planted_and_run(role, kind, words):
    return planting(role, kind, tuple(words.items()))


class Traced:
    """What a planted network does on texts, step after step; ``zeroed`` units are 0 at hidden and cell."""

    def __init__(self, planted, texts=None, zeroed=()):
        texts = texts or example_texts(planted, 25, seed=1)

        def edit(layer, site, step, value):
            if site in ("hidden", "cell"):
                value = value.clone()
                value[:, list(zeroed)] = 0
            return value

        places = [(0, "hidden"), (0, planted.unit.site.name)]
        with torch.no_grad():
            tokens = tokens_of(texts, planted.vocabulary)
            logits, _, recorded = planted.model(tokens, record=places, edit=edit if zeroed else None)
        signal = values(planted.signal, Sequences([Example(text) for text in texts]))
        there = np.isfinite(signal)
        self.signal, self.logits = signal[there], logits.numpy()[there]
        self.hidden, self.units = (recorded[place].numpy()[there].astype(float) for place in places)
        self.said = "".join(planted.vocabulary[token] for token in self.logits.argmax(-1))

    @property
    def is_condition(self):
        return set(self.signal) == {0, 1}


def r(a, b):
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 else 0.0


def auroc(signal, scores):
    high, low = scores[signal == 1], scores[signal == 0]
    return np.sign(high[:, None] - low).mean() / 2 + 0.5


def fitted(signal, units):
    """The best linear read-out of some units."""
    units = np.column_stack([units / units.std(0), np.ones(len(units))])
    return units @ np.linalg.lstsq(units, signal, rcond=None)[0]


def indices(planted):
    return [unit.index for unit in planted.units]


def share_changed(one, other):
    return np.mean([a != b for a, b in zip(one.said, other.said, strict=True)])


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


@every({"decoys": {"decoys": 3}, "duplicated": {"duplicated": True}})
def test_nothing_but_the_role_matters(role, kind, words):
    planted, clean = planted_and_run(role, kind, words)
    without_the_rest = Traced(planted, zeroed=[*planted.decoys, *planted.others])
    assert np.array_equal(clean.logits, without_the_rest.logits)
    assert share_changed(clean, Traced(planted, zeroed=indices(planted))) > 0.05


@every({"decoys": {"decoys": 3}})
def test_decoys_resemble_the_unit_and_stay_behind_it(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    tracked = r(run.signal, run.units[:, planted.unit.index])
    assert all(0.4 < r(run.signal, run.units[:, index]) < tracked for index in planted.decoys)


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


@every({"alone": {}, "duplicated": {"duplicated": True}, "rotated": {"rotated": True}})
def test_the_read_out_says_what_the_unit_holds(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    if "1" in planted.vocabulary:
        assert run.said == "".join("1" if holds else "0" for holds in run.signal)
    if role == "tally":
        assert run.said == "".join("b" if count else "$" for count in run.signal)
    if role == "predictor":
        assert Traced(planted, ["acbacbacb"]).said == "00" + "acbacba"


@every({"alone": {}}, [role for role in ROLES if role != "tally"])
def test_what_is_exact_is_exact(role, kind, words):
    planted, run = planted_and_run(role, kind, words)
    hidden = run.hidden[:, planted.unit.index]
    assert hidden[run.signal == 1].min() > 0.7
    assert hidden[run.signal == 0].max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_detector_may_have_several_characters(kind):
    run = Traced(planted_detector(kind, "bf"))
    assert run.said == "".join("1" if holds else "0" for holds in run.signal)


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


@every({"alone": {}, **ROTATED, "noise": {"noise": 0.1}}, ["latch", "tally"])
def test_the_engine_takes_them(role, kind, words):
    planted = ROLES[role](kind, **words)
    check_parity(Network("planted", 0, planted.vocabulary, planted.model.requires_grad_(False)))


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


@pytest.mark.parametrize("role", ROLES)
def test_the_signal_varies_in_every_text(role):
    planted = ROLES[role]("rnn")
    for text in example_texts(planted, 20):
        assert np.ptp(Traced(planted, [text]).signal) > 0


def test_noise_is_seen_in_the_unit():
    def tracked(noise):
        planted = planted_detector("gru", noise=noise)
        run = Traced(planted)
        return r(run.signal, run.units[:, planted.unit.index])

    found = [tracked(noise) for noise in (0, 0.2, 0.5, 1)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.9999
    assert found[-1] < 0.9


def test_the_counter_is_as_it_was():
    model = planted_counter(units=6, at=2)
    with torch.no_grad():
        logits, _, recorded = model(tokens_of(["aaXbb"], "aXb$"), record=[(0, "cell")])
    assert recorded[0, "cell"][:, 0, 2].numpy() == pytest.approx([0.05, 0.1, 0.1, 0.05, 0], abs=1e-6)
    assert logits[2:, 0].argmax(-1).tolist() == [2, 2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: planted_detector("grue"), "kind='grue': unknown; did you mean 'gru'?"),
        (lambda: planted_detector("gru", decoy=1), "decoy=1: unknown; did you mean 'decoys'?"),
        (lambda: planted_detector("gru", "z"), "marks 'z': expected symbols of alphabet='abcdefgh', each once"),
        (lambda: planted_detector("gru", ""), "one_of(symbols=''): expected a string that is not empty"),
        (lambda: planted_detector("gru", "abcdefg"), "alphabet='abcdefgh': expected two symbols more than 'abcdefg'"),
        (
            lambda: planted_detector("gru", alphabet="abc1"),
            "alphabet='abc1': expected symbols, each once, none of '01$'",
        ),
        (lambda: planted_latch("gru", "("), "marks='(': expected an opening and a closing one"),
        (lambda: planted_tally("rnn", up="ab"), "up='ab': expected one symbol"),
        (lambda: planted_copy("rnn", lag=0), "lag=0: expected a whole number of at least 1"),
        (
            lambda: planted_copy("rnn", lag=20),
            "units=16: expected at least 23, to leave two that do nothing",
        ),
        (lambda: planted_predictor("rnn", "z"), "letter='z': expected one of letters='abc'"),
        (lambda: planted_predictor("rnn", period=1), "period=1: expected a whole number of at least 2"),
        (
            lambda: planted_trigger("rnn", rotated=True),
            "rotated=True: a trigger at the first '|' is not linear, and only what is linear is rotated",
        ),
        (
            lambda: planted_tally("rnn", rotated=True, duplicated=True),
            "rotated=True: the role has no unit of its own to be duplicated or turned round",
        ),
        (lambda: planted_tally("rnn", sign=0), "sign=0: expected 1 or -1"),
        (lambda: planted_tally("rnn", decoys=-1), "decoys=-1: expected a whole number of units"),
        (lambda: planted_tally("rnn", noise=float("nan")), "noise=nan: expected a finite number of at least 0"),
        (lambda: planted_tally("rnn", noise="much"), "noise='much': expected a finite number of at least 0"),
        (lambda: planted_tally("rnn", seed=-1), "seed=-1: expected a whole number of at least 0, below 2**40"),
    ],
)
def test_what_cannot_be_planted(call, message):
    with pytest.raises(NeuronspecError) as error:
        call()
    assert str(error.value) == message
