"""Roles, planted in all variants, and what the networks do on texts."""

from functools import cache

import numpy as np
import pytest
import torch

from neuronspec.engine.sequences import Sequences, values
from neuronspec.networks.models import tokens_of
from neuronspec.networks.tasks import Example
from neuronspec.testing import (
    example_texts,
    planted_copy,
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


def indices(planted):
    return [unit.index for unit in planted.units]


def share_changed(one, other):
    return np.mean([a != b for a, b in zip(one.said, other.said, strict=True)])
