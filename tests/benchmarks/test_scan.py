"""Every unit against ten signals over a long text: time against torch's fused layer, memory, and how exact it is."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import neuronspec as ns
from neuronspec import wrap
from neuronspec.networks.threads import one_thread

ALPHABET = "".join(map(chr, range(32, 96)))
STREAMS, CHUNK = 500, 10
SIGNALS = {
    "space": ns.char(" "),
    "vowel": ns.one_of("AEIOU"),
    "letter": ns.one_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "quoted": ns.inside('"'),
    "soon": ns.upcoming(" "),
    "word": ns.regex("[A-Z]{3,}"),
    "deep": ns.depth("(", ")") >= 1,
    "column": ns.since(" "),
    "open": ns.depth("(", ")"),
    "read": ns.count_of("A"),
}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(len(ALPHABET), 64)
        self.rnn = nn.LSTM(64, 512)
        self.head = nn.Linear(512, len(ALPHABET))
        self.requires_grad_(False)

    def forward(self, tokens, state=None):
        hidden, state = self.rnn(self.embedding(tokens), state)
        return self.head(hidden), state


def text(length):
    return "".join(np.random.default_rng(0).choice(list(ALPHABET), length))


def fused(model, inputs):
    """The forward pass that records nothing but the hidden state, chunk after chunk."""
    state = None
    with torch.no_grad():
        for k in range(0, len(inputs), CHUNK):
            _, state = model.rnn(inputs[k : k + CHUNK], state)


def inputs_of(model, read):
    tokens = torch.tensor([ALPHABET.index(symbol) for symbol in read])
    return model.embedding(tokens.view(STREAMS, -1).T)


def seconds(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def test_time(benchmark):
    """A million characters, 512 units; both in one run, on one thread."""
    benchmark.group = "scan: a million characters, 512 units, ten signals"
    model, read = Model(), text(1_000_000)
    net, inputs = wrap(model, ALPHABET), inputs_of(model, read)
    with one_thread():
        before = seconds(lambda: fused(model, inputs))
        found = benchmark.pedantic(net.scan, (read, SIGNALS, ns.cell), {"streams": STREAMS, "chunk": CHUNK}, rounds=1)
        forward = min(before, seconds(lambda: fused(model, inputs)))  # others may use the machine too
    benchmark.extra_info["seconds of the fused forward pass"] = forward
    benchmark.extra_info["scan / fused"] = benchmark.stats.stats.min / forward
    bounds = [scored.bound.max() for scored in found.scored.values() if scored.bound is not None]
    benchmark.extra_info["largest bound of an AUROC"] = max(bounds)
    assert max(bounds) <= 1e-3


MEMORY = r"""
import re, sys, torch
import test_scan as bench
torch.set_num_threads(1)
net = bench.wrap(bench.Model(), bench.ALPHABET)
net.scan(bench.text(int(sys.argv[1])), bench.SIGNALS, "cell", streams=bench.STREAMS)
status = open("/proc/self/status").read()  # ru_maxrss also counts the process that started this one
print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 2**20)
"""


@pytest.mark.parametrize("length", [200_000, 1_000_000])
def test_memory(benchmark, length):
    """512 units; five times the text takes no more than a tenth more."""
    benchmark.group = "scan: memory"
    command = [sys.executable, "-c", MEMORY, str(length)]
    options = {"check": True, "capture_output": True, "text": True, "cwd": Path(__file__).parent}
    said = benchmark.pedantic(subprocess.run, (command,), options, rounds=1)
    benchmark.extra_info["peak GB"] = float(said.stdout)
    assert float(said.stdout) < 1
