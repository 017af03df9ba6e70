"""What is planted is there, does what it is said to do, and is all that matters."""

import pytest
import torch
from planting import ROLES, ROTATED, every

from neuronspec.engine.runs.tracing import Network, check_parity
from neuronspec.errors import NeuronspecError
from neuronspec.networks.models import tokens_of
from neuronspec.testing import (
    planted_copy,
    planted_counter,
    planted_detector,
    planted_latch,
    planted_predictor,
    planted_tally,
    planted_trigger,
)


@every({"alone": {}, **ROTATED, "noise": {"noise": 0.1}}, ["latch", "tally"])
def test_the_engine_takes_them(role, kind, words):
    planted = ROLES[role](kind, **words)
    check_parity(Network("planted", 0, planted.vocabulary, planted.model.requires_grad_(False)))


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
