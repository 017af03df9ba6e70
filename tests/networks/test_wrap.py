"""A user's own module is read as it is, edited inside the recurrence, and left as it was."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from user_modules import FUSED, ByHand, CharModel, NormedCell, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.wrap import adapt, to_time_first


def tokens_of(time=6, batch=3, symbols=5, seed=0):
    return torch.randint(symbols, (time, batch), generator=torch.Generator().manual_seed(seed))


def everywhere(adapted):
    return [(number, site) for number, layer in enumerate(adapted.layers) for site in layer.sites]


def at_site(layer, site, change, steps=None):
    """An edit of one site of one layer, at some steps or all."""

    def edit(at_layer, its_site, step, value):
        here = (at_layer, its_site) == (layer, site) and (steps is None or step in steps)
        return change(value) if here else value

    return edit


def zero(unit):
    return lambda value: value.index_fill(1, torch.tensor([unit]), 0.0)


# What is found.


def test_a_bare_recurrent_module_reads_features_and_says_nothing():
    lstm = seeded(nn.LSTM, 3, 4, bidirectional=True)
    adapted = adapt(lstm)
    assert (adapted.parts, adapted.symbols, adapted.read_out) == ({"recurrent": "LSTM"}, None, None)
    assert not adapted.causal
    inputs = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    logits, _, recorded = adapted(inputs, record=[(0, "hidden")])
    assert logits.shape == (5, 2, 0)
    assert torch.allclose(recorded[0, "hidden"], lstm(inputs)[0], atol=1e-6)
    with pytest.raises(NetworkError, match=r"LSTM: LSTM reads features \[time batch 3\], not tokens"):
        adapted.embed(tokens_of())


@pytest.mark.parametrize("said", [None, True, False])
def test_batch_first_is_what_the_layer_or_the_user_says(said):
    assert adapt(seeded(CharModel), batch_first=said).batch_first == bool(said)
    assert adapt(seeded(CharModel, batch_first=True), batch_first=said).batch_first == (said is not False)


# What a run gives.


def test_weights_are_read_by_reference():
    module = seeded(CharModel, layers=2, bias=False)
    adapted, tokens = adapt(module), tokens_of()
    with torch.no_grad():
        module.rnn.weight_hh_l1.mul_(2)
    assert torch.allclose(adapted(tokens)[0], module(tokens), atol=1e-6)
    module.rnn.weight_hh_l0 = nn.Parameter(torch.zeros(16, 4))
    assert torch.allclose(adapted(tokens)[0], module(tokens), atol=1e-6)
    module.double()
    assert (adapted.dtype, adapted(tokens)[0].dtype) == (torch.float64, torch.float64)


def test_tied_weights_work():
    module = seeded(CharModel, embedding=4)
    module.fc.weight = module.embed.weight
    assert torch.allclose(adapt(module)(tokens_of())[0], module(tokens_of()), atol=1e-6)


def test_a_run_can_be_resumed():
    adapted, tokens = adapt(seeded(CharModel, "gru", layers=2)), tokens_of()
    whole, _, _ = adapted(tokens)
    _, states, _ = adapted(tokens[:2])
    assert torch.allclose(adapted(tokens[2:], states)[0], whole[2:], atol=1e-6)


def test_a_module_in_train_mode_answers_as_in_eval_mode_and_stays_in_train_mode():
    module = seeded(CharModel, layers=2, dropout=0.5).train()
    module.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 5), nn.BatchNorm1d(4, affine=False))
    module.fc[2].eval()
    adapted = adapt(module, read_out=lambda hidden: module.fc[1](module.fc[0](hidden)))
    flags = [part.training for part in module.modules()]
    ours = adapted(tokens_of())[0]
    assert [part.training for part in module.modules()] == flags
    module.eval()
    assert torch.allclose(ours, module.fc[1](module.rnn(module.embed(tokens_of()))[0]), atol=1e-6)


def test_a_cell_written_by_hand_gives_what_its_own_loop_gives():
    module = seeded(ByHand)
    with torch.no_grad():  # a norm that does something
        for norm in (module.cell.norm, module.cell.cell_norm):
            norm.weight.copy_(torch.linspace(0.5, 2, len(norm.weight)))
            norm.bias.copy_(torch.linspace(-1, 1, len(norm.bias)))
    adapted, tokens = adapt(module, symbols=5), tokens_of()
    assert adapted.parts == {"embedding": "embed", "recurrent": "cell", "read_out": "fc"}
    assert adapted.fused == [None]
    logits, _, recorded = adapted(tokens, record=everywhere(adapted))
    assert torch.allclose(logits, module(tokens), atol=1e-6)
    assert [site for _, site in recorded] == list(module.cell.sites)


def test_a_cell_written_by_hand_is_edited_inside_the_recurrence():
    adapted, tokens = adapt(seeded(ByHand)), tokens_of()
    edit = at_site(0, "cell", lambda value: value + 1, steps=[2])
    clean, _, _ = adapted(tokens)
    edited, _, recorded = adapted(tokens, edit=edit, record=everywhere(adapted))
    assert torch.equal(edited[:2], clean[:2])
    assert (edited[3:] - clean[3:]).abs().max() > 1e-3
    state = [{name: recorded[0, name][2] for name in ("hidden", "cell")}]
    assert torch.allclose(adapted(tokens[3:], state)[0], edited[3:], atol=1e-6)


def test_stacked_parts_of_several_kinds_are_layers_counted_through():
    module = nn.ModuleDict({"first": seeded(nn.GRU, 3, 6, 2), "then": NormedCell(6, 4), "last": seeded(nn.RNN, 4, 2)})
    adapted = adapt(module, recurrent=["first", "then", module["last"]])
    assert [layer.sites["hidden"] for layer in adapted.layers] == [6, 6, 4, 2]
    assert adapted.fused == [module["first"], None, module["last"]]


# Properties over random architectures.

ARCHITECTURES = {
    "kind": st.sampled_from(sorted(FUSED)),
    "layers": st.integers(1, 3),
    "both": st.booleans(),
    "projected": st.booleans(),
    "bias": st.booleans(),
    "batch_first": st.booleans(),
    "embedding": st.sampled_from([None, 3]),
    "seed": st.integers(0, 999),
}


def built(kind, layers, both, projected, bias, batch_first, embedding, seed):
    """A user's module, a batch of tokens for it (time first), and its lengths."""
    options = {"proj_size": 2} if projected and kind == "lstm" else {}
    options |= {"bidirectional": both, "bias": bias, "batch_first": batch_first}
    module = seeded(CharModel, kind, embedding=embedding, layers=layers, seed=seed, **options).requires_grad_(False)
    lengths = torch.randint(1, 7, (3,), generator=torch.Generator().manual_seed(seed))
    lengths[seed % 3] = 6
    return module, tokens_of(seed=seed), lengths


