"""Scans against scikit-learn's AUROC and numpy's correlation of all values laid end to end."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import check_refused
from sklearn.metrics import roc_auc_score
from user_modules import CharModel, seeded

import neuronspec as ns
from neuronspec import wrap
from neuronspec.engine.scan import scan as module
from neuronspec.engine.scan.scan import TINY, scan
from neuronspec.engine.sequences import Sequences, values
from neuronspec.networks.tasks import Example

ALPHABET = 'ab"\n '
SIGNALS = {
    "b": ns.char("b"),
    "quoted": ns.inside('"'),
    "soon": ns.upcoming("\n"),
    "short": ns.since("\n") <= 3,
    "word": ns.regex("a[ab]+"),
    "column": ns.since("\n"),
    "read": ns.count_of("a") - ns.count_of("b"),
}


def text(length):
    return "".join(np.random.default_rng(1).choice(list(ALPHABET), length, p=[0.35, 0.3, 0.1, 0.05, 0.2]))


def net(kind="lstm", **options):
    return wrap(seeded(CharModel, kind, units=6, **options).requires_grad_(False), ALPHABET)


def end_to_end(network, read, site, streams):
    """All values ``[step unit]`` in the order of the text."""
    pieces = [piece[site] for piece in network.stream(read, site, streams=streams)]
    return torch.cat(pieces).transpose(0, 1).flatten(0, 1).numpy()


def agrees(found, x, y):
    """One signal's scores are those of the values ``[step unit]`` and of what the signal says."""
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    assert found.steps == len(y)
    found_one, largest = np.isfinite(found.correlation), np.abs(x).max(0).astype(float) ** 2
    constant, varied = np.ptp(x, axis=0) == 0, x.astype(float).var(0) > 4 * TINY * largest  # else by rounding only
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = [np.corrcoef(unit.astype(float), y)[0, 1] for unit in x.T]
    assert not found_one[constant].any()
    assert found_one[varied].all()
    np.testing.assert_allclose(found.correlation[varied], np.array(expected)[varied], atol=1e-6)
    if found.auroc is not None:
        exact = np.array([roc_auc_score(y, unit) for unit in x.T])
        assert (np.abs(found.auroc - exact) <= found.bound + 1e-9).all()


SITES = {
    "cell": (net, ns.cell, 25),
    "hidden, streams that do not divide the text": (net, ns.hidden, 33),
    "a gate": (net, ns.forget_gate, 25),
    "a gate of a GRU": (lambda: net("gru"), ns.update_gate, 25),
    "rectified units, 0 for much of the time": (lambda: net("relu_rnn"), ns.hidden, 25),
    "the second layer": (lambda: net(layers=2), ns.cell.layer(1), 25),
}


@pytest.mark.parametrize("case", SITES)
def test_against_the_oracles(case):
    make, site, streams = SITES[case]
    network, read = make(), text(25_010)
    found = network.scan(read, SIGNALS, site, streams=streams)
    x = end_to_end(network, read, site, streams)
    for name, signal in SIGNALS.items():
        agrees(found[name], x, values(signal, Sequences([Example(read)]))[: len(x), 0])
        assert found[name].bound is None or found[name].bound.max() <= 1e-3


@pytest.mark.parametrize("chunk", [1, 7, 40, 1000])
@pytest.mark.parametrize("first", [50, 100_000])
def test_any_chunks_give_the_same(monkeypatch, chunk, first):
    network, read = net(), text(600)
    expected = network.scan(read, SIGNALS, "cell", streams=5)
    monkeypatch.setattr(module, "FIRST", first)
    found = network.scan(read, SIGNALS, "cell", streams=5, chunk=chunk)
    for name in SIGNALS:
        np.testing.assert_allclose(found[name].correlation, expected[name].correlation, atol=1e-6)
        if found[name].auroc is not None:
            off = np.abs(found[name].auroc - expected[name].auroc)
            assert (off <= found[name].bound + expected[name].bound + 1e-9).all()


SHAPES = {
    "normal": lambda x: x,
    "a large mean": lambda x: 1000 + x,
    "saturated on both sides": lambda x: 1 / (1 + np.exp(-30 * x)),
    "heavy tails": lambda x: x**9,
    "few values": lambda x: x.round(),
    "mostly one value": lambda x: np.maximum(x, 1),
    "tiny": lambda x: 1e-30 * x,
    "huge": lambda x: 1e30 * x,
    "growing": lambda x: x + np.arange(len(x)),
    "constant at first": lambda x: np.where(np.arange(len(x)) < 30, 0.1, x),
}


@settings(max_examples=60)
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    seed=st.integers(0, 1000),
    length=st.integers(3, 400),
    cuts=st.sets(st.integers(1, 399)),
    first=st.sampled_from([1, 30, 10_000]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_bound_holds_for_any_values_in_any_pieces(shape, seed, length, cuts, first, dtype):
    rng = np.random.default_rng(seed)
    read = "ab" + "".join(rng.choice(["a", "b", " "], length))
    x = SHAPES[shape](rng.standard_normal(length + 2)).astype(dtype)
    x = np.stack([x, x * (np.array(list(read)) == "a"), np.full_like(x, 0.1)], 1)
    pieces = [torch.from_numpy(piece).unsqueeze(1) for piece in np.split(x, sorted(c for c in cuts if c < len(x)))]
    signals = {"b": ns.char("b"), "after": ns.since("b") <= 1, "soon": ~ns.upcoming("b"), "column": ns.position()}
    signals = {name: s for name, s in signals.items() if len(set(said(s, read)[np.isfinite(said(s, read))])) > 1}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "FIRST", first)
        found = scan(pieces, signals, read, 1, ns.cell)
    for name, signal in signals.items():
        agrees(found[name], x, said(signal, read))


