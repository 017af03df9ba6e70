"""Training as one batched network against a plain PyTorch loop over one."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from neuronspec.networks.models import LanguageModel, stack
from neuronspec.networks.recurrent import Recurrent
from neuronspec.networks.tasks import KINDS, Example, Recipe
from neuronspec.networks.training import IGNORED, block_of, blocks_of, encode, one_thread, train_block, untrained

CORPUS = [Example("a" * n + "X" + "b" * n) for n in range(1, 6)]
VOCABULARY = "aXb$"
FUSED = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
OPTIMISERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}


def plainly_trained(recipe, seed):
    """The same recipe as a textbook loop over torch.nn."""
    start = untrained(recipe, 4, seed)
    recurrent = FUSED[recipe.kind](4, recipe.units, recipe.layers)
    recurrent.load_state_dict(start.recurrent.state_dict())
    readout = nn.Linear(recipe.units, 4)
    readout.weight.data, readout.bias.data = start.readout_weight.data.clone(), start.readout_bias.data.clone()
    parameters = [*recurrent.parameters(), *readout.parameters()]
    optimiser = OPTIMISERS[recipe.optimiser](parameters, lr=recipe.learning_rate)
    read, due = encode(CORPUS, VOCABULARY)
    generator = torch.Generator().manual_seed(seed)
    for step in range(recipe.steps):
        if recipe.schedule == "cosine":
            cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
            optimiser.param_groups[0]["lr"] = recipe.learning_rate * (recipe.final + (1 - recipe.final) * cosine)
        rows = torch.arange(len(CORPUS))
        if recipe.batch:
            rows = torch.randint(len(CORPUS), (recipe.batch,), generator=generator)
        logits = readout(recurrent(nn.functional.one_hot(read[:, rows], 4).float())[0])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), due[:, rows].flatten(), ignore_index=IGNORED)
        optimiser.zero_grad()
        loss.backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimiser.step()
    return recurrent, readout, loss.item()


@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 2, "clip": 0.05},
        {"batch": 3, "optimiser": "rmsprop", "learning_rate": 0.002},
        {"optimiser": "sgd", "learning_rate": 0.1, "clip": None, "schedule": "constant"},
    ],
)
def test_a_block_trains_each_network_as_if_it_were_alone(kind, options):
    recipe = replace(Recipe(kind, units=6, learning_rate=0.01, steps=15), **options)
    for trained in train_block(recipe, CORPUS, VOCABULARY, range(3)):
        recurrent, readout, loss = plainly_trained(recipe, trained.seed)
        for name, weight in recurrent.state_dict().items():
            assert torch.allclose(trained.weights[f"recurrent.{name}"], weight, atol=2e-5), name
        assert torch.allclose(trained.weights["readout_weight"], readout.weight, atol=2e-5)
        assert trained.curve[-1][1] == pytest.approx(loss, abs=1e-5)


def test_gradients_of_replicates_are_exact():
    network = Recurrent("peephole_lstm", 2, 3, layers=2, replicates=2).double()
    network.initialise(torch.Generator().manual_seed(0))
    inputs = torch.randn(4, 2, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: network(x)[0], inputs)


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_training_is_repeatable_and_leaves_threads_alone(two_threads):
    recipe = Recipe("gru", units=6, steps=5)
    first, second = (train_block(recipe, CORPUS, VOCABULARY, range(2)) for _ in range(2))
    assert all(torch.equal(a.weights[n], b.weights[n]) for a, b in zip(first, second, strict=True) for n in a.weights)
    assert torch.get_num_threads() == 2


def test_one_thread_is_put_back_after_an_error(two_threads):
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    train_block(Recipe("rnn", units=3, steps=2, batch=2), CORPUS, VOCABULARY, range(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_is_told_every_step():
    told = []
    train_block(Recipe("rnn", units=3, steps=4), CORPUS, VOCABULARY, range(2), told.append)
    assert told == [1, 2, 3, 4]


def test_blocks_are_fixed():
    recipe = Recipe("rnn", units=3)
    assert block_of(13, recipe) == range(10, 20)
    assert blocks_of([1003, 5, 0], recipe) == [range(10), range(1000, 1010)]


def test_encoding_closes_every_sequence():
    read, due = encode([Example("aXb"), Example("X")], VOCABULARY)
    assert read.T.tolist() == [[0, 1, 2], [1, 0, 0]]
    assert due.T.tolist() == [[1, 2, 3], [3, IGNORED, IGNORED]]


@pytest.mark.parametrize("time", [3, 5])
def test_each_replicate_reads_by_its_own_embedding(time):
    """Also where there are as many steps as replicates: the axes must not be taken for one another."""
    recipe = Recipe("gru", units=3, embedding=2)
    singles = [LanguageModel(recipe, 4).initialise(seed) for seed in range(3)]
    together = stack(singles, LanguageModel(recipe, 4, replicates=3))
    tokens = torch.randint(4, (time, 6), generator=torch.Generator().manual_seed(0))
    own = torch.randint(4, (time, 3, 6), generator=torch.Generator().manual_seed(1))
    for r, single in enumerate(singles):
        assert torch.allclose(together(tokens)[0][:, r], single(tokens)[0], atol=1e-6)
        assert torch.allclose(together(own)[0][:, r], single(own[:, r])[0], atol=1e-6)


def test_an_embedding_is_read():
    model = LanguageModel(Recipe("gru", units=3, embedding=2), symbols=4).initialise(0)
    tokens = torch.tensor([[1], [3]])
    assert torch.equal(model.embed(tokens), model.embedding[tokens])
    assert model(tokens)[0].shape == (2, 1, 4)


def test_the_shipped_counting_recipes_keep_their_defaults():
    from neuronspec.project import Project

    task = Project.at(Path(__file__).parents[2]).task("counting")
    assert {name: recipe.kind for name, recipe in task.recipes.items()} == {
        kind: kind for kind in KINDS if kind != "reset_before_gru"
    }
    assert all(recipe.units == 10 for recipe in task.recipes.values())