def cut(module, layer, unit):
    """A copy of the module without the outgoing weights of one unit of one layer."""
    module = copy.deepcopy(module)
    units = module.rnn.proj_size or module.rnn.hidden_size
    side = "_reverse" if unit >= units else ""
    getattr(module.rnn, f"weight_hh_l{layer}{side}")[:, unit % units] = 0
    readers = [getattr(module.rnn, f"weight_ih_l{layer + 1}{s}", None) for s in ("", "_reverse")]
    for weight in [module.fc.weight] if layer + 1 == module.rnn.num_layers else filter(torch.is_tensor, readers):
        weight[:, unit] = 0
    return module


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@given(**ARCHITECTURES, place=st.integers(0, 99))
@settings(max_examples=60)
def test_a_zeroed_unit_equals_a_network_without_its_outgoing_weights(place, **architecture):
    module, tokens, lengths = built(**architecture)
    adapted = adapt(module)
    layer = place % len(adapted.layers)
    unit = place % adapted.layers[layer].sites["hidden"]
    edited, _, _ = adapted(tokens, edit=at_site(layer, "hidden", zero(unit)), lengths=lengths)
    without, _, _ = adapt(cut(module, layer, unit))(tokens, lengths=lengths)
    alive = torch.arange(len(tokens)).unsqueeze(1) < lengths
    assert torch.allclose(edited[alive], without[alive], atol=1e-5)