def said(signal, read):
    return values(signal, Sequences([Example(read)]))[:, 0]


def planted(*columns, read="abababab", **signals):
    """A scan of units with these values."""
    pieces = torch.tensor(columns, dtype=torch.float32).T.unsqueeze(1)
    return scan([pieces], signals or {"b": ns.char("b")}, read, 1, ns.cell)


ALTERNATING = [0, 1, 0, 1, 0, 1, 0, 1]
FALLING = [3, 2, 3, 2, 3, 2, 2, 3]


def test_values_that_come_again_and_again_cost_no_exactness():
    assert (planted(FALLING, ALTERNATING)["b"].bound == 0).all()


def test_signals_are_known_across_streams():
    """The second stream begins inside the quotation marks that the first one opens."""
    network, read = net(), 'ab"aaaa\n' + 'bbbb"aab'
    signal = ns.inside('"')
    found = network.scan(read, {"quoted": signal}, "cell", streams=2)
    agrees(found["quoted"], end_to_end(network, read, "cell", 2), said(signal, read))


def test_progress_is_told():
    told = []
    net().scan(text(101), {"b": "b"}, "cell", streams=10, progress=lambda *done: told.append(done))
    assert told == [(100, 100)]


def test_weights_of_double_precision():
    network = wrap(seeded(CharModel, units=3).double().requires_grad_(False), ALPHABET)
    read = text(500)
    agrees(
        network.scan(read, {"b": "b"}, "cell")["b"], end_to_end(network, read, "cell", 100), said(ns.char("b"), read)
    )


BAD = {
    "not a signal": (
        lambda: net().scan("abab", {"b": 7}, "cell", streams=1),
        "scan(b=7): expected a signal (a value per step), e.g. char('a')",
    ),
    "no signals": (
        lambda: net().scan("abab", {}, "cell", streams=1),
        "signals={}: expected signals by name, e.g. {'quote': char('a')}",
    ),
    "a signal without a name": (
        lambda: net().scan("abab", ns.char("a"), "cell", streams=1),
        "signals=char('a'): expected signals by name, e.g. {'quote': char('a')}",
    ),
    "what a task gives": (
        lambda: net().scan("abab", {"due": ns.steps_to(ns.event("due"))}, "cell", streams=1),
        "event('due'): a task gives that, and here there are texts alone",
    ),
    "a signal that never holds": (
        lambda: net().scan("abab", {"quote": ns.char('"')}, "cell", streams=1),
        "signals['quote']: char('\"') never holds in the text",
    ),
    "a signal that always holds": (
        lambda: net().scan("abab", {"letter": ns.one_of("ab")}, "cell", streams=1),
        "signals['letter']: one_of('ab') always holds in the text",
    ),
    "a number that stays the same": (
        lambda: net().scan("abab", {"deep": ns.depth('"', "\n")}, "cell", streams=1),
        "signals['deep']: depth('\"', '\\n') is always 0 in the text",
    ),
    "a signal that is defined nowhere": (
        lambda: net().scan("abab", {"line": ns.since("\n")}, "cell", streams=1),
        "signals['line']: since(char('\\n')) is defined nowhere in the text",
    ),
    "a site that the network does not have": (
        lambda: net("gru").scan("abab", {"b": "b"}, ns.cell, streams=1),
        "cell: CharModel has no cell; it has reset_gate, update_gate, candidate, hidden",
    ),
    "which layer": (
        lambda: net(layers=2).scan("abab", {"b": "b"}, ns.cell, streams=1),
        "cell: CharModel has 2 layers: write cell.layer(0) to cell.layer(1)",
    ),
    "several sites": (
        lambda: net().scan("abab", {"b": "b"}, [ns.cell, ns.hidden], streams=1),
        "site=[cell, hidden]: expected one site, e.g. cell",
    ),
    "a text that is too short": (
        lambda: net().scan("abab", {"b": "b"}, ns.cell),
        "scan(streams=100): the text has 4 symbols",
    ),
    "no text": (lambda: net().scan("", {"b": "b"}, ns.cell), "scan(''): expected a text that is not empty"),
    "characters outside the alphabet": (
        lambda: net().scan("abxyx", {"b": "b"}, ns.cell, streams=1),
        "3 characters are outside the alphabet: 'x' (2), 'y' (1); wrap(..., unknown=' ') reads them as that symbol",
    ),
    "no alphabet": (
        lambda: wrap(seeded(CharModel)).scan("abab", {"b": "b"}, ns.cell),
        "scan needs text: wrap(module, alphabet=...)",
    ),
    "a chunk of nothing": (
        lambda: net().scan("abab", {"b": "b"}, ns.cell, streams=1, chunk=0),
        "scan(chunk=0): expected a whole number of at least 1",
    ),
    "backwards": (
        lambda: net(bidirectional=True).scan("abab", {"b": "b"}, ns.cell, streams=1),
        "CharModel reads backwards too: it cannot read in chunks",
    ),
    "a name that was not scanned": (
        lambda: planted(ALTERNATING)["c"],
        "no signal 'c' was scanned; known: b",
    ),
    "the AUROC of a number": (
        lambda: planted(ALTERNATING, step=ns.position()).ranking("step", by="auroc"),
        "ranking('step', by='auroc'): position() is a number, it does not hold or not",
    ),
    "ranked by something else": (
        lambda: planted(ALTERNATING).ranking("b", by="f1"),
        "ranking(by='f1'): expected 'auroc' or 'correlation'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    check_refused(*BAD[case])
