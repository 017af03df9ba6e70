"""A user's trained networks through a task file: loaded, checked, verified."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from neuronspec.cli import main

TASK = """
from torch import nn
from neuronspec import perplexity
from neuronspec.networks import Example, Task, checkpoint

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn, self.head = nn.Embedding(5, 4), nn.LSTM(4, 6), nn.Linear(6, 5)

ONE = Model()

def broken():
    raise ValueError("no such size")

task = Task(
    alphabet="abc", end=None, competence=perplexity() <= 1000,
    examples=[Example(text, prompt=2) for text in ("abba", "cabc", "abcabc")],
    recipes={
        "ours": checkpoint("weights.pt", build=Model, alphabet="ab cX"),
        "many": checkpoint("weights-{seed}.npz", build=Model, alphabet="ab cX"),
        "broken": checkpoint("weights.pt", build=broken),
        "no_module": checkpoint("weights.pt", build=dict),
        "lacking": checkpoint("weights.pt", build=Model, alphabet="abXYZ"),
        "short": checkpoint("weights.pt", build=Model),
        "absent": checkpoint("nowhere.pt", build=Model, alphabet="ab cX"),
        "shared": checkpoint("weights-{seed}.npz", build=lambda: ONE, alphabet="ab cX"),
        "fixed": checkpoint("weights.pt", build=lambda: given(), alphabet="ab cX"),
    },
)

def given():
    import torch
    module = Model()
    module.load_state_dict(torch.load("weights.pt"))
    return module
"""
SPEC = """
from neuronspec import *
ours = Spec("letters/{name}", seeds=2, claims={{
    "it expects what comes": perplexity() <= 100,
    "some unit goes with a's": correlation("a", of=cell.best(correlation("a"))) >= -1,
    "zeroed, it says something else": change(count("a"), under=zero(cell[2])) <= 100,
    "it has gates": mean(of={of}) >= 0,
}})
"""


class Model(nn.Module):
    def __init__(self, seed=7):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding, self.rnn, self.head = nn.Embedding(5, 4), nn.LSTM(4, 6), nn.Linear(6, 5)


@pytest.fixture
def verify(tmp_path, monkeypatch):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "specs").mkdir()
    (tmp_path / "tasks" / "letters.py").write_text(TASK)
    torch.save(Model().state_dict(), tmp_path / "weights.pt")
    for seed in range(2):
        arrays = {name: tensor.numpy() for name, tensor in Model(seed).state_dict().items()}
        np.savez(tmp_path / f"weights-{seed}.npz", **arrays)
    monkeypatch.chdir(tmp_path)

    def verify(name, of="forget_gate", *args):
        (tmp_path / "specs" / "spec_letters.py").write_text(SPEC.format(name=name, of=of))
        return CliRunner().invoke(main, ["verify", "--json", "run.json", *args], catch_exceptions=False)

    return verify


def claims():
    with open("run.json") as file:
        return {claim["says"]: claim for claim in json.load(file)["claims"]}


def test_one_file_is_one_network(verify):
    said = verify("ours")
    assert said.exit_code in (0, 1), said.output
    (replicate,) = claims()["it expects what comes"]["replicates"]
    with torch.no_grad():
        losses = []
        model = Model()
        for text in ("abba", "cabc", "abcabc"):
            read = torch.tensor(["ab cX".index(s) for s in text])
            logits = model.head(model.rnn(model.embedding(read))[0])
            losses += nn.functional.cross_entropy(logits[1:-1], read[2:], reduction="none").tolist()
    assert replicate["value"] == pytest.approx(np.exp(np.mean(losses)), rel=1e-5)
    assert set(replicate["parity"]) == {
        "stepped = fused", "batched = single", "padded = unpadded", "no-op edit = clean", "resumed = whole",
        "module's own forward",
    }  # fmt: skip
    claim = claims()["some unit goes with a's"]
    assert claim["controls"]["untrained twin"]["value"] != pytest.approx(claim["value"])


def test_a_file_for_each_seed(verify):
    verify("many")
    values = [replicate["value"] for replicate in claims()["it expects what comes"]["replicates"]]
    assert len(set(values)) == 2


def test_a_build_that_loads_the_weights_itself_has_no_twin(verify):
    verify("fixed")
    twin = claims()["some unit goes with a's"]["controls"]["untrained twin"]
    assert (twin["value"], twin["note"]) == (None, "no twin: its build gives the trained weights, in 1 of 1")


def test_a_site_that_the_module_does_not_have_is_passed_over(verify):
    verify("ours", "update_gate")
    assert claims()["it has gates"]["verdict"] == "not applicable"


WRONG = {
    "a unit that is not there": (
        ("ours", "cell[6]"),
        "specs/spec_letters.py::ours: claims['it has gates']: cell[6]: letters/ours has 6 units per layer, 0 to 5",
    ),
    "a layer that is not there": (
        ("ours", "cell.layer(1)"),
        "specs/spec_letters.py::ours: claims['it has gates']: cell.layer(1): letters/ours has layers 0 to 0",
    ),
    "build raises": (("broken",), "letters/broken: build raised ValueError: no such size"),
    "build returns something else": (
        ("no_module",),
        "letters/no_module: build returned dict, expected a torch.nn.Module",
    ),
    "an alphabet that lacks symbols": (
        ("lacking",),
        "letters/lacking: its alphabet lacks 1 symbols of task letters: 'c'",
    ),
    "no such file": (("absent",), "nowhere.pt: No such file or directory"),
    "one module for all": (
        ("shared",),
        "letters/shared: build returned the same weights twice: it must make a new module each time",
    ),
    "an alphabet of another size": (("short",), "letters/short: Model: "),
    "full size": (("ours", "cell", "--seeds", "x"), "--seeds x: expected how many"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(verify, case):
    args, message = WRONG[case]
    said = verify(*args)
    assert said.exit_code == 2
    assert message in said.stderr


def test_there_is_nothing_to_train(verify):
    verify("ours")
    said = CliRunner().invoke(main, ["train", "letters/ours"])
    assert (said.exit_code, said.stderr) == (
        2,
        "error: letters/ours is a checkpoint, weights.pt: there is nothing to train\n",
    )


def test_checkpoints_are_listed(verify):
    verify("ours")
    said = CliRunner().invoke(main, ["list", "--networks"])
    assert "letters/ours\tcheckpoint weights.pt\n" in said.stdout


def test_a_network_that_its_own_forward_contradicts_gets_no_verdict(verify, tmp_path):
    task = tmp_path / "tasks" / "letters.py"
    forward = "\n\n    def forward(self, tokens):\n        return 2 * self.head(self.rnn(self.embedding(tokens))[0])\n"
    task.write_text(TASK.replace("\n\nONE", forward + "\nONE"))
    verify("ours")
    assert {claim["verdict"] for claim in claims().values()} == {"error"}
    assert "the module's own forward gives other logits" in claims()["it has gates"]["reason"]