@given(**ARCHITECTURES | {"both": st.just(False)}, place=st.integers(0, 99), step=st.integers(0, 5))
@settings(max_examples=40)
def test_an_edit_changes_nothing_before_it(place, step, **architecture):
    module, tokens, _ = built(**architecture)
    adapted = adapt(module)
    layer, site = everywhere(adapted)[place % len(everywhere(adapted))]
    clean, _, before = adapted(tokens, record=everywhere(adapted))
    edit = at_site(layer, site, lambda value: value + 1, steps=[step])
    edited, _, after = adapted(tokens, edit=edit, record=everywhere(adapted))
    assert torch.equal(edited[:step], clean[:step])
    assert all(torch.equal(after[place][:step], before[place][:step]) for place in before)
    assert not torch.equal(after[layer, site][step], before[layer, site][step])


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@given(**ARCHITECTURES)
@settings(max_examples=40)
def test_packed_equals_padded(**architecture):
    module, tokens, lengths = built(**architecture)
    adapted = adapt(module)
    rubbish = tokens.masked_fill(torch.arange(len(tokens)).unsqueeze(1) >= lengths, -100)
    own = rubbish.T if adapted.batch_first else rubbish
    padded = to_time_first(adapted, own, lengths.tolist())
    packed = to_time_first(adapted, pack_padded_sequence(tokens, lengths, enforce_sorted=False))
    assert torch.equal(padded[0], packed[0])
    assert torch.equal(padded[1], packed[1])
    ours = adapted(packed[0], lengths=packed[1])[0]
    theirs, _ = module.rnn(pack_padded_sequence(module.features(tokens), lengths, enforce_sorted=False))
    assert torch.allclose(
        pack_padded_sequence(ours, lengths, enforce_sorted=False).data, module.fc(theirs.data), atol=1e-5
    )


@pytest.mark.parametrize("kind", FUSED)
def test_an_output_hook_on_the_fused_module_gets_a_different_answer_from_the_truth(kind):
    """What libraries that hook module outputs do: the step is edited, and the recurrence never sees it."""
    module, tokens = seeded(CharModel, kind), tokens_of()

    def zero_step_two(layer, args, output):
        hidden = output[0].clone()
        hidden[2] = 0
        return hidden, output[1]

    clean = module(tokens)
    truth, _, _ = adapt(module)(tokens, edit=at_site(0, "hidden", torch.zeros_like, steps=[2]))
    handle = module.rnn.register_forward_hook(zero_step_two)
    hooked = module(tokens)
    handle.remove()
    assert torch.allclose(hooked[:3], truth[:3], atol=1e-6)
    assert torch.allclose(hooked[3:], clean[3:])
    assert (hooked[3:] - truth[3:]).abs().amax((1, 2))[0] > 1e-2


# What is left behind.


def everything(module):
    """All that a run could change and must not."""
    cudnn = torch.backends.cudnn
    return {
        "hooks": [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()],
        "weights": [weight.tolist() for weight in module.state_dict().values()],
        "gradients": [(weight.requires_grad, weight.grad) for weight in module.parameters()],
        "flags": [part.training for part in module.modules()],
        "random numbers": torch.get_rng_state().tolist(),
        "cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
    }


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("build", [CharModel, ByHand])
def test_a_run_leaves_nothing_behind_even_where_it_raised(build, grad):
    module = seeded(build).train()
    before = everything(module)

    def fail(layer, site, step, value):
        if step == 2:
            raise ZeroDivisionError
        return value + 1

    with torch.set_grad_enabled(grad):
        adapted = adapt(module)
        adapted(tokens_of(), edit=lambda layer, site, step, value: value * 2, record=everywhere(adapted))
        with pytest.raises(ZeroDivisionError):
            adapted(tokens_of(), edit=fail)
    assert everything(module) == before


# A user's tensors.

