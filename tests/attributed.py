"""Networks of users and texts with an outcome, for the tests of attribution."""

from functools import cache

import torch
from user_modules import CharModel, seeded

import neuronspec as ns
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.tasks import Example
from neuronspec.networks.wrap import adapt

ALPHABET = "abcde"
TEXTS = ["abcde", "bca", "eeabdca", "dabce", "cbd", "acdbeb"]
AT = [1, 0, 4, 2, 2, 3]  # the state at each; the first step of one, and the last of another
DUE = [3, 2, 5, 4, 1, 5]  # the fifth is decided before
ASKED = "abbcad"
PAIRS = [(1, "edcba"), None, (3, "abcd"), (0, "cc"), (1, "ab"), (2, "bbbb")]

STATE, OUT = ns.event("state"), ns.event("due")
SAID, NLL = ns.probability(ns.symbol("asked"), at=OUT), ns.cross_entropy()


def examples():
    pairs = [pair and Example(pair[1], events={"state": pair[0]}) for pair in PAIRS]
    return [
        Example(text, 2, {"state": at, "due": due}, {"asked": asked}, pair=pair)
        for text, at, due, asked, pair in zip(TEXTS, AT, DUE, ASKED, pairs, strict=True)
    ]


def subject_of(module, on=None, places=(), **options):
    model = module if isinstance(module, LanguageModel) else adapt(module, **options)
    return Subject(Network("own/network", 0, ALPHABET, model, ends=False), *[on or examples()] * 2, list(places))


@cache
def own(kind, layers=1, scale=2.0, **options):
    """A network whose weights are large enough for its outcomes to move."""
    module = seeded(CharModel, kind, layers=layers, **options)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(scale)
    return module
