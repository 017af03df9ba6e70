"""The parts of a module: found, or named by the user."""

import pytest
import torch
from torch import nn
from user_modules import CharModel, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.models import Model
from neuronspec.networks.wrap import adapt


def tokens_of(time=6, batch=3, symbols=5, seed=0):
    return torch.randint(symbols, (time, batch), generator=torch.Generator().manual_seed(seed))


def test_the_parts_are_found():
    adapted = adapt(seeded(CharModel, "lstm", layers=2, batch_first=True))
    assert isinstance(adapted, Model)
    assert adapted.parts == {"embedding": "embed", "recurrent": "rnn", "read_out": "fc"}
    assert [dict(layer.sites)["cell"] for layer in adapted.layers] == [4, 4]
    assert (adapted.symbols, adapted.vocabulary, adapted.inputs, adapted.causal) == (5, 5, 3, True)
    assert (adapted.batch_first, adapted.dtype, adapted.device) == (True, torch.float32, torch.device("cpu"))
    assert adapted.fused == [adapted.module.rnn]


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


def test_attention_is_let_pass_where_all_parts_are_named():
    module = seeded(CharModel)
    module.attention = nn.MultiheadAttention(4, 1)
    adapt(module, embedding="embed", recurrent="rnn", read_out="fc")


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