BOTH, TIME_FIRST = CharModel(batch_first=True), CharModel(embedding=None)
FEATURES = nn.LSTM(3, 4)
WRONG_INPUTS = {
    "no tensor": (BOTH, [[1, 2]], None, "CharModel: expected a tensor, got list"),
    "one axis": (
        BOTH,
        torch.zeros(3).long(),
        None,
        "CharModel: expected tokens [batch time] or features [batch time input], got [3]",
    ),
    "four axes": (
        TIME_FIRST,
        torch.zeros(2, 2, 2, 2),
        None,
        "CharModel: expected tokens [time batch] or features [time batch input], got [2, 2, 2, 2]",
    ),
    "no time": (BOTH, torch.zeros(2, 0).long(), None, "CharModel: inputs [2, 0] are empty"),
    "no batch": (BOTH, torch.zeros(0, 2).long(), None, "CharModel: inputs [0, 2] are empty"),
    "fractions": (BOTH, torch.zeros(2, 3), None, "CharModel: tokens must be whole numbers, got float32"),
    "yes and no": (BOTH, torch.ones(2, 3) > 0, None, "CharModel: tokens must be whole numbers, got bool"),
    "half precision": (
        FEATURES,
        torch.zeros(2, 2, 3).half(),
        None,
        "LSTM: features are float16 and the weights float32: convert with inputs.float()",
    ),
    "double precision": (
        FEATURES,
        torch.zeros(2, 2, 3).double(),
        None,
        "LSTM: features are float64 and the weights float32: convert with inputs.float()",
    ),
    "single precision": (
        nn.LSTM(3, 4).double(),
        torch.zeros(2, 2, 3),
        None,
        "LSTM: features are float32 and the weights float64: convert with inputs.double()",
    ),
    "features of another width": (
        FEATURES,
        torch.zeros(2, 2, 5),
        None,
        "LSTM: features of 5 numbers, and LSTM reads 3",
    ),
    "tokens for features": (
        FEATURES,
        torch.zeros(2, 2).long(),
        None,
        "LSTM: expected features, got tokens [2, 2]: LSTM reads features of 3 numbers, and there is no embedding",
    ),
    "token too large": (
        BOTH,
        torch.tensor([[0, 1], [2, 5]]),
        None,
        "CharModel: token 5 at step 1 of sequence 1 is outside the vocabulary of 5",
    ),
    "tokens below zero": (
        TIME_FIRST,
        torch.tensor([[0, -1], [2, 7]]),
        None,
        "CharModel: token -1 at step 0 of sequence 1 (and 1 more) is outside the vocabulary of 5",
    ),
    "length above time": (
        BOTH,
        torch.zeros(2, 3).long(),
        [3, 4],
        "CharModel: a sequence has length 4, expected 1 to 3",
    ),
    "length of nothing": (
        BOTH,
        torch.zeros(2, 3).long(),
        torch.tensor([0, 3]),
        "CharModel: a sequence has length 0, expected 1 to 3",
    ),
    "lengths of too many": (
        BOTH,
        torch.zeros(2, 3).long(),
        [1, 2, 3],
        "CharModel: lengths must be one whole number for each of 2 sequences, got int64 [3]",
    ),
    "half a length": (
        BOTH,
        torch.zeros(2, 3).long(),
        torch.tensor([1.5, 2]),
        "CharModel: lengths must be one whole number for each of 2 sequences, got float32 [2]",
    ),
    "lengths twice": (
        BOTH,
        pack_padded_sequence(torch.zeros(3, 2).long(), torch.tensor([3, 2])),
        [3, 2],
        "CharModel: lengths and a PackedSequence, which has its own; leave lengths out",
    ),
}


@pytest.mark.parametrize("case", WRONG_INPUTS)
def test_inputs_that_cannot_be_read_say_why(case):
    module, inputs, lengths, message = WRONG_INPUTS[case]
    with pytest.raises(NetworkError) as error:
        to_time_first(adapt(module), inputs, lengths)
    assert str(error.value) == message


def test_tokens_of_any_whole_type_are_read():
    adapted = adapt(seeded(CharModel))
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
        tokens, lengths = to_time_first(adapted, torch.tensor([[1, 2], [3, 4], [0, 1]], dtype=dtype))
        assert (tokens.dtype, lengths.tolist()) == (torch.int64, [3, 3])
        adapted(tokens, lengths=lengths)


def test_features_past_the_end_may_be_no_numbers():
    features = torch.ones(3, 2, 3)
    features[2, 1] = torch.nan
    inputs, _ = to_time_first(adapt(seeded(nn.LSTM, 3, 4)), features, [3, 2])
    assert inputs[:, 1, 0].tolist() == [1, 1, 0]


def test_a_named_embedding_reads_what_it_will():
    module = nn.ModuleDict({"first": seeded(nn.Linear, 7, 3), "rnn": seeded(nn.GRU, 3, 4), "fc": nn.Linear(4, 2)})
    adapted = adapt(module, embedding="first", read_out="fc")
    inputs, _ = to_time_first(adapted, torch.ones(5, 2, 7))
    assert torch.allclose(adapted(inputs)[0], module["fc"](module["rnn"](module["first"](inputs))[0]), atol=1e-6)
    with pytest.raises(NetworkError) as error:
        adapt(module, embedding=lambda x: x, read_out="fc")(inputs)
    assert str(error.value) == "ModuleDict: the embedding gives [5, 2, 7], and rnn reads [5, 2, 3]"
