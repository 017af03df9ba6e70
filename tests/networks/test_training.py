"""Training as one batched network against a plain PyTorch loop over one."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from neuronspec.errors import TaskError
from neuronspec.networks.models import LanguageModel, stack, tokens_of
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.recurrent import Recurrent
from neuronspec.networks.tasks import Example
from neuronspec.networks.training import (
    IGNORED,
    Lesson,
    block_of,
    blocks_of,
    encode,
    train_block,
    untrained,
)

CORPUS = [Example("a" * n + "X" + "b" * n) for n in range(1, 6)]
VOCABULARY = "aXb$"
FUSED = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
OPTIMISERS = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}


def rate(recipe, step):
    """The learning rate as a schedule says in words: it rises evenly, and falls as half a cosine."""
    now = recipe.learning_rate
    if recipe.schedule == "cosine":
        cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        now *= recipe.final + (1 - recipe.final) * cosine
    return now * (step + 1) / recipe.warm_up if step + 1 < recipe.warm_up else now


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
        optimiser.param_groups[0]["lr"] = rate(recipe, step)
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
        {"warm_up": 6, "orthogonal": True},
        {"warm_up": 14, "schedule": "constant", "optimiser": "sgd", "learning_rate": 0.5},
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


def test_training_is_repeatable_and_leaves_threads_alone(with_threads):
    with_threads(2)
    recipe = Recipe("gru", units=6, steps=5)
    first, second = (train_block(recipe, CORPUS, VOCABULARY, range(2)) for _ in range(2))
    assert all(torch.equal(a.weights[n], b.weights[n]) for a, b in zip(first, second, strict=True) for n in a.weights)
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
    kinds = ("lstm", "gru", "peephole_lstm", "rnn")
    assert {name: recipe.kind for name, recipe in task.recipes.items()} == {kind: kind for kind in kinds}
    assert all(recipe.units == 10 for recipe in task.recipes.values())


# Encoder-decoders.

SOURCED = [
    Example("X" + text, source=source, events={"last": len(text)})
    for source, text in [("ab", "ba"), ("aab", "baa"), ("b", "b"), ("abba", "abba"), ("ba", "ab"), ("bbb", "bbb")]
]
ENCODER = Recipe("gru", units=6, encoder=True, learning_rate=0.01, steps=12)


def encoder_plainly_trained(recipe, seed):
    """The same recipe as a textbook loop over torch.nn, with packed sources."""
    start = untrained(recipe, 4, seed)
    encoder, decoder = (FUSED[recipe.kind](recipe.embedding or 4, recipe.units, recipe.layers) for _ in range(2))
    encoder.load_state_dict(start.encoder.state_dict())
    decoder.load_state_dict(start.recurrent.state_dict())
    table = nn.Parameter(torch.eye(4) if start.embedding is None else start.embedding.data.clone())
    readout = nn.Linear(recipe.units, 4)
    readout.weight.data, readout.bias.data = start.readout_weight.data.clone(), start.readout_bias.data.clone()
    parameters = [*encoder.parameters(), *decoder.parameters(), *readout.parameters()]
    parameters += [table] if recipe.embedding else []
    optimiser = OPTIMISERS[recipe.optimiser](parameters, lr=recipe.learning_rate)
    read, due = encode(SOURCED, VOCABULARY)
    source, lengths = tokens_of([e.source for e in SOURCED], VOCABULARY), torch.tensor([len(e.source) for e in SOURCED])
    generator = torch.Generator().manual_seed(seed)
    for step in range(recipe.steps):
        optimiser.param_groups[0]["lr"] = rate(recipe, step)
        rows = torch.arange(len(SOURCED))
        if recipe.batch:
            rows = torch.randint(len(SOURCED), (recipe.batch,), generator=generator)
        packed = nn.utils.rnn.pack_padded_sequence(table[source[:, rows]], lengths[rows], enforce_sorted=False)
        logits = readout(decoder(table[read[:, rows]], encoder(packed)[1])[0])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), due[:, rows].flatten(), ignore_index=IGNORED)
        optimiser.zero_grad()
        loss.backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimiser.step()
    weights = {f"encoder.{name}": v for name, v in encoder.state_dict().items()}
    weights |= {f"recurrent.{name}": v for name, v in decoder.state_dict().items()}
    weights |= {"readout_weight": readout.weight, "readout_bias": readout.bias}
    return weights | ({"embedding": table} if recipe.embedding else {}), loss.item()


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"embedding": 3, "embedding_scale": 0.3, "layers": 2, "clip": 0.05},
        {"embedding": 3, "batch": 4, "orthogonal": True, "warm_up": 5},
        {"batch": 3, "optimiser": "sgd", "learning_rate": 0.1, "clip": None, "schedule": "constant"},
    ],
)
def test_a_block_of_encoder_decoders_trains_each_as_if_it_were_alone(kind, options):
    recipe = replace(ENCODER, kind=kind, **options)
    for trained in train_block(recipe, SOURCED, VOCABULARY, range(3)):
        weights, loss = encoder_plainly_trained(recipe, trained.seed)
        assert trained.weights.keys() == weights.keys()
        for name, weight in weights.items():
            assert torch.allclose(trained.weights[name], weight, atol=2e-5), name
        assert trained.curve[-1][1] == pytest.approx(loss, abs=1e-5)


def test_sources_and_texts_are_cut_where_the_longest_of_a_batch_ends():
    whole = Lesson.of(SOURCED, VOCABULARY)
    rows = torch.tensor([[2, 0], [0, 4]])
    lesson = whole.rows(rows)
    assert lesson.lengths.tolist() == [[1, 2], [2, 2]]
    assert lesson.source.shape == (2, 2, 2)
    assert lesson.read.shape == (3, 2, 2)
    assert torch.equal(lesson.due, whole.due[:3, rows])
    assert (whole.due[3:, rows] == IGNORED).all()


ASKED = [
    Example("X" + said, source=source, events={"said": 1})
    for source, said in [(f"{x}{y}{which}", x if which == "X" else y) for x in "ab" for y in "ab" for which in "Xb"]
] * 30


def asked(model):
    """Which share of the asked symbols a network says."""
    lesson = Lesson.of(ASKED, VOCABULARY)
    said = lesson.logits(model)[0].argmax(-1)
    return float((said == lesson.due[0]).double().mean())


def trained_on(recipe, corpus, seeds=(0,)):
    found = train_block(recipe, corpus, VOCABULARY, seeds)
    for trained in found:
        model = untrained(recipe, 4, trained.seed)
        model.load_state_dict(trained.weights)
        yield trained, model


QUICK = Recipe("gru", units=12, encoder=True, learning_rate=0.02, steps=300, batch=16)


def test_an_encoder_decoder_learns_to_say_what_it_is_asked_for():
    """The first symbol of the source where X follows, and the second where b does."""
    assert asked(untrained(QUICK, 4, 0)) < 0.9
    ((_, model),) = trained_on(QUICK, ASKED)
    assert asked(model) == 1


@pytest.mark.parametrize("embedding", [None, 4])
def test_training_ends_once_the_networks_of_a_block_can_do_what_is_asked(embedding):
    until = replace(QUICK, until=("said", 1.0), embedding=embedding)
    ends = []
    for share in (0.5, 1.0):
        for trained, model in trained_on(replace(until, until=("said", share)), ASKED, (0, 1, 2)):
            ends.append(trained.curve[-1][0])
            assert asked(model) >= share
    assert ends[0] == ends[1] == ends[2] < ends[3] == ends[4] == ends[5] < QUICK.steps - 1


def test_a_language_model_may_train_until_it_can_do_something():
    corpus = [Example(text, events={"asked": 3}) for text in ("abXa", "baXb", "bbXb", "aaXa")] * 30
    recipe = Recipe("gru", units=12, steps=400, learning_rate=0.02, batch=8, until=("asked", 1.0))
    ((trained, model),) = trained_on(recipe, corpus)
    said = model(encode(corpus, VOCABULARY)[0])[0][2].argmax(-1).tolist()
    assert 0 < trained.curve[-1][0] < 399
    assert [VOCABULARY[s] for s in said] == [e.text[3] for e in corpus]


def test_what_is_never_reached_trains_to_the_end():
    ((trained, _),) = trained_on(replace(ENCODER, steps=5, until=("last", 1.0)), SOURCED)
    assert trained.curve[-1][0] == 4


def test_an_event_that_no_example_has_cannot_end_training():
    with pytest.raises(TaskError) as error:
        train_block(replace(ENCODER, until=("lsat", 0.9)), SOURCED, VOCABULARY, [0])
    assert str(error.value) == (
        "Recipe(until=('lsat', 0.9)): none of 1 held-out examples has an event 'lsat' past its first step"
    )


def test_an_event_at_the_first_step_is_given_and_cannot_be_said():
    corpus = [replace(e, events={"first": 0}) for e in SOURCED]
    with pytest.raises(TaskError, match="none of 1 held-out examples has an event 'first'"):
        train_block(replace(ENCODER, until=("first", 0.9)), corpus, VOCABULARY, [0])
