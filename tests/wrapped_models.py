"""Modules to wrap, and texts that they read."""

import torch
from torch import nn

from neuronspec import wrap

ALPHABET = "ab c\n"
TEXTS = ["abba ca", "cab", "a\nbc"]


def same(ours, theirs):
    """Equal, NaN past the end of a sequence included."""
    return torch.equal(ours.nan_to_num(7.5), theirs.nan_to_num(7.5))


class Model(nn.Module):
    """Embedding, recurrent layers, read-out; batch first, dropout between the layers."""

    def __init__(self, kind=nn.LSTM, layers=1, **options):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(5, 4)
        self.rnn = kind(4, 6, layers, batch_first=True, **options)
        self.head = nn.Linear(6 * (2 if options.get("bidirectional") else 1), 5)

    def forward(self, tokens, state=None):
        hidden, state = self.rnn(self.embedding(tokens), state)
        return self.head(hidden), state


class NoReadOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 6, batch_first=True)


def tokens(text):
    return torch.tensor([[ALPHABET.index(s) for s in text]])


def lstm():
    return wrap(Model(), ALPHABET)
