"""Integrated gradients of many sequences, moments and tokens against Captum's, one after the other, on one thread."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

import neuronspec as ns
from neuronspec import wrap
from neuronspec.engine.picks.attribution import attribute_all
from neuronspec.engine.runs.subject import Subject
from neuronspec.networks.tasks import Example
from neuronspec.networks.threads import one_thread

ALPHABET = "".join(map(chr, range(32, 96)))
TOKENS, MOMENTS, DUE, LENGTH, NODES = "ABCDE", (4, 12, 18, 23), 25, 32, 32
OUTCOMES = [ns.probability(token, at=ns.start + DUE) for token in TOKENS]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.rnn, self.head = nn.Embedding(64, 64), nn.LSTM(64, 128), nn.Linear(128, 64)
        self.requires_grad_(False)


def texts():
    generator = torch.Generator().manual_seed(1)
    return ["".join(ALPHABET[t] for t in torch.randint(64, (LENGTH,), generator=generator)) for _ in range(64)]


def subject():
    net = wrap(Model(), ALPHABET)
    found = Subject(
        net.network, *[[Example(text) for text in texts()]] * 2, [(0, site) for site in ("cell", "output_gate")]
    )
    found.clean("discovery")
    return found


def ours(of, nodes=NODES, outcomes=OUTCOMES):
    found = [attribute_all(of, outcomes, ns.start + at, (0, "cell"), "zero", nodes=nodes) for at in MOMENTS]
    return np.array([[one.scores for one in moment] for moment in found])


def one_token_at_a_time(of):
    return np.concatenate([ours(of, outcomes=[outcome]) for outcome in OUTCOMES], 1)


def captums(of, rows=None):
    """Torch's fused layer goes on from the state at the moment; one call for each moment and token."""
    model, traced = of.network.model.module, of.clean("discovery").values
    tokens = torch.tensor([[ALPHABET.index(s) for s in text] for text in texts()])

    def probability(cell, gate, read):
        hidden = gate * cell.tanh()
        out, _ = model.rnn(model.embedding(read.T), (hidden[None], cell[None]))
        return model.head(out[-1]).softmax(-1)

    scores = []
    for at in MOMENTS:
        cell, gate = (torch.from_numpy(traced[0, site][at]) for site in ("cell", "output_gate"))
        given = {"baselines": torch.zeros_like(cell), "additional_forward_args": (gate, tokens[:, at + 1 : DUE])}
        method = {"method": "gausslegendre", "n_steps": NODES, "internal_batch_size": rows}
        attributed = [
            IntegratedGradients(probability).attribute(cell, target=ALPHABET.index(token), **given, **method)
            for token in TOKENS
        ]
        scores.append([one.detach().numpy() for one in attributed])
    return np.array(scores)


HOW = {
    "all tokens at once": ours,
    "as many nodes as add up": lambda of: ours(of, nodes=None),
    "token by token": one_token_at_a_time,
    "Captum": captums,
    "Captum, 512 rows at a time": lambda of: captums(of, 512),
}


@pytest.mark.benchmark(group="attribute: LSTM 128, 64 sequences, 4 moments, 5 tokens, 32 nodes")
@pytest.mark.parametrize("how", HOW)
def test_many_at_once(benchmark, how):
    """The scores are the same."""
    of = subject()
    with one_thread():
        found = benchmark.pedantic(HOW[how], (of,), rounds=3, warmup_rounds=1)
        np.testing.assert_allclose(found, ours(of), atol=1e-5)
