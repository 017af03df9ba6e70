"""Training and tracing against torch.nn, on one thread."""

import pytest
import torch
from torch import nn

from neuronspec.networks.recipes import Recipe
from neuronspec.networks.recurrent import Recurrent
from neuronspec.networks.tasks import Example
from neuronspec.networks.threads import one_thread
from neuronspec.networks.training import IGNORED, encode, train_block, untrained

CORPUS = [Example("a" * n + "X" + "b" * n) for n in range(1, 11)]
FUSED = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
STEPS = 30


def one_by_one(recipe, seeds):
    """Each seed by a plain loop over the fused layer of torch."""
    read, due = encode(CORPUS, "aXb$")
    inputs = nn.functional.one_hot(read, 4).float()
    for seed in seeds:
        start = untrained(recipe, 4, seed)
        recurrent, readout = FUSED[recipe.kind](4, recipe.units), nn.Linear(recipe.units, 4)
        recurrent.load_state_dict(start.recurrent.state_dict())
        parameters = [*recurrent.parameters(), *readout.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=recipe.learning_rate)
        for _ in range(recipe.steps):
            logits = readout(recurrent(inputs)[0])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), due.flatten(), ignore_index=IGNORED)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()


def as_a_block(recipe, seeds):
    train_block(recipe, CORPUS, "aXb$", seeds)


@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.parametrize("how", [one_by_one, as_a_block], ids=lambda how: how.__name__)
def test_training_ten_seeds(benchmark, kind, how):
    """Thirty steps of ten networks of ten units."""
    benchmark.group = f"train: ten {kind}"
    with one_thread():
        benchmark.pedantic(how, (Recipe(kind, units=10, steps=STEPS), range(10)), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("how", ["fused, hidden only", "traced, every site"])
def test_tracing(benchmark, kind, how):
    """100 sequences of 100 steps through 256 units."""
    benchmark.group = f"trace: {kind} 256"
    ours = Recurrent(kind, 64, 256).requires_grad_(False)
    ours.initialise(torch.Generator().manual_seed(0))
    fused = FUSED[kind](64, 256).requires_grad_(False)
    fused.load_state_dict(ours.state_dict())
    inputs = torch.randn(100, 100, 64)
    everywhere = [(0, site) for site in ours.sites]
    run = (lambda: fused(inputs)) if how.startswith("fused") else (lambda: ours(inputs, record=everywhere))
    with one_thread():
        benchmark.pedantic(run, rounds=7, warmup_rounds=1)


@pytest.mark.parametrize("kind", ["lstm", "gru", "reset_before_gru"])
@pytest.mark.parametrize(("units", "replicates"), [(64, None), (128, None), (64, 3)])
@pytest.mark.parametrize("how", ["autograd", "by hand"])
def test_gradients_of_a_layer(benchmark, kind, units, replicates, how):
    """Forwards and back through 22 steps of 128 rows."""
    benchmark.group = f"gradients: {kind} {units} x {replicates or 1}"
    network = Recurrent(kind, 64, units, replicates=replicates, fast_gradients=how == "by hand")
    network.initialise(torch.Generator().manual_seed(0))
    inputs = torch.randn(22, *([] if replicates is None else [replicates]), 128, 64)
    with one_thread():
        benchmark.pedantic(lambda: network(inputs)[0].sum().backward(), rounds=20, warmup_rounds=2)


class PlainCell(nn.Module):
    """The GRU of 2014 as one writes it down, on the weights of one of our layers."""

    def __init__(self, network):
        super().__init__()
        self.of_input, self.of_hidden = nn.Linear(64, 3 * network.units), nn.Linear(network.units, 2 * network.units)
        self.of_reset = nn.Linear(network.units, network.units)

    def forward(self, x, h):
        r, z, n = self.of_input(x).chunk(3, -1)
        from_r, from_z = self.of_hidden(h).chunk(2, -1)
        r, z = torch.sigmoid(r + from_r), torch.sigmoid(z + from_z)
        return z * h + (1 - z) * torch.tanh(n + self.of_reset(r * h))


def plain_loop(cell, inputs, units):
    """A cell over time, as a textbook has it."""
    state, hidden = torch.zeros(inputs.shape[1], units), []
    state = (state, state) if isinstance(cell, nn.LSTMCell) else state
    for x in inputs:
        state = cell(x, state)
        hidden.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(hidden)


@pytest.mark.parametrize("kind", ["lstm", "gru", "reset_before_gru"])
@pytest.mark.parametrize("units", [64, 128])
def test_gradients_of_a_plain_loop(benchmark, kind, units):
    """The same as a plain loop over a cell: ``nn.LSTMCell``, ``nn.GRUCell``, or the equations of 2014."""
    benchmark.group = f"gradients: {kind} {units} x 1"
    cells = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}
    cell = cells[kind](64, units) if kind in cells else PlainCell(Recurrent(kind, 64, units))
    inputs = torch.randn(22, 128, 64)
    with one_thread():
        benchmark.pedantic(lambda: plain_loop(cell, inputs, units).sum().backward(), rounds=20, warmup_rounds=2)
