"""Traces, interventions and samples of a user's own LSTM or GRU, against torch's fused layers and plain loops."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import neuronspec as ns
from neuronspec import wrap
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import trace
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.networks.tasks import Example
from neuronspec.networks.threads import one_thread

ALPHABET = "".join(map(chr, range(32, 96)))
KINDS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Model(nn.Module):
    def __init__(self, kind, units):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(len(ALPHABET), 64)
        self.rnn = KINDS[kind](64, units)
        self.head = nn.Linear(units, len(ALPHABET))
        self.requires_grad_(False)

    def forward(self, tokens, state=None):
        hidden, state = self.rnn(self.embedding(tokens), state)
        return self.head(hidden), state


def texts(batch, length=100):
    generator = torch.Generator().manual_seed(1)
    return ["".join(ALPHABET[t] for t in torch.randint(64, (length,), generator=generator)) for _ in range(batch)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("batch", "units"), [(100, 256), (512, 512)])
@pytest.mark.parametrize("how", ["fused, hidden only", "traced, every site"])
def test_full_trace(benchmark, kind, batch, units, how):
    """100 steps."""
    benchmark.group = f"trace: {kind}, {batch} x 100 x {units}"
    model = Model(kind, units)
    net = wrap(model)
    tokens = torch.randint(64, (100, batch))
    inputs, everywhere = model.embedding(tokens), list(net.sizes)

    def run():
        with torch.no_grad():
            return model.rnn(inputs) if how.startswith("fused") else net.model(inputs, record=everywhere)

    with one_thread():
        benchmark.pedantic(run, rounds=7, warmup_rounds=2)


def by_character_and_unit(model, strings, units):
    """A notebook's loop: every string once for every unit, one character at a time."""
    traces = {}
    for unit in units:
        for number, string in enumerate(strings):
            state, values = None, []
            for character in string:
                token = torch.tensor([[ALPHABET.index(character)]])
                _, state = model.rnn(model.embedding(token), state)
                values.append(state[1][0, 0, unit].item())
            traces[unit, number] = values
    return traces


@pytest.mark.parametrize("how", ["one trace", "loop over characters, for one unit of 256"])
def test_against_the_loop(benchmark, how):
    """100 strings of 100 characters, 256 units: multiply the loop by 256."""
    benchmark.group = "trace: 100 strings, every unit of the cell"
    model, strings = Model("lstm", 256), texts(100)
    net = wrap(model, ALPHABET)
    run = (lambda: net.trace(strings)) if how == "one trace" else lambda: by_character_and_unit(model, strings, [5])
    with one_thread(), torch.no_grad():
        benchmark.pedantic(run, rounds=5 if how == "one trace" else 1, warmup_rounds=1 if how == "one trace" else 0)


def examined(units):
    """An LSTM of so many units and 32 strings, read already."""
    net = wrap(Model("lstm", units), ALPHABET)
    examples = tuple(Example(text) for text in texts(32))
    subject = Subject(net.network, examples, examples, [(0, "cell")])
    subject.clean("verification")
    return subject


def lanes(units):
    base = ns.cell[0]
    return base, [{base: UnitSet(0, "cell", (lane % units,), (1,), (1,) * units)} for lane in range(11)]


def from_the_start(subject, under, sets):
    """All sequences again from their first step, once for every set of units, the edit at its step."""
    read = subject._tokens(subject.verification)
    for chosen in sets:
        edits = subject._compiled(under, [chosen], lambda: subject.clean("verification")).edits
        trace(subject.network, read, [(0, "cell")], edits)


@pytest.mark.parametrize("units", [10, 256])
@pytest.mark.parametrize("how", ["one lane", "eleven lanes", "set by set from the start"])
def test_intervention_in_the_middle(benchmark, units, how):
    """One unit set at step 50 of 100 and ten random ones, 32 sequences."""
    benchmark.group = f"intervene: {units} units, 32 x 100 steps, edited at step 50"
    subject = examined(units)
    base, sets = lanes(units)
    under = ns.zero(base, at=ns.start + 50)
    runs = {
        "one lane": lambda: list(subject.edited(under, sets[:1])[0]),
        "eleven lanes": lambda: list(subject.edited(under, sets)[0]),
        "set by set from the start": lambda: from_the_start(subject, under, sets),
    }
    with one_thread():
        benchmark.pedantic(runs[how], rounds=7, warmup_rounds=1)


@pytest.mark.parametrize("how", ["unedited", "clamped"])
def test_sampling(benchmark, how):
    """200 texts of 600 characters from an LSTM of 256 units."""
    benchmark.group = "sample: 200 x 600 characters, LSTM 256"
    net = wrap(Model("lstm", 256), ALPHABET)
    under = ns.clamp(ns.cell[5], high=0.1) if how == "clamped" else None
    with one_thread():
        benchmark.pedantic(lambda: net.generate(200, 600, seed=1, under=under), rounds=3, warmup_rounds=1)


LONG = r"""
import re, torch
import test_own_networks as bench
from neuronspec import wrap
torch.set_num_threads(1)
net = wrap(bench.Model("lstm", 256), bench.ALPHABET)
text = "".join(bench.texts(1, 50_000)) * 100
peak = 0.0
for piece in net.stream(text, ["cell"], streams=200):
    peak = max(peak, float(piece["cell"].max()))
status = open("/proc/self/status").read()  # ru_maxrss also counts the process that started this one
print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 2**20)
"""


def test_memory_of_a_long_text(benchmark):
    """One site traced over five million characters, in less than 1 GB."""
    benchmark.group = "read: 5 million characters, one site traced"
    command = [sys.executable, "-c", LONG]
    options = {"check": True, "capture_output": True, "text": True, "cwd": Path(__file__).parent}
    said = benchmark.pedantic(subprocess.run, (command,), options, rounds=1)
    benchmark.extra_info["peak GB"] = float(said.stdout)
    assert float(said.stdout) < 1
