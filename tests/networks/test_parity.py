"""The parity gate lets every faithful network pass, and says of any other where it parts from its original."""

import copy
import math
import re
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from user_modules import FUSED, ByHand, CharModel, Echo, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.parity import check, sample
from neuronspec.networks.recipes import KINDS, Recipe
from neuronspec.networks.wrap import Adapted, adapt

STEPPED, BATCHED, PADDED, EDITED, RESUMED, OWN = CHECKS = (
    "stepped = fused", "batched = single", "padded = unpadded", "no-op edit = clean", "resumed = whole",
    "module's own forward",
)  # fmt: skip


def checked(adapted, **options):
    return check(adapted, *sample(adapted), **options)


def said(error):
    return str(error.value)


# Faithful networks.


@given(
    kind=st.sampled_from(sorted(FUSED)),
    layers=st.integers(1, 3),
    both=st.booleans(),
    projected=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    embedding=st.sampled_from([None, 3]),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
@settings(max_examples=40)
def test_any_architecture_is_faithful(kind, layers, both, projected, bias, batch_first, embedding, double, seed):
    options = {"bidirectional": both, "bias": bias, "batch_first": batch_first, "dropout": 0.5}
    options |= {"proj_size": 2} if projected and kind == "lstm" else {}
    module = seeded(CharModel, kind, embedding=embedding, layers=layers, seed=seed, **options)
    adapted = adapt(module.double() if double else module)
    found = check(adapted, *sample(adapted, seed, time=6, batch=3))
    assert tuple(found) == tuple(name for name in CHECKS if adapted.causal or name != RESUMED)
    assert max(found.values()) <= (1e-9 if double else 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_models_are_faithful(kind):
    model = LanguageModel(Recipe(kind, units=6, layers=2, embedding=3), symbols=5).initialise(0)
    found = checked(model)
    assert tuple(found) == CHECKS[0 if kind in FUSED else 1 : 5]
    assert max(found.values()) <= 1e-5


@pytest.mark.parametrize("parts", [["0"], ["1"], ["0", "2"], ["1", "2"]])
def test_cells_and_features_are_faithful(parts):
    cells = [seeded(nn.LSTMCell, 3, 4), seeded(nn.GRU, 3, 4, 2), seeded(nn.GRUCell, 4, 2, bias=False)]
    found = checked(adapt(nn.ModuleList(cells), recurrent=parts))
    assert math.isnan(found.pop(OWN))  # a list of modules has no forward
    assert tuple(found) == CHECKS[:5]
    assert max(found.values()) <= 1e-5


def test_a_cell_written_by_hand_has_no_fused_form():
    found = checked(adapt(seeded(ByHand)))
    assert tuple(found) == CHECKS[1:]
    assert max(found.values()) <= 1e-5


def test_the_fused_form_after_a_cell_written_by_hand_is_checked():
    module = nn.ModuleList([Echo(3), seeded(nn.GRU, 3, 4)])
    adapted = adapt(module, recurrent=["0", "1"])
    assert checked(adapted)[STEPPED] <= 1e-5
    with pytest.raises(
        NetworkError, match=r"stepped and fused runs differ by .*, first at step 0 in hidden of layer 1"
    ):
        checked(adapted, fused=[None, seeded(nn.GRU, 3, 4, seed=1)])


def test_large_values_are_allowed_large_differences():
    module = seeded(CharModel, "relu_rnn", units=9)
    with torch.no_grad():
        module.rnn.weight_ih_l0.mul_(1e6)
    assert max(checked(adapt(module)).values()) > 1e-5


def test_rounding_that_a_network_magnifies_is_let_pass():
    module = seeded(nn.GRU, 3, 200, 2)
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(30)
    found = checked(adapt(module))
    assert max(found.values()) > 1e-5
    wrong = copy.deepcopy(module)
    wrong.weight_hh_l1.data[0, 0] += 0.01
    with pytest.raises(NetworkError, match="stepped and fused runs differ"):
        checked(adapt(module), fused=[wrong])
    in_float32 = adapt(module, embedding=lambda features: features.float())  # no copy in float64 can be run
    with pytest.raises(NetworkError, match="runs differ"):
        check(in_float32, *sample(adapt(module)))


def test_long_sequences_are_compared_to_their_end():
    module = seeded(CharModel, bidirectional=True, layers=2)
    adapted = adapt(module)
    assert check(adapted, *sample(adapted, time=30))[STEPPED] <= 1e-5


# What the module itself answers.

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
    assert checked(adapt(module), own=lambda tokens: ANSWERS[answer](module(tokens)))[OWN] <= 1e-5
    with pytest.raises(NetworkError, match="the module's own forward gives other logits"):
        checked(adapt(module), own=lambda tokens: ANSWERS[answer](module(tokens).flip(-1)))


@pytest.mark.parametrize("answer", [None, 3, (), torch.zeros(2, 2), torch.zeros(8, 4, 5).long(), {"loss": 1.0}])
def test_an_answer_that_is_nothing_like_logits_is_not_compared(answer):
    assert math.isnan(checked(adapt(seeded(CharModel)), own=lambda tokens: answer)[OWN])


def test_a_forward_that_wants_more_than_inputs_is_not_compared():
    class Steps(CharModel):
        def forward(self, token, scale):
            return super().forward(token) * scale  # None, which stands for a missing state, is no number

    assert math.isnan(checked(adapt(seeded(Steps)))[OWN])


def test_without_a_read_out_the_hidden_states_are_compared():
    assert checked(adapt(seeded(nn.LSTM, 3, 4, batch_first=True)))[OWN] <= 1e-5
    module = nn.Sequential(seeded(nn.LSTM, 3, 4))
    with pytest.raises(NetworkError) as error:
        checked(adapt(module), own=lambda inputs: module(inputs)[0] + 0.5)
    assert said(error) == (
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
    assert said(error) == (
        "Shifted: the module's own forward gives other logits (by 0.25, first at step 3) than "
        "embedding → recurrent → read-out: something between them is left out (norm: LayerNorm); name the parts, e.g. "
        "wrap(module, read_out=lambda hidden: ...)"
    )
    module.shift.data.zero_()
    assert checked(adapt(module, read_out=lambda hidden: module.fc(module.norm(hidden))))[OWN] <= 1e-5


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_module_of_another_layout_than_its_recurrent_part_says_so(batch_first):
    class Turned(CharModel):
        def forward(self, tokens):
            return super().forward(tokens.T).transpose(0, 1)

    module = seeded(Turned, batch_first=not batch_first)
    with pytest.raises(NetworkError) as error:
        checked(adapt(module))
    axes = ("batch time", "time batch") if batch_first else ("time batch", "batch time")
    assert said(error) == (
        f"Turned: the module's own forward reads [{axes[0]}], and not [{axes[1]}]: "
        f"wrap(module, batch_first={batch_first})"
    )
    assert checked(adapt(module, batch_first=batch_first))[OWN] <= 1e-5


# Networks that are not what they were made from.


class Late(nn.LSTM):
    """Answers 0.25 too much from step 3 on, and shows it in no state."""

    def forward(self, packed):
        output, states = super().forward(packed)
        ahead = packed.batch_sizes[:3].sum()
        return output._replace(data=torch.cat([output.data[:ahead], output.data[ahead:] + 0.25])), states


def test_a_fused_layer_that_parts_is_said_by_step_layer_and_site():
    module = seeded(CharModel, layers=2)
    late = Late(3, 4, 2)
    late.load_state_dict(module.rnn.state_dict())
    with pytest.raises(NetworkError) as error:
        checked(adapt(module), fused=[late])
    assert said(error) == (
        "stepped and fused runs differ by 0.25 (allowed 1e-05), first at step 3 in hidden of layer 1"
    )


class Permuted(Adapted):
    """The gates of one layer in another order."""

    @property
    def layers(self):
        layers = super().layers
        weights = layers[1].forwards.weights
        for name, weight in weights.items():
            if name != "weight_hr":
                weights[name] = weight.roll(len(weight) // 4, 0)
        return layers


@pytest.mark.parametrize("both", [True, False])
def test_gates_in_another_order_are_found(both):
    adapted = adapt(seeded(CharModel, layers=2, bidirectional=both))
    assert max(checked(adapted).values()) <= 1e-5
    with pytest.raises(NetworkError) as error:
        checked(Permuted(**vars(adapted)))
    pattern = r"stepped and fused runs differ by 0\.\d+ \(allowed 1e-05\), first at step 0 in (hidden|cell) of layer 1"
    assert re.fullmatch(pattern, said(error))


@pytest.mark.parametrize("site", ["hidden", "cell"])
@pytest.mark.parametrize("step", [0, 2, 5])
def test_a_last_state_of_a_lower_layer_that_parts_is_found(site, step):
    """Torch shows only the last states of lower layers: each prefix is run."""

    class Off(nn.LSTM):
        def forward(self, packed):
            output, states = super().forward(packed)
            if len(packed.batch_sizes) > step:
                states[site == "cell"][0] += 0.5
            return output, states

    module = seeded(CharModel, layers=2)
    off = Off(3, 4, 2)
    off.load_state_dict(module.rnn.state_dict())
    with pytest.raises(NetworkError) as error:
        checked(adapt(module), fused=[off])
    assert said(error) == (
        f"stepped and fused runs differ by 0.5 (allowed 1e-05), first at step {step} in {site} of layer 0"
    )


class MeanFree(Echo):
    """Forgets that the sequences of a batch have nothing to do with one another."""

    def step(self, x, state, edit):
        return {"hidden": edit("hidden", x - x.mean(0))}


def test_a_cell_that_looks_at_the_whole_batch_is_found():
    inputs = torch.zeros(5, 2, 2)
    inputs[2:, 1] = 1
    with pytest.raises(NetworkError) as error:
        check(adapt(MeanFree()), inputs, torch.tensor([5, 5]))
    assert said(error) == "batched and single runs differ by 0.5 (allowed 1e-05), first at step 2 in hidden of layer 0"
    check(adapt(MeanFree()), inputs[:, :1] * 0, torch.tensor([5]))


def test_an_embedding_that_looks_at_padding_is_found():
    inputs = torch.zeros(5, 2, 2)
    inputs[0] = 1
    adapted = adapt(Echo(), embedding=lambda features: features + features[-1:])
    with pytest.raises(NetworkError) as error:
        check(adapted, inputs, torch.tensor([5, 4]))
    assert said(error) == "padded and unpadded runs differ by 1 (allowed 1e-05), first at step 0 in hidden of layer 0"


class Touchy(Adapted):
    """Says something else as soon as anybody edits."""

    def __call__(self, tokens, states=None, edit=None, record=(), lengths=None):
        logits, after, recorded = super().__call__(tokens, states, edit, record, lengths)
        return logits if edit is None else logits + 0.5, after, recorded


def test_an_edit_that_changes_nothing_and_does_is_found():
    with pytest.raises(NetworkError) as error:
        checked(Touchy(**vars(adapt(seeded(CharModel)))))
    assert said(error) == (
        "runs with an edit that changes nothing and without differ by 0.5 (allowed 1e-05), "
        "first at step 0 in the logits"
    )


def test_a_network_that_gives_no_numbers_is_found():
    module = seeded(CharModel, layers=2)
    with torch.no_grad():
        module.rnn.weight_hh_l1[-1, 0] = torch.nan
    with pytest.raises(NetworkError) as error:
        checked(adapt(module))
    assert said(error) == "a clean run gives NaN or infinity, first at step 0 in output_gate of layer 1"


def test_large_values_past_the_end_of_a_sequence_allow_nothing():
    inputs = torch.zeros(5, 2, 2)
    inputs[0, 0], inputs[4, 1] = 1, 1e6
    with pytest.raises(NetworkError, match=r"differ by 5e\+05 \(allowed 10\), first at step 4"):
        check(adapt(MeanFree()), inputs, torch.tensor([5, 5]))
    inputs[4, 0] = 1e6  # the mean, and so what is left, is that of the padding alone
    with pytest.raises(NetworkError, match=r"differ by 0.5 \(allowed 1e-05\), first at step 0"):
        check(adapt(MeanFree()), inputs, torch.tensor([4, 4]))


def test_differences_past_the_end_of_a_sequence_do_not_count():
    class Odd(Adapted):
        def __call__(self, tokens, *args, lengths=None, **options):
            logits, after, recorded = super().__call__(tokens, *args, lengths=lengths, **options)
            past = torch.arange(len(tokens)).unsqueeze(1) >= lengths if lengths is not None else torch.zeros(1) > 0
            return logits + torch.where(past, torch.rand(past.shape), 0).unsqueeze(-1), after, recorded

    odd = Odd(**vars(adapt(seeded(CharModel))))
    assert max(checked(odd).values()) <= 1e-5


# What is left behind.


@pytest.mark.parametrize("fails", [True, False])
def test_nothing_is_left_behind(fails):
    class Stateful(CharModel):
        """Keeps its last state, draws random numbers, and changes a weight."""

        calls, last = 0, None

        def forward(self, tokens):
            self.calls += 1
            self.last = torch.randn(1)
            self.fc.bias.data += 1
            return super().forward(tokens) - (0 if fails else 1)

    module = seeded(Stateful, layers=2, dropout=0.5).train()
    weights = copy.deepcopy(module.state_dict())
    random_state, cudnn = torch.get_rng_state(), torch.backends.cudnn.allow_tf32
    if fails:
        with pytest.raises(NetworkError, match="gives other logits"):
            checked(adapt(module))
    else:
        checked(adapt(module))
    assert (module.calls, module.last) == (0, None)
    assert all(torch.equal(weight, weights[name]) for name, weight in module.state_dict().items())
    assert all(part.training for part in module.modules())
    assert all(weight.grad is None and weight.requires_grad for weight in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert (torch.is_grad_enabled(), torch.backends.cudnn.allow_tf32) == (True, cudnn)


def test_our_own_models_are_checked_without_random_numbers():
    model, state = LanguageModel(Recipe("lstm", units=4), symbols=3).initialise(0), torch.get_rng_state()
    checked(model)
    assert torch.equal(torch.get_rng_state(), state)


# Samples.


def test_a_sample_is_the_same_for_the_same_seed():
    adapted = adapt(seeded(CharModel))
    first, again, other = sample(adapted, 1), sample(adapted, 1), sample(adapted, 2)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == (8, 4)
    assert first[1][0] == 8
    assert len(set(first[1].tolist())) > 1


def test_a_sample_is_what_the_network_reads():
    assert sample(adapt(nn.GRU(3, 4).double()))[0].dtype == torch.float64
    assert sample(adapt(CharModel(), symbols=5, embedding=nn.Sequential(nn.Embedding(5, 3))))[0].max() == 4
    with pytest.raises(NetworkError) as error:
        sample(adapt(CharModel(), embedding=lambda x: x))
    assert said(error) == "CharModel: cannot make inputs for the embedding <lambda>: give some, or an alphabet"
