"""Encoder-decoders against plain PyTorch: packed sequences, and a loop over the equations."""

import math

import bridged
import pytest
import torch
from bridged import VOCABULARY, network, recipe
from torch import nn

from neuronspec.engine.runs.tracing import Network, Rows, generate, padded, texts, trace
from neuronspec.networks.models import BRIDGE, EncoderDecoder, LanguageModel, build, later, stack, tokens_of, unstack
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example

KINDS = ["gru", "lstm", "reset_before_gru"]
FUSED = {"gru": nn.GRU, "lstm": nn.LSTM}
EXAMPLES = [
    Example(text, source=source)
    for source, text in [("ab", "Xab"), ("babab", "Xaabba"), ("a", "X"), ("bbaaXab", "Xbab"), ("Xba", "XYYab")]
]


# The bridge.


@pytest.mark.parametrize("kind", FUSED)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_bridged_state_is_torchs_of_packed_sequences(kind, layers):
    net = network(kind, layers)
    fused = FUSED[kind](3, 4, layers).double()
    fused.load_state_dict(net.model.encoder.state_dict())
    lengths = torch.tensor([len(e.source) for e in EXAMPLES])
    inputs = net.model.embedding[tokens_of([e.source for e in EXAMPLES], VOCABULARY)]
    packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
    last = fused(packed)[1]
    expected = dict(zip(("hidden", "cell"), last if isinstance(last, tuple) else (last,), strict=False))
    found = net.begin(EXAMPLES)
    for n in range(layers):
        assert found[n].keys() == expected.keys()
        for name, value in found[n].items():
            torch.testing.assert_close(value, expected[name][n].detach())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "embedding"), [(1, 3), (2, None)])
