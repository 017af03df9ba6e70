"""The parity gate lets every faithful network pass, leaves nothing behind, and samples what a network reads."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from user_modules import FUSED, ByHand, CharModel, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.parity import check, sample
from neuronspec.networks.recipes import KINDS, Recipe
from neuronspec.networks.wrap import adapt

CHECKS = (
    "stepped = fused", "batched = single", "padded = unpadded", "no-op edit = clean", "resumed = whole",
    "module's own forward",
)  # fmt: skip
RESUMED, FORWARD = CHECKS[4:]


def checked(adapted, **options):
    return check(adapted, *sample(adapted), **options)


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
    differences = check(adapted, *sample(adapted, seed, time=4, batch=2))
    assert tuple(differences) == tuple(name for name in CHECKS if adapted.causal or name != RESUMED)
    assert max(differences.values()) <= (1e-9 if double else 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_models_are_faithful(kind):
    model = LanguageModel(Recipe(kind, units=6, layers=2, embedding=3), symbols=5).initialise(0)
    differences = checked(model)
    assert tuple(differences) == CHECKS[0 if kind in FUSED else 1 : 5]
    assert max(differences.values()) <= 1e-5


@pytest.mark.parametrize("parts", [["0"], ["1"], ["0", "2"], ["1", "2"]])
def test_cells_and_features_are_faithful(parts):
    cells = [seeded(nn.LSTMCell, 3, 4), seeded(nn.GRU, 3, 4, 2), seeded(nn.GRUCell, 4, 2, bias=False)]
    differences = checked(adapt(nn.ModuleList(cells), recurrent=parts))
    assert math.isnan(differences.pop(FORWARD))  # a list of modules has no forward
    assert tuple(differences) == CHECKS[:5]
    assert max(differences.values()) <= 1e-5


def test_a_cell_written_by_hand_has_no_fused_form():
    differences = checked(adapt(seeded(ByHand)))
    assert tuple(differences) == CHECKS[1:]
    assert max(differences.values()) <= 1e-5


def test_rounding_that_a_network_magnifies_is_let_pass():
    module = seeded(nn.GRU, 3, 200, 2)
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(30)
    differences = checked(adapt(module))
    assert max(differences.values()) > 1e-5
    wrong = copy.deepcopy(module)
    wrong.weight_hh_l1.data[0, 0] += 0.01
    with pytest.raises(NetworkError, match="stepped and fused runs differ"):
        checked(adapt(module), fused=[wrong])
    in_float32 = adapt(module, embedding=lambda features: features.float())  # no copy in float64 can be run
    with pytest.raises(NetworkError, match="runs differ"):
        check(in_float32, *sample(adapt(module)))


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
    assert str(error.value) == "CharModel: cannot make inputs for the embedding <lambda>: give some, or an alphabet"
