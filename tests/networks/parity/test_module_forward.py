"""What the module itself answers, in any form, is compared with what our steps give."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from user_modules import CharModel, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.parity import check, sample
from neuronspec.networks.wrap import adapt

FORWARD = "module's own forward"


def checked(adapted, **options):
    return check(adapted, *sample(adapted), **options)


ANSWERS = {
    "as it is": lambda logits: logits,
    "batch first": lambda logits: logits.transpose(0, 1),
    "flat": lambda logits: logits.flatten(0, 1),
    "flat, batch first": lambda logits: logits.transpose(0, 1).flatten(0, 1),
    "the last step": lambda logits: logits[-1],
    "log-probabilities": lambda logits: logits.log_softmax(-1),
    "probabilities": lambda logits: logits.softmax(-1),
    "first of several": lambda logits: (logits, (logits * 2, None)),
    "after the number of tokens": lambda logits: [torch.tensor(3), None, logits],
    "by name": lambda logits: {"loss": logits.mean(), "logits": logits},
    "as an attribute": lambda logits: SimpleNamespace(loss=0, logits=logits),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_any_form_is_compared(answer):
    module = seeded(CharModel)
    assert checked(adapt(module), forward=lambda tokens: ANSWERS[answer](module(tokens)))[FORWARD] <= 1e-5
    with pytest.raises(NetworkError, match="the module's own forward gives other logits"):
        checked(adapt(module), forward=lambda tokens: ANSWERS[answer](module(tokens).flip(-1)))


@pytest.mark.parametrize("answer", [None, 3, (), torch.zeros(2, 2), torch.zeros(8, 4, 5).long(), {"loss": 1.0}])
def test_an_answer_that_is_nothing_like_logits_is_not_compared(answer):
    assert math.isnan(checked(adapt(seeded(CharModel)), forward=lambda tokens: answer)[FORWARD])


def test_a_forward_that_wants_more_than_inputs_is_not_compared():
    class Steps(CharModel):
        def forward(self, token, scale):
            return super().forward(token) * scale  # None, which stands for a missing state, is no number

    assert math.isnan(checked(adapt(seeded(Steps)))[FORWARD])


def test_without_a_read_out_the_hidden_states_are_compared():
    assert checked(adapt(seeded(nn.LSTM, 3, 4, batch_first=True)))[FORWARD] <= 1e-5
    module = nn.Sequential(seeded(nn.LSTM, 3, 4))
    with pytest.raises(NetworkError) as error:
        checked(adapt(module), forward=lambda inputs: module(inputs)[0] + 0.5)
    assert str(error.value) == (
        "Sequential: the module's own forward gives other hidden states (by 0.5, first at step 0) than "
        "embedding → recurrent: something between them is left out; name the parts, e.g. "
        "wrap(module, read_out=lambda hidden: ...)"
    )


class Shifted(CharModel):
    """A network with a layer between its recurrent part and its read-out."""

    def __init__(self):
        super().__init__(dropout=0.5)
        self.norm, self.shift = nn.LayerNorm(4), nn.Parameter(torch.zeros(8, 1, 1))
        with torch.no_grad():
            self.fc.weight.zero_()
            self.shift[3:] = 0.25

    def forward(self, tokens):
        return self.fc(self.norm(self.rnn(self.embed(tokens))[0])) + self.shift


def test_a_part_that_is_left_out_is_named():
    module = seeded(Shifted)
    with pytest.raises(NetworkError) as error:
        checked(adapt(module))
    assert str(error.value) == (
        "Shifted: the module's own forward gives other logits (by 0.25, first at step 3) than "
        "embedding → recurrent → read-out: something between them is left out (norm: LayerNorm); name the parts, e.g. "
        "wrap(module, read_out=lambda hidden: ...)"
    )
    module.shift.data.zero_()
    assert checked(adapt(module, read_out=lambda hidden: module.fc(module.norm(hidden))))[FORWARD] <= 1e-5


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_module_of_another_layout_than_its_recurrent_part_says_so(batch_first):
    class Turned(CharModel):
        def forward(self, tokens):
            return super().forward(tokens.T).transpose(0, 1)

    module = seeded(Turned, batch_first=not batch_first)
    with pytest.raises(NetworkError) as error:
        checked(adapt(module))
    axes = ("batch time", "time batch") if batch_first else ("time batch", "batch time")
    assert str(error.value) == (
        f"Turned: the module's own forward reads [{axes[0]}], and not [{axes[1]}]: "
        f"wrap(module, batch_first={batch_first})"
    )
    assert checked(adapt(module, batch_first=batch_first))[FORWARD] <= 1e-5