def test_states_and_logits_equal_a_loop_over_the_equations(kind, layers, embedding):
    net = network(kind, layers, embedding)
    places = [(n, site) for n, site in net.sizes if site in ("hidden", "cell")]
    run = trace(net, net.read(EXAMPLES), places, states=net.begin(EXAMPLES))
    for b, example in enumerate(EXAMPLES):
        states, logits = bridged.read(net.model, example.source, example.text)
        torch.testing.assert_close(run.logits[: len(logits), b], logits)
        for n, site in places:
            expected = torch.stack([every[n][site] for every in states])
            torch.testing.assert_close(run.values[n, site][: len(expected), b], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_sources_and_texts_side_by_side_equal_each_alone(kind):
    net = network(kind, layers=2)
    together, places = net.begin(EXAMPLES), list(net.sizes)
    run = trace(net, net.read(EXAMPLES), places, states=together)
    for b, example in enumerate(EXAMPLES):
        alone = net.begin([example])
        for ours, theirs in zip(together, alone, strict=True):
            for name, value in ours.items():
                torch.testing.assert_close(value[b : b + 1], theirs[name])
        single = trace(net, net.read([example]), places, states=alone)
        steps = len(example.text) + 1
        torch.testing.assert_close(run.logits[:steps, b], single.logits[:, 0])
        for place in places:
            torch.testing.assert_close(run.values[place][:steps, b], single.values[place][:, 0], equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shorter_source_leaves_out_its_end(kind):
    net = network(kind)
    short = net.begin(EXAMPLES, short=1)
    for b, example in enumerate(EXAMPLES):
        expected = bridged.bridged(net.model, example.source[:-1])
        for name, value in short[0].items():
            torch.testing.assert_close(value[b], expected[0][name])


@pytest.mark.parametrize("kind", KINDS)
def test_gates_have_no_value_at_the_bridge_and_nowhere_else(kind):
    net = network(kind, layers=2)
    run = trace(net, net.read(EXAMPLES), list(net.sizes), states=net.begin(EXAMPLES))
    for (_, site), values in run.values.items():
        assert bool(values[0].isnan().all()) == (site not in ("hidden", "cell"))
        assert bool(values[0].isnan().any()) == (site not in ("hidden", "cell"))
        assert values[1:].isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_at_the_bridge_is_read_out_of_it_alone(kind):
    net = network(kind)
    bridge = torch.full((1, len(EXAMPLES)), BRIDGE)
    logits, after, recorded = net.model(bridge, net.begin(EXAMPLES), None, list(net.sizes))
    for b, example in enumerate(EXAMPLES):
        (states,), expected = bridged.read(net.model, example.source, "")
        torch.testing.assert_close(logits[:, b], expected)
        torch.testing.assert_close(after[0]["hidden"][b], states[0]["hidden"])
    assert recorded.keys() == net.sizes.keys()


def test_reading_and_what_is_due_begin_with_the_bridge():
    net = network("gru")
    read, due = net.read(EXAMPLES), net.due(EXAMPLES)
    plain = Network("plain", 0, VOCABULARY, LanguageModel(Recipe("gru", units=4), 5))
    assert (net.bridge, plain.bridge) == (1, 0)
    assert read[0].tolist() == [BRIDGE] * 5
    assert torch.equal(read[1:], plain.read(EXAMPLES))
    for b, example in enumerate(EXAMPLES):  # the state at a step says the symbol at that step
        said = due[:, b].tolist()
        wanted = [VOCABULARY.index(s) for s in example.text[1:]] + [VOCABULARY.index("$")]
        assert said[1 : len(example.text) + 1] == wanted
        assert {*said[:1], *said[len(example.text) + 1 :]} == {-100}
    assert torch.equal(due[1:], plain.due(EXAMPLES))


# Edits.


def zeroed(at, units):
    def edit(layer, site, step, value):
        if (layer, site, step) != (0, "hidden", at):
            return value
        value = value.clone()
        value[..., units] = 0
        return value

    return edit


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_edit_is_seen_by_the_read_out_and_by_later_steps(kind, at):
    net, edit = network(kind, layers=2), zeroed(at, [0, 2])
    run = trace(net, net.read(EXAMPLES), [(0, "hidden")], edit, net.begin(EXAMPLES))
    for b, example in enumerate(EXAMPLES):
        states, logits = bridged.read(net.model, example.source, example.text, edit)
        torch.testing.assert_close(run.logits[: len(logits), b], logits)
        expected = torch.stack([every[0]["hidden"] for every in states])
        torch.testing.assert_close(run.values[0, "hidden"][: len(expected), b], expected)


def test_a_run_is_told_the_steps_of_the_whole_text():
    told = []
    shifted = later(lambda layer, site, step, value: told.append(step) or value, 3)
    shifted(0, "hidden", 0, torch.zeros(1))
    shifted(0, "hidden", 2, torch.zeros(1))
    assert told == [3, 5]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumed_from_any_step_goes_on_as_the_whole_one(kind):
    net = network(kind, layers=2)
    read, places = net.read(EXAMPLES), list(net.states)
    whole = trace(net, read, places, states=net.begin(EXAMPLES))
    for start in range(1, len(read)):
        states = [{} for _ in net.model.layers]
        for n, name in places:
            states[n][name] = whole.values[n, name][start - 1]
        resumed = trace(net, read[start:], places, states=states)
        torch.testing.assert_close(resumed.logits, whole.logits[start:])


# Saying.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_greedy_generation_equals_a_loop(kind, seed):
    net = network(kind, layers=2, seed=seed)
    net.model.readout_weight *= 4  # so that it says more than one thing
    limits = [len(e.text) + 6 for e in EXAMPLES]
    given, limit = torch.ones(5, dtype=torch.long) + 1, torch.tensor(limits) + 1
    rows = Rows(padded(net.read(EXAMPLES), int(limit.max())), given, limit, states=net.begin(EXAMPLES))
    length = generate(net, rows)
    said = texts(rows.tokens[1:], length - 1, VOCABULARY)
    assert said == [bridged.say(net.model, e.source, "X", most) for e, most in zip(EXAMPLES, limits, strict=True)]


# Replicates.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("embedding", [None, 3])
@pytest.mark.parametrize("own", [False, True])
def test_replicates_equal_single_networks(kind, embedding, own):
    """Whether they read the same (``own`` is False) or each its own."""
    singles = [EncoderDecoder(recipe(kind, 2, embedding), 5).initialise(seed).double() for seed in range(3)]
    together = stack(singles, EncoderDecoder(recipe(kind, 2, embedding), 5, replicates=3).double())
    generator = torch.Generator().manual_seed(0)
    lead = (3, 4) if own else (4,)
    source, read = (torch.randint(5, (time, *lead), generator=generator) for time in (6, 3))
    lengths = torch.randint(1, 7, lead, generator=generator)
    states = together.encode(source, lengths)
    logits, after, _ = together(read, states)
    for r, single in enumerate(singles):
        mine = (source[:, r], lengths[r], read[:, r]) if own else (source, lengths, read)
        theirs = single.encode(*mine[:2])
        torch.testing.assert_close(states[1]["hidden"][r], theirs[1]["hidden"])
        expected, last, _ = single(mine[2], theirs)
        torch.testing.assert_close(logits[:, r], expected)
        torch.testing.assert_close(after[0]["hidden"][r], last[0]["hidden"])
        for name, weight in unstack(together)[r].items():
            assert torch.equal(weight, dict(single.named_parameters())[name])


def test_the_bridge_of_replicates_is_that_of_each():
    singles = [EncoderDecoder(recipe("lstm"), 5).initialise(seed).double() for seed in range(3)]
    together = stack(singles, EncoderDecoder(recipe("lstm"), 5, replicates=3).double())
    source, lengths = (
        torch.randint(5, (4, 6), generator=torch.Generator().manual_seed(0)),
        torch.tensor([1, 4, 2, 3, 4, 1]),
    )
    read = torch.cat([torch.full((1, 6), BRIDGE), source[:2]])
    logits = together(read, together.encode(source, lengths))[0]
    for r, single in enumerate(singles):
        torch.testing.assert_close(logits[:, r], single(read, single.encode(source, lengths))[0])


# Its weights.


@pytest.mark.parametrize("kind", ["rnn", *KINDS])
def test_orthogonal_recurrent_weights(kind):
    drawn = Recipe(kind, units=6, layers=2, embedding=3, encoder=True, orthogonal=True)
    model = build(drawn, 5).initialise(3)
    for recurrent in (model.encoder, model.recurrent):
        for layer in range(2):
            for gate in recurrent.weights(layer)["weight_hh"].split(6):
                torch.testing.assert_close(gate @ gate.T, torch.eye(6))
                assert not torch.allclose(gate, torch.eye(6), atol=0.1)
    others = model.recurrent.weights(0)["weight_ih"]
    assert others.abs().max() <= 1 / math.sqrt(6)


def test_orthogonal_weights_are_not_those_of_the_default():
    plain, drawn = (build(Recipe("gru", units=6, orthogonal=o), 5).initialise(3) for o in (False, True))
    gate = plain.recurrent.weights(0)["weight_hh"][:6]
    assert not torch.allclose(gate @ gate.T, torch.eye(6), atol=0.1)
    assert torch.equal(plain.recurrent.weights(0)["weight_ih"], drawn.recurrent.weights(0)["weight_ih"])


def test_an_embedding_is_drawn_at_its_scale():
    wide, narrow = (
        build(Recipe("gru", units=4, embedding=50, embedding_scale=scale), 100).initialise(1) for scale in (1.0, 0.25)
    )
    torch.testing.assert_close(narrow.embedding, 0.25 * wide.embedding)


def test_encoder_and_decoder_have_weights_of_their_own_and_one_embedding():
    names = dict(build(recipe("lstm", 2), 5).named_parameters())
    parts = {name.split(".")[0] for name in names}
    assert parts == {"embedding", "recurrent", "encoder", "readout_weight", "readout_bias"}
    encoder, decoder = ({n.split(".")[1] for n in names if n.startswith(part)} for part in ("encoder", "recurrent"))
    assert encoder == decoder
    drawn = build(recipe("lstm"), 5).initialise(0)
    assert not torch.equal(drawn.encoder.weights(0)["weight_hh"], drawn.recurrent.weights(0)["weight_hh"])
