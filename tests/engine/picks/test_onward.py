"""A run that goes on from a state: as far as the outcome needs, and no further."""

import numpy as np
import pytest
import torch
from attributed import ALPHABET, NLL, OUT, SAID, STATE, TEXTS, examples, own, subject_of
from torch import nn
from user_modules import CharModel, Echo, seeded

import neuronspec as ns
from neuronspec.engine.numerics.integrated_gradients import integrated_gradients
from neuronspec.engine.picks.attribution import attribute, attribute_all
from neuronspec.errors import NetworkError, SpecError
from neuronspec.networks.models import tokens_of
from neuronspec.networks.tasks import Example


def test_no_more_steps_are_run_than_the_outcome_needs():
    module = own("lstm")
    steps = []
    handle = module.fc.register_forward_hook(lambda m, args, out: steps.append(out.shape[0]))
    subject = subject_of(module)
    subject.clean("discovery")
    steps.clear()
    attribute(subject, ns.probability("a", at=STATE + 1), STATE, (0, "cell"), "zero")
    handle.remove()
    assert set(steps) == {1}


def test_perplexity_is_attributed_as_cross_entropy():
    subject = subject_of(own("lstm"))
    found, same = attribute_all(subject, [ns.perplexity(), NLL], STATE, (0, "cell"), "zero")
    assert found.outcome == same.outcome == NLL
    np.testing.assert_array_equal(found.scores, same.scores)


def test_an_outcome_that_the_state_does_not_reach_scores_zero():
    """The hidden state of an echo is its input: no later step sees it."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.fc = Echo(5), nn.Linear(5, 5)

    subject = subject_of(seeded(Model), recurrent="cell", read_out="fc", symbols=5)
    later = attribute(subject, ns.probability("a", at=STATE + 2), STATE, (0, "hidden"), "zero")
    assert (later.scores == 0).all()
    assert (attribute(subject, SAID, STATE, (0, "hidden"), "zero").scores != 0).any()


def test_tensors_have_no_tokens_to_expect():
    subject = subject_of(own("lstm"))
    subject.inputs = tokens_of(TEXTS, ALPHABET)
    with pytest.raises(SpecError, match=r"^own/network reads tensors, and outcomes are about tokens$"):
        attribute(subject, SAID, STATE, (0, "cell"))


def test_values_that_are_not_finite():
    with pytest.raises(NetworkError, match=r"^the values or the baseline are infinite or NaN$"):
        integrated_gradients(lambda v, which: v.sum(-1)[None], torch.tensor([[torch.nan]]), torch.zeros(1, 1))


class Pole(nn.Linear):
    """Infinite where the hidden state is zero."""

    def forward(self, x):
        return super().forward(x) + x[..., :1].abs().log()


def test_an_outcome_that_is_not_finite_names_network_and_place():
    module = seeded(CharModel, "lstm")
    module.fc = seeded(Pole, 4, 5)
    subject = subject_of(module, embedding="embed", read_out="fc")
    assert np.isfinite(attribute(subject, SAID, OUT - 1, (0, "hidden"), "mean").scores).all()
    with pytest.raises(NetworkError) as caught:
        attribute(subject, SAID, OUT - 1, (0, "hidden"), "zero")
    assert str(caught.value) == (
        "own/network seed 0: hidden of layer 0:"
        " the outcome or its gradient is infinite or NaN on the path from the baseline"
    )


def test_padding_is_not_read():
    """A sequence alone equals the same beside a longer one."""
    module = own("lstm")
    long = Example("abcde" * 4, 2, {"state": 0, "due": 18}, {"asked": "a"})
    beside = attribute(subject_of(module, [*examples(), long]), NLL, STATE, (0, "cell"), "zero", nodes=5)
    alone = attribute(subject_of(module), NLL, STATE, (0, "cell"), "zero", nodes=5)
    np.testing.assert_allclose(beside.scores[:-1], alone.scores, atol=1e-6)
