"""Networks as users write them, of every shape that ``wrap`` must read."""

from functools import partial

import torch
from torch import nn

FUSED = {"rnn": nn.RNN, "relu_rnn": partial(nn.RNN, nonlinearity="relu"), "lstm": nn.LSTM, "gru": nn.GRU}


class CharModel(nn.Module):
    """Embedding (or one-hot vectors) → recurrent layers → linear."""

    def __init__(self, kind="lstm", symbols=5, embedding=3, units=4, layers=1, dropout=0.0, **options):
        super().__init__()
        self.symbols = symbols
        self.embed = nn.Embedding(symbols, embedding) if embedding else None
        self.rnn = FUSED[kind](embedding or symbols, units, layers, dropout=dropout if layers > 1 else 0.0, **options)
        self.drop = nn.Dropout(dropout)
        width = (options.get("proj_size") or units) * (2 if options.get("bidirectional") else 1)
        self.fc = nn.Linear(width, symbols)

    def features(self, tokens):
        return (
            self.embed(tokens) if self.embed else nn.functional.one_hot(tokens, self.symbols).to(self.fc.weight.dtype)
        )

    def forward(self, tokens):
        return self.fc(self.drop(self.rnn(self.features(tokens))[0]))


def seeded(build, *args, seed=0, **options):
    """A module with weights drawn from a seed; the global random numbers are put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(*args, **options)


class NormedCell(nn.Module):
    """An LSTM written by hand: LayerNorm inside the step, gates in the order o f g i, and a coupled bias."""

    def __init__(self, inputs=3, units=4):
        super().__init__()
        self.input_size, self.units = inputs, units
        self.rows = nn.Linear(inputs + units, 4 * units)
        self.norm, self.cell_norm = nn.LayerNorm(4 * units), nn.LayerNorm(units)

    @property
    def sites(self):
        names = ("output_gate", "forget_gate", "candidate", "input_gate", "cell", "hidden")
        return dict.fromkeys(names, self.units)

    def start(self, batch):
        zeros = self.rows.weight.new_zeros(batch, self.units)
        return {"hidden": zeros, "cell": zeros}

    def step(self, x, state, edit):
        o, f, g, i = self.norm(self.rows(torch.cat([x, state["hidden"]], 1))).chunk(4, 1)
        v = {"output_gate": edit("output_gate", o.sigmoid()), "forget_gate": edit("forget_gate", f.sigmoid())}
        v["candidate"] = edit("candidate", g.tanh())
        v["input_gate"] = edit("input_gate", i.sigmoid())
        v["cell"] = edit("cell", v["forget_gate"] * state["cell"] + v["input_gate"] * v["candidate"])
        v["hidden"] = edit("hidden", v["output_gate"] * self.cell_norm(v["cell"]).tanh())
        return v


class ByHand(nn.Module):
    """A network around ``NormedCell``, with a forward of its own."""

    def __init__(self, symbols=5):
        super().__init__()
        self.embed, self.cell, self.fc = nn.Embedding(symbols, 3), NormedCell(), nn.Linear(4, symbols)

    def forward(self, tokens):
        h = c = torch.zeros(tokens.shape[1], 4)
        logits = []
        for x in self.embed(tokens):
            o, f, g, i = self.cell.norm(self.cell.rows(torch.cat([x, h], 1))).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * self.cell.cell_norm(c).tanh()
            logits.append(self.fc(h))
        return torch.stack(logits)


class Echo(nn.Module):
    """The smallest cell: its hidden state is its input."""

    def __init__(self, units=2):
        super().__init__()
        self.input_size, self.sites = units, {"hidden": units}

    def start(self, batch):
        return {"hidden": torch.zeros(batch, self.sites["hidden"])}

    def step(self, x, state, edit):
        return {"hidden": edit("hidden", x)}


class MeanFree(Echo):
    """Forgets that the sequences of a batch have nothing to do with one another."""

    def step(self, x, state, edit):
        return {"hidden": edit("hidden", x - x.mean(0))}
