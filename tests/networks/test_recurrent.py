"""Recurrent layers against torch.nn, and edits against what they must mean."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import everywhere, single
from torch import nn
from user_modules import FUSED

from neuronspec.networks.cells import KINDS
from neuronspec.networks.recurrent import Recurrent


@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.parametrize(("units", "layers", "largest"), [(1, 1, 1e-6), (10, 3, 1e-6), (256, 2, 1e-6), (512, 1, 1e-5)])
def test_equals_torch(kind, units, layers, largest):
    ours = single(kind, 7, units, layers)
    fused = FUSED[kind](7, units, layers)
    fused.load_state_dict(ours.state_dict())  # the same names and shapes
    inputs = torch.randn(30, 4, 7, generator=torch.Generator().manual_seed(1))
    theirs, last = fused(inputs)
    hidden, states, _ = ours(inputs)
    assert (hidden - theirs).abs().max() <= largest
    last_hidden = last[0] if kind == "lstm" else last
    assert (torch.stack([state["hidden"] for state in states]) - last_hidden).abs().max() <= largest
    if kind == "lstm":
        assert (torch.stack([state["cell"] for state in states]) - last[1]).abs().max() <= largest


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_has_every_site_and_ends_in_what_is_read_out(kind):
    network = single(kind, layers=2)
    hidden, _, v = network(torch.randn(6, 4, 3), record=everywhere(network))
    assert torch.equal(hidden, v[1, "hidden"])
    assert set(v) == set(everywhere(network))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_can_be_resumed(kind):
    network = single(kind, layers=2).double()  # in single precision, the last digit depends on the number of steps
    inputs = torch.randn(8, 3, 3, dtype=torch.float64)
    whole, _, _ = network(inputs)
    first, states, _ = network(inputs[:3])
    second, _, _ = network(inputs[3:], states)
    assert torch.allclose(whole, torch.cat([first, second]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_replicates_run_as_they_do_alone(kind):
    alone = [single(kind, layers=2, seed=s) for s in range(3)]
    together = Recurrent(kind, 3, 5, 2, replicates=3).requires_grad_(False)
    for name, parameter in together.named_parameters():
        parameter.copy_(torch.stack([dict(n.named_parameters())[name] for n in alone]))
    shared, own = torch.randn(7, 4, 3), torch.randn(7, 3, 4, 3)
    for r, network in enumerate(alone):
        assert torch.allclose(together(shared)[0][:, r], network(shared)[0], atol=1e-6)
        assert torch.allclose(together(own)[0][:, r], network(own[:, r])[0], atol=1e-6)


@given(
    kind=st.sampled_from(sorted(KINDS)),
    layers=st.integers(1, 2),
    seed=st.integers(0, 99),
    place=st.integers(0, 11),
    step=st.integers(0, 6),
    unit=st.integers(0, 4),
)
@settings(max_examples=60)
def test_an_edit_is_seen_by_the_recurrence_and_changes_nothing_before_it(kind, layers, seed, place, step, unit):
    network = single(kind, layers=layers, seed=seed)
    layer, site = everywhere(network)[place % len(everywhere(network))]
    inputs = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(step))
    clean_out, _, clean = network(inputs, record=everywhere(network))

    def edit(at_layer, at_site, at_step, value):
        if (at_layer, at_site, at_step) != (layer, site, step):
            return value
        new = value.clone()
        new[:, unit] = 0.7
        return new

    out, _, edited = network(inputs, edit=edit, record=everywhere(network))
    assert torch.equal(out[:step], clean_out[:step])
    assert (edited[layer, site][step, :, unit] == 0.7).all()
    others = [u for u in range(5) if u != unit]
    assert torch.equal(edited[layer, site][step][:, others], clean[layer, site][step][:, others])
    resumed = [{n: edited[k, n][step] for n in ("hidden", "cell") if n in network.sites} for k in range(network.depth)]
    if step < 6:  # what follows is what a run from the edited state gives
        assert torch.allclose(network(inputs[step + 1 :], resumed)[0], out[step + 1 :], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_that_changes_nothing_changes_nothing(kind):
    network = single(kind, layers=2)
    inputs = torch.randn(6, 2, 3)
    assert torch.equal(network(inputs)[0], network(inputs, edit=lambda layer, site, step, value: value)[0])


def test_zeroing_a_unit_at_every_step_equals_cutting_its_outgoing_weights():
    network, cut = single("lstm"), single("lstm")
    cut.weights(0)["weight_hh"][:, 2] = 0
    inputs = torch.randn(6, 2, 3)

    def edit(layer, site, step, value):
        return value.index_fill(1, torch.tensor([2]), 0.0) if site == "hidden" else value

    others = [0, 1, 3, 4]
    assert torch.allclose(network(inputs, edit=edit)[0][..., others], cut(inputs)[0][..., others], atol=1e-6)


def test_editing_the_output_of_a_fused_layer_gets_a_different_answer():
    """What libraries that hook module outputs do: the recurrence never sees it."""
    network = single("lstm")
    fused = nn.LSTM(3, 5)
    fused.load_state_dict(network.state_dict())
    inputs = torch.randn(6, 2, 3)

    def edit(layer, site, step, value):
        return torch.zeros_like(value) if (site, step) == ("hidden", 2) else value

    hooked = fused(inputs)[0].detach().clone()
    hooked[2] = 0
    truth = network(inputs, edit=edit)[0]
    assert torch.allclose(hooked[:3], truth[:3], atol=1e-6)
    assert (hooked[3:] - truth[3:]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gradients", [False, True])
def test_lanes_that_read_the_same_inputs_need_them_once(kind, gradients):
    network = single(kind, layers=2)
    inputs = torch.randn(6, 2, 3)
    states = [{n: torch.randn(6, 5) for n in layer.start(1)} for layer in network.layers]
    with torch.set_grad_enabled(gradients):
        once = network(inputs, states, record=everywhere(network))
        thrice = network(inputs.repeat(1, 3, 1), states, record=everywhere(network))
        few = network(inputs, states, record=[(1, "hidden")])
    for place in everywhere(network):
        assert torch.allclose(once[2][place], thrice[2][place], atol=1e-6)
    assert torch.allclose(few[0], thrice[0], atol=1e-6)
