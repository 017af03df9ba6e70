"""The backward pass through time by hand against autograd through the cells, and against finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neuronspec.networks.cells import KINDS, backward
from neuronspec.networks.cells.cell import leave
from neuronspec.networks.cells.gated import GatedCell
from neuronspec.networks.recurrent import Layer, Recurrent, run, unroll

WRITTEN = [name for name, kind in KINDS.items() if kind.backward]


def draw(kind, replicates=None, time=4, rows=3, inputs=2, units=3, dtype=torch.double):
    """Weights, inputs and a first state, all of which want gradients."""
    generator = torch.Generator().manual_seed(0)
    network = Recurrent(kind, inputs, units, replicates=replicates).to(dtype)
    network.initialise(generator)
    lead = () if replicates is None else (replicates,)

    def some(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype, requires_grad=True)

    state = {name: some(*lead, rows, units) for name in KINDS[kind].states}
    return network.weights(0), some(time, *lead, rows, inputs), state


def steps_alive(lengths, time):
    return torch.arange(time).view(-1, *[1] * lengths.dim()) < lengths


def plain(cell, inputs, state, alive=None):
    """The loop that autograd goes back through; where a row is over, its hidden state is the one it had."""
    tape = []
    for t, x in enumerate(cell.project(inputs).unbind(0)):
        values = cell.step(x, state, leave)
        on = torch.ones(()).bool() if alive is None else alive[t].unsqueeze(-1)
        state = {name: torch.where(on, values[name], state[name]) for name in state}
        tape.append(state["hidden"])
    return torch.stack(tape), state


def results(how, kind, weights, inputs, state, alive=None):
    """Hidden states and last state, and the gradients of some function of them."""
    tape, last = how(GatedCell(KINDS[kind], weights), inputs, state, alive)
    values = [tape, *last.values()]
    loss = sum((value * torch.linspace(-1, 2, value.numel()).view(value.shape)).sum() for value in values)
    return [*values, *torch.autograd.grad(loss, [inputs, *weights.values(), *state.values()])]


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("replicates", [None, 2])
@pytest.mark.parametrize("lengths", [None, [4, 1, 3]])
def test_gradients_are_those_of_finite_differences(kind, replicates, lengths):
    weights, inputs, state = draw(kind, replicates)
    alive = None if lengths is None else steps_alive(torch.tensor(lengths), 4)

    def outputs(*values):
        inputs, values = values[0], values[1:]
        cell = GatedCell(KINDS[kind], dict(zip(weights, values, strict=False)))
        tape, last = backward.unroll(cell, inputs, dict(zip(state, values[len(weights) :], strict=True)), alive)
        return tape, *last.values()

    assert torch.autograd.gradcheck(outputs, (inputs, *weights.values(), *state.values()))


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("dtype", [torch.float, torch.double])
@given(
    replicates=st.none() | st.integers(1, 3),
    time=st.integers(1, 5),
    rows=st.integers(1, 4),
    units=st.integers(1, 5),
    data=st.data(),
)
@settings(max_examples=25)
def test_equals_the_plain_loop(kind, dtype, replicates, time, rows, units, data):
    drawn = draw(kind, replicates, time, rows, units=units, dtype=dtype)
    lengths = data.draw(st.none() | st.lists(st.integers(0, time), min_size=rows, max_size=rows))
    alive = None if lengths is None else steps_alive(torch.tensor(lengths), time)
    precise = dict(atol=1e-12, rtol=1e-10) if dtype == torch.double else dict(atol=2e-5, rtol=1e-4)
    for ours, theirs in zip(*(results(how, kind, *drawn, alive) for how in (backward.unroll, plain)), strict=True):
        torch.testing.assert_close(ours, theirs, **precise)


@pytest.mark.parametrize("kind", WRITTEN)
def test_each_replicate_can_have_lengths_of_its_own(kind):
    drawn = draw(kind, replicates=2)
    alive = steps_alive(torch.tensor([[4, 1, 3], [2, 4, 0]]), 4)
    for ours, theirs in zip(*(results(how, kind, *drawn, alive) for how in (backward.unroll, plain)), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_row_that_is_over_keeps_its_state_to_the_last_bit(kind):
    weights, inputs, state = draw(kind, dtype=torch.float)
    cell = GatedCell(KINDS[kind], weights)
    _, last = backward.unroll(cell, inputs, state, steps_alive(torch.tensor([4, 2, 0]), 4))
    _, early = backward.unroll(cell, inputs[:2], state)
    for name, value in last.items():
        assert torch.equal(value[1], early[name][1])
        assert torch.equal(value[2], state[name][2])


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_stack_trains_as_torch_does(kind):
    ours = Recurrent(kind, 3, 4, layers=2, fast_gradients=True).double()
    ours.initialise(torch.Generator().manual_seed(0))
    fused = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](3, 4, 2).double()
    fused.load_state_dict(ours.state_dict())
    inputs = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    for network in (ours, fused):
        network(inputs)[0].square().sum().backward()
    theirs = dict(fused.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad)


def test_it_runs_only_where_asked_to_and_nothing_else_is_wanted(monkeypatch):
    weights, inputs, state = draw("gru")
    by_hand, ran = backward.unroll, []
    monkeypatch.setattr(backward, "unroll", lambda *arguments: ran.append(1) or by_hand(*arguments))

    def runs(fast=True, edits=lambda step: leave, wanted=("hidden",)):
        ran.clear()
        unroll(GatedCell(KINDS["gru"], weights, fast), inputs, state, edits, wanted)
        return bool(ran)

    assert runs()
    assert not runs(fast=False)
    assert not runs(edits=lambda step: lambda site, value: value)
    assert not runs(wanted=("reset_gate", "hidden"))
    with torch.no_grad():
        assert not runs()


def test_kinds_it_does_not_know_train_as_before():
    network = Recurrent("peephole_lstm", 2, 3, fast_gradients=True)
    network.initialise(torch.Generator().manual_seed(0))
    network(torch.randn(4, 2, 2))[0].sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_both_directions_agree_with_the_plain_loop():
    (weights, inputs, _), lengths = draw("gru"), torch.tensor([4, 1, 3])
    alive, found = steps_alive(lengths, 4).unsqueeze(-1), []
    for fast in (True, False):
        cell = GatedCell(KINDS["gru"], weights, fast)
        hidden, after, _ = run([Layer(cell, cell)], inputs, lengths=lengths)
        found.append([hidden * alive, *torch.autograd.grad((hidden * alive).sum() + after[0]["hidden"].sum(), inputs)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
