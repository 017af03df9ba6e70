"""A difference to torch's fused layers is reported with its step, layer and site."""

import re

import pytest
import torch
from torch import nn
from user_modules import CharModel, Echo, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.parity import check, sample
from neuronspec.networks.wrap import Adapted, adapt

STEPPED = "stepped = fused"


def checked(adapted, **options):
    return check(adapted, *sample(adapted), **options)


def test_the_fused_form_after_a_cell_written_by_hand_is_checked():
    module = nn.ModuleList([Echo(3), seeded(nn.GRU, 3, 4)])
    adapted = adapt(module, recurrent=["0", "1"])
    assert checked(adapted)[STEPPED] <= 1e-5
    with pytest.raises(
        NetworkError, match=r"stepped and fused runs differ by .*, first at step 0 in hidden of layer 1"
    ):
        checked(adapted, fused=[None, seeded(nn.GRU, 3, 4, seed=1)])


def test_long_sequences_are_compared_to_their_end():
    module = seeded(CharModel, bidirectional=True, layers=2)
    adapted = adapt(module)
    assert check(adapted, *sample(adapted, time=30))[STEPPED] <= 1e-5


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
    assert str(error.value) == (
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
    assert re.fullmatch(pattern, str(error.value))


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
    assert str(error.value) == (
        f"stepped and fused runs differ by 0.5 (allowed 1e-05), first at step {step} in {site} of layer 0"
    )
