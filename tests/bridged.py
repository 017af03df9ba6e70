"""Encoder-decoders written out: the equations of papers, one sequence and one step at a time."""

import torch
from torch import nn

from neuronspec.engine.runs.tracing import Network
from neuronspec.networks.models import build
from neuronspec.networks.recipes import Recipe

VOCABULARY = "abXY$"


def recipe(kind, layers=1, embedding=3, units=4):
    return Recipe(kind, units=units, layers=layers, embedding=embedding, encoder=True)


def network(kind, layers=1, embedding=3, seed=0, units=4):
    model = build(recipe(kind, layers, embedding, units), len(VOCABULARY)).initialise(seed)
    return Network(f"tiny/{kind}", seed, VOCABULARY, model.double().requires_grad_(False))


def tokens(text):
    return torch.tensor([VOCABULARY.index(s) for s in text], dtype=torch.long)


def embedded(model, text):
    if model.embedding is None:
        return nn.functional.one_hot(tokens(text), model.symbols).double()
    return model.embedding[tokens(text)]


def leave(layer, site, step, value):
    return value


def step(kind, w, x, state, edit):
    """One step of one layer, ``state`` being ``[unit]`` by name; returns all its sites."""
    h, b, bh, ih, hh = state["hidden"], w["bias_ih"], w["bias_hh"], w["weight_ih"], w["weight_hh"]
    found, units = {}, len(h)

    def is_(site, value):
        found[site] = edit(site, value)
        return found[site]

    if kind == "lstm":
        i, f, g, o = (ih @ x + b + hh @ h + bh).split(units)
        i, f = is_("input_gate", torch.sigmoid(i)), is_("forget_gate", torch.sigmoid(f))
        g, o = is_("candidate", torch.tanh(g)), is_("output_gate", torch.sigmoid(o))
        is_("hidden", o * torch.tanh(is_("cell", f * state["cell"] + i * g)))
        return found
    (xr, xz, xn), (br, bz, bn), (wr, wz, wn) = (ih @ x + b).split(units), bh.split(units), hh.split(units)
    r, z = is_("reset_gate", torch.sigmoid(xr + wr @ h + br)), is_("update_gate", torch.sigmoid(xz + wz @ h + bz))
    inner = r * (wn @ h + bn) if kind == "gru" else wn @ (r * h) + bn
    is_("hidden", (1 - z) * is_("candidate", torch.tanh(xn + inner)) + z * h)
    return found


def stacked(kind, recurrent, x, states, edit=leave, t=0):
    """One step of all layers."""
    after = []
    for n, state in enumerate(states):
        after.append(step(kind, recurrent.weights(n), x, state, lambda site, value, n=n: edit(n, site, t, value)))
        x = after[-1]["hidden"]
    return after


def bridged(model, source):
    """The states of each layer of the encoder after a source."""
    states = [{name: v[0] for name, v in layer.start(1).items()} for layer in model.encoder.layers]
    for x in embedded(model, source):
        states = stacked(model.recipe.kind, model.encoder, x, states)
    return [{name: state[name] for name in ("hidden", "cell") if name in state} for state in states]


def read(model, source, text, edit=leave):
    """All sites of a decoder and its logits, step by step; step 0 is the bridged state."""
    states = [{s: edit(n, s, 0, v) for s, v in state.items()} for n, state in enumerate(bridged(model, source))]
    every, logits = [states], [model.readout_weight @ states[-1]["hidden"] + model.readout_bias]
    for t, x in enumerate(embedded(model, text)):
        states = stacked(model.recipe.kind, model.recurrent, x, states, edit, t + 1)
        every.append(states)
        logits.append(model.readout_weight @ states[-1]["hidden"] + model.readout_bias)
    return every, torch.stack(logits)


def say(model, source, prompt, limit, edit=leave):
    """What a decoder goes on to say, up to a length."""
    states = [{s: edit(n, s, 0, v) for s, v in state.items()} for n, state in enumerate(bridged(model, source))]
    text = prompt
    for t in range(limit):
        if t == len(text):
            said = VOCABULARY[int((model.readout_weight @ states[-1]["hidden"] + model.readout_bias).argmax())]
            if said == "$":
                break
            text += said
        states = stacked(model.recipe.kind, model.recurrent, embedded(model, text[t])[0], states, edit, t + 1)
    return text
