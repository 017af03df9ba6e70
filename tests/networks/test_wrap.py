"""A user's own module is read as it is, edited inside the recurrence, and left as it was."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from user_modules import FUSED, ByHand, CharModel, Echo, NormedCell, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.models import Model
from neuronspec.networks.restoring import evaluating
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


def test_the_parts_are_found():
    adapted = adapt(seeded(CharModel, "lstm", layers=2, batch_first=True))
    assert isinstance(adapted, Model)
    assert adapted.parts == {"embedding": "embed", "recurrent": "rnn", "read_out": "fc"}
    assert [dict(layer.sites)["cell"] for layer in adapted.layers] == [4, 4]
    assert (adapted.symbols, adapted.vocabulary, adapted.inputs, adapted.causal) == (5, 5, 3, True)
    assert (adapted.batch_first, adapted.dtype, adapted.device) == (True, torch.float32, torch.device("cpu"))
    assert adapted.fused == [adapted.module.rnn]


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


@pytest.mark.parametrize(("cell", "fused"), [(nn.RNNCell, nn.RNN), (nn.LSTMCell, nn.LSTM), (nn.GRUCell, nn.GRU)])
@pytest.mark.parametrize("bias", [True, False])
def test_cells_of_torch_are_layers(cell, fused, bias):
    cells = nn.ModuleList([seeded(cell, 3, 4, bias), seeded(cell, 4, 2, bias, seed=1)])
    adapted = adapt(cells, recurrent=["0", "1"])
    inputs = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    values = inputs
    for one in cells:
        whole = fused(one.input_size, one.hidden_size, bias=bias)
        whole.load_state_dict({f"{name}_l0": weight for name, weight in one.state_dict().items()})
        values = whole(values)[0]
    _, _, recorded = adapted(inputs, record=[(1, "hidden")])
    assert torch.allclose(recorded[1, "hidden"], values, atol=1e-6)
    assert adapted.parts["recurrent"] == "0, 1"


def test_parts_are_named_where_there_are_several():
    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = CharModel("gru"), CharModel("lstm", symbols=7)

    module = seeded(Translator)
    names = {"embedding": "decoder.embed", "recurrent": "decoder.rnn", "read_out": "decoder.fc"}
    by_name = adapt(module, **names)
    by_module = adapt(module, embedding=module.decoder.embed, recurrent=module.decoder.rnn, read_out=module.decoder.fc)
    assert by_name.parts == by_module.parts == names
    tokens = tokens_of(symbols=7)
    assert torch.allclose(by_name(tokens)[0], module.decoder(tokens), atol=1e-6)
    assert torch.equal(by_name(tokens)[0], by_module(tokens)[0])


def test_parts_may_be_functions_or_outside_the_module():
    module = seeded(CharModel)
    normed, table = nn.LayerNorm(4), torch.eye(5)[:, :3]
    adapted = adapt(
        module,
        embedding=lambda tokens: table[tokens],
        read_out=nn.Sequential(normed, module.fc),
        symbols=5,
    )
    tokens = tokens_of()
    assert torch.allclose(adapted(tokens)[0], module.fc(normed(module.rnn(table[tokens])[0])), atol=1e-6)
    assert adapted.parts == {"embedding": "<lambda>", "recurrent": "rnn", "read_out": "Sequential"}
    assert (adapted.vocabulary, adapted.symbols) == (5, 5)


def test_false_looks_for_no_part():
    adapted = adapt(seeded(CharModel), embedding=False, read_out=False)
    assert (adapted.parts, adapted.vocabulary, adapted.symbols) == ({"recurrent": "rnn"}, None, None)


@pytest.mark.parametrize("said", [None, True, False])
def test_batch_first_is_what_the_layer_or_the_user_says(said):
    assert adapt(seeded(CharModel), batch_first=said).batch_first == bool(said)
    assert adapt(seeded(CharModel, batch_first=True), batch_first=said).batch_first == (said is not False)


def test_attention_is_let_pass_where_all_parts_are_named():
    module = seeded(CharModel)
    module.attention = nn.MultiheadAttention(4, 1)
    adapt(module, embedding="embed", recurrent="rnn", read_out="fc")


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


def test_evaluating_puts_every_flag_back():
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(1)))
    module[1][0].eval()
    flags = [part.training for part in module.modules()]
    within = []
    with pytest.raises(ZeroDivisionError), evaluating(module, None, len):
        within.append([part.training for part in module.modules()] + [1 / 0])
    with evaluating(module, None, len):
        within.extend(part.training for part in module.modules())
    assert within == [False] * 5
    assert [part.training for part in module.modules()] == flags


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


def test_a_cell_that_draws_random_numbers_is_tried_without_a_trace():
    class Noisy(Echo):
        def step(self, x, state, edit):
            return {"hidden": edit("hidden", x + torch.randn_like(x))}

    state = torch.get_rng_state()
    adapt(Noisy())
    assert torch.equal(torch.get_rng_state(), state)


# Modules that cannot be read.


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = CharModel("lstm", layers=2)
        self.decoder = CharModel("gru", units=8)


def changed(module, change):
    change(module)
    return module


def set_weight(name, convert):
    def change(module):
        module.rnn.register_parameter(name, nn.Parameter(convert(getattr(module.rnn, name).detach()), False))

    return change


def with_part(name, part):
    return lambda: changed(CharModel(), lambda module: setattr(module, name, part()))


WRONG_MODULES = {
    "no module": (dict, {}, "expected a torch.nn.Module, got dict"),
    "no recurrent part": (
        lambda: nn.Sequential(nn.Embedding(5, 3), nn.Conv1d(3, 3, 1), nn.Linear(3, 5)),
        {},
        "Sequential: no recurrent part (RNN, LSTM, GRU, their cells, or a cell with sites, start and step); it is made "
        "of Conv1d, Embedding, Linear. One that is not part of the module is named: wrap(module, recurrent=cell)",
    ),
    "several recurrent parts": (
        Two,
        {},
        "Two: 2 recurrent parts: encoder.rnn (LSTM 2×4), decoder.rnn (GRU 1×8); name one, or a list of them in the "
        'order in which they run: wrap(module, recurrent="encoder.rnn")',
    ),
    "several cells": (
        lambda: nn.ModuleList([nn.LSTMCell(3, 4), nn.LSTMCell(4, 4)]),
        {},
        "ModuleList: 2 recurrent parts: 0 (LSTMCell 4), 1 (LSTMCell 4); name one, or a list of them in the order in "
        'which they run: wrap(module, recurrent="0")',
    ),
    "several embeddings": (
        Two,
        {"recurrent": "decoder.rnn"},
        "Two: 2 parts could be the embedding: encoder.embed (Embedding 5→3), decoder.embed (Embedding 5→3); name it: "
        'wrap(module, embedding="decoder.embed")',
    ),
    "several read-outs": (
        Two,
        {"recurrent": "decoder.rnn", "embedding": "decoder.embed"},
        "Two: 2 parts could be the read-out: encoder.fc (Linear 4→5), decoder.fc (Linear 8→5); name it: "
        'wrap(module, read_out="decoder.fc")',
    ),
    "unknown name": (
        Two,
        {"recurrent": "decoder.rn"},
        "Two: recurrent='decoder.rn': there is no such submodule; did you mean 'decoder.rnn'?",
    ),
    "empty name": (
        lambda: nn.LSTM(3, 4),
        {"recurrent": ""},
        "LSTM: recurrent='': there is no such submodule; none are known",
    ),
    "name of another part": (
        Two,
        {"recurrent": "decoder"},
        "Two: recurrent=decoder (CharModel) is no RNN, LSTM or GRU of torch, and as a cell written by hand it lacks "
        "sites, start and step; inside it: decoder.rnn (GRU 1×8)",
    ),
    "a number for a part": (
        CharModel,
        {"recurrent": 3},
        "CharModel: recurrent=int (int) is no RNN, LSTM or GRU of torch, and as a cell written by hand it lacks "
        "sites, start and step",
    ),
    "an empty list": (CharModel, {"recurrent": []}, "CharModel: recurrent=[]: name at least one recurrent part"),
    "a number for the read-out": (
        CharModel,
        {"read_out": 5},
        "CharModel: read_out=5: expected a name, a module or a function",
    ),
    "attention": (
        with_part("attention", lambda: nn.MultiheadAttention(4, 1)),
        {"recurrent": "rnn"},
        "CharModel: attention (MultiheadAttention) stands in the path, and attention cannot be run in steps; where it "
        "lies outside embedding → recurrent → read-out, name all three: "
        "wrap(module, embedding=..., recurrent=..., read_out=...)",
    ),
    "half precision": (
        lambda: CharModel().half(),
        {},
        "CharModel: weights are float16: convert with module.float()",
    ),
    "brain floats": (
        lambda: changed(CharModel(), lambda module: module.fc.bfloat16()),
        {},
        "CharModel: weights are bfloat16 and float32: convert with module.float()",
    ),
    "two types": (
        lambda: changed(CharModel(), lambda module: module.fc.double()),
        {},
        "CharModel: weights are float32 and float64: convert with module.float() or module.double()",
    ),
    "whole numbers": (
        lambda: changed(CharModel(), set_weight("weight_hh_l0", torch.Tensor.int)),
        {},
        "CharModel: weights are float32 and int32, expected float32 or float64",
    ),
    "complex numbers": (
        lambda: changed(CharModel(), set_weight("weight_hh_l0", lambda weight: weight.to(torch.complex64))),
        {},
        "CharModel: weights are complex64 and float32, expected float32 or float64",
    ),
    "sparse": (
        lambda: changed(CharModel(), set_weight("weight_hh_l0", torch.Tensor.to_sparse)),
        {},
        "CharModel: weights are sparse: convert them with .to_dense()",
    ),
    "two devices": (
        lambda: changed(CharModel(), lambda module: module.fc.to("meta")),
        {},
        "CharModel: weights are on cpu and meta: move them to one device with module.to(...)",
    ),
    "not there yet": (
        with_part("fc", lambda: nn.LazyLinear(5)),
        {},
        "CharModel: weights are not there yet: run the module once, or load them",
    ),
    "renormalised": (
        with_part("embed", lambda: nn.Embedding(5, 3, max_norm=1.0)),
        {},
        "CharModel: the embedding embed has max_norm=1.0, which changes its weights whenever they are read; apply it "
        "once and take it away: module.embed.weight.data.renorm_(2, 0, 1.0); module.embed.max_norm = None",
    ),
    "embedding of another size": (
        with_part("embed", lambda: nn.Embedding(5, 7)),
        {},
        "CharModel: the embedding embed (Embedding 5→7) gives 7 features, and rnn reads 3; name all that lies before "
        "it: wrap(module, embedding=lambda tokens: ...)",
    ),
    "read-out of another size": (
        with_part("fc", lambda: nn.Linear(9, 5)),
        {},
        "CharModel: the read-out fc (Linear 9→5) reads 9 numbers, and the hidden state of the last layer has 4; name "
        "what lies between: wrap(module, read_out=lambda hidden: ...)",
    ),
    "read-out that fails": (
        CharModel,
        {"read_out": lambda hidden: hidden.nothing},
        "CharModel: the read-out <lambda> fails on hidden states [2, 3, 4]: AttributeError: 'Tensor' object has no "
        "attribute 'nothing'",
    ),
    "read-out of the last step": (
        CharModel,
        {"read_out": lambda hidden: hidden[-1]},
        "CharModel: the read-out <lambda> makes [3, 4] of hidden states [2, 3, 4], expected [2, 3, symbol]",
    ),
    "read-out and alphabet": (
        lambda: CharModel(symbols=65),
        {"symbols": 26},
        "CharModel: alphabet of 26 symbols, and the read-out fc has 65",
    ),
    "embedding and alphabet": (
        with_part("embed", lambda: nn.Embedding(6, 3)),
        {"symbols": 5},
        "CharModel: alphabet of 5 symbols, and the embedding embed has 6",
    ),
    "one-hot and alphabet": (
        lambda: nn.LSTM(7, 4),
        {"symbols": 5},
        "LSTM: alphabet of 5 symbols, and without an embedding the network reads 7 features; name what turns tokens "
        "into them: wrap(module, embedding=...)",
    ),
    "parts that do not follow": (
        Two,
        {"recurrent": ["encoder.rnn", "decoder.rnn"], "embedding": "encoder.embed", "read_out": "decoder.fc"},
        "Two: recurrent parts do not follow one another: encoder.rnn gives 4 features, and decoder.rnn reads 3",
    ),
}


@pytest.mark.parametrize("case", WRONG_MODULES)
def test_a_module_that_cannot_be_read_says_why(case):
    build, named, message = WRONG_MODULES[case]
    with pytest.raises(NetworkError) as error:
        adapt(build(), **named)
    assert str(error.value) == message


def test_a_quantized_module_is_refused():
    class LSTM(nn.Module):
        __module__ = "torch.ao.nn.quantized.dynamic.modules.rnn"

    with pytest.raises(NetworkError) as error:
        adapt(nn.ModuleDict({"rnn": LSTM()}))
    assert str(error.value) == "ModuleDict: rnn is quantized: wrap the module as it was before"


# Cells written by hand that do not do what a cell must.


def echo(**methods):
    return type("Odd", (Echo,), methods)()


def steps(make):
    return {"step": lambda self, x, state, edit: make(x, edit)}


def starts(make):
    return {"start": lambda self, batch: make(torch.zeros(batch, 2))}


def with_sites(**sites):
    def build():
        cell = echo()
        cell.sites = sites
        return cell

    return build


WRONG_CELLS = {
    "sites as a list": (
        lambda: changed(echo(), lambda cell: setattr(cell, "sites", ["hidden"])),
        "sites is list, expected a mapping of site to number of units",
    ),
    "unknown site": (with_sites(hiden=2), "site 'hiden' does not exist; did you mean 'hidden'?"),
    "half a unit": (with_sites(hidden=1.5), "sites['hidden']=1.5, expected a whole number of units"),
    "no units": (with_sites(hidden=0), "sites['hidden']=0, expected a whole number of units"),
    "no hidden": (with_sites(cell=2, input_gate=2), "sites has cell and input_gate, and no hidden"),
    "start as a tensor": (
        lambda: echo(**starts(lambda zeros: zeros)),
        "start gives Tensor, expected a dict of site to tensor",
    ),
    "start of something else": (
        lambda: echo(**starts(lambda zeros: {"hidden": zeros, "cell": zeros})),
        "start names cell, which sites does not",
    ),
    "start of another shape": (
        lambda: echo(**starts(lambda zeros: {"hidden": zeros[0]})),
        "start gives hidden as [2], expected [2, 2]",
    ),
    "start of another type": (
        lambda: echo(**starts(lambda zeros: {"hidden": zeros.double()})),
        "start gives hidden as float64, and the weights are float32",
    ),
    "step as a tensor": (
        lambda: echo(**steps(lambda x, edit: edit("hidden", x))),
        "step gives Tensor, expected a dict of site to tensor",
    ),
    "step without a site": (lambda: echo(**steps(lambda x, edit: {})), "step gives no tensor for hidden"),
    "step of another shape": (
        lambda: echo(**steps(lambda x, edit: {"hidden": edit("hidden", x[:, :1])})),
        "step gives hidden as [2, 1], expected [2, 2]",
    ),
    "step without an edit": (
        lambda: echo(**steps(lambda x, edit: {"hidden": x})),
        "step does not pass hidden through edit(site, value)",
    ),
    "step with an edit of something else": (
        lambda: echo(**steps(lambda x, edit: {"hidden": edit("hidden", edit("cell", x))})),
        "step passes cell through edit, which sites does not name",
    ),
    "step that forgets the edit": (
        lambda: echo(**steps(lambda x, edit: {"hidden": x, **dict.fromkeys((), edit("hidden", x))})),
        "step does not return what edit made of hidden",
    ),
}


@pytest.mark.parametrize("case", WRONG_CELLS)
def test_a_cell_that_does_not_do_what_a_cell_must_says_what(case):
    build, message = WRONG_CELLS[case]
    with pytest.raises(NetworkError) as error:
        adapt(build())
    assert str(error.value) in (f"Odd: the cell Odd: {message}", f"Echo: the cell Echo: {message}")


def test_a_cell_that_fails_or_hides_its_input_is_named():
    with pytest.raises(NetworkError) as error:
        adapt(echo(**steps(lambda x, edit: 1 / 0)))
    assert str(error.value) == "Odd: the cell Odd fails on an input [2, 2]: ZeroDivisionError: division by zero"
    hidden = echo()
    del hidden.input_size
    with pytest.raises(NetworkError) as error:
        adapt(hidden)
    assert str(error.value) == (
        "Odd: the cell Odd does not say how many features it reads: give it an attribute input_size"
    )
    assert adapt(hidden, symbols=2).inputs == 2


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
