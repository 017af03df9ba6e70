"""A user's own module at hand, against the module itself."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import check_refused
from sklearn.metrics import roc_auc_score
from torch import nn
from user_modules import CharModel, seeded
from wrapped_models import ALPHABET, TEXTS, Model, NoReadOut, lstm, same, tokens

import neuronspec as ns
from neuronspec import wrap
from neuronspec.errors import NetworkError, Undecidable


def by_itself(module, text):
    """The module's own logits for one text, ``[time symbol]``."""
    with torch.no_grad():
        return module.eval()(tokens(text))[0][0]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_logits_are_the_modules_own(kind, layers):
    net = wrap(Model(kind, layers, dropout=0.3 if layers > 1 else 0), ALPHABET)
    logits = net.logits(TEXTS)
    for b, text in enumerate(TEXTS):
        assert torch.allclose(logits[: len(text), b], by_itself(net.model.module, text), atol=1e-6)


def test_an_edit_is_seen_by_the_recurrence():
    """Against the fused layer run in two halves, the hidden state changed by hand between them."""
    net = lstm()
    module = net.model.module.eval()
    edited = net.logits("abba ca", under=ns.set_to(ns.hidden[2], 0.5, at=ns.start + 3))[:, 0]
    with torch.no_grad():
        first, (h, c) = module.rnn(module.embedding(tokens("abba")))
        h[0, 0, 2], first[0, 3, 2] = 0.5, 0.5
        second, _ = module.rnn(module.embedding(tokens(" ca")), (h, c))
        expected = module.head(torch.cat([first, second], 1))[0]
    assert torch.allclose(edited, expected, atol=1e-6)
    assert not torch.allclose(edited[5:], by_itself(module, "abba ca")[5:], atol=1e-3)


def test_a_trace_under_an_edit():
    trace = lstm().trace(TEXTS, ["cell"], under=ns.zero(ns.cell[1] | ns.cell[3], at="c"))
    assert trace["cell"][5, 0, [1, 3]].tolist() == trace["cell"][0, 1, [1, 3]].tolist() == [0, 0]
    assert trace["cell"][4, 0, 1] != 0


def greedily(module, prompt, length):
    text, state, now = prompt, None, prompt
    with torch.no_grad():
        for _ in range(length):
            logits, state = module(tokens(now), state)
            now = ALPHABET[int(logits[0, -1].argmax())]
            text += now
    return text


def test_generation_is_the_modules_own():
    net = lstm()
    module = net.model.module.eval()
    assert net.generate(2, 20, temperature=0, prompt="ab") == [greedily(module, "ab", 20)] * 2
    assert net.generate(1, 9, temperature=0)[0] == greedily(module, "\n", 9)


def test_sampling_has_the_probabilities_of_the_softmax():
    net = lstm()
    expected = (by_itself(net.model.module, "ab")[-1] / 0.5).softmax(-1).numpy()
    said = [text[-1] for text in net.generate(4000, 1, temperature=0.5, seed=3, prompt="ab")]
    seen = np.array([said.count(symbol) for symbol in ALPHABET]) / len(said)
    assert np.abs(seen - expected).max() < 4 * math.sqrt(0.25 / 4000)


def test_samples_differ_by_seed_and_by_the_edit_alone():
    net = lstm()
    clean = net.generate(5, 30, seed=1)
    assert clean == net.generate(5, 30, seed=1)
    assert clean != net.generate(5, 30, seed=2)
    assert clean == net.generate(5, 30, seed=1, under=ns.add(ns.cell[0], 0.0))
    assert clean == net.generate(5, 30, seed=1, under=ns.delay(ns.cell[0], 0, at=ns.start))
    pushed = net.generate(5, 30, seed=1, under=ns.set_to(ns.cell, 3.0, at=ns.position() >= 10))
    assert [text[:11] for text in pushed] == [text[:11] for text in clean]
    assert pushed != clean


def test_measures_of_the_language():
    net = lstm()
    losses = [
        float(-by_itself(net.model.module, text)[t].log_softmax(-1)[ALPHABET.index(text[t + 1])])
        for text in TEXTS
        for t in range(1, len(text) - 1)
    ]
    assert net.measure(ns.cross_entropy(), TEXTS, prompt=2) == pytest.approx(np.mean(losses), abs=1e-6)
    trace = net.trace(TEXTS)
    assert net.measure(ns.mean(of=ns.cell[2]), TEXTS) == pytest.approx(float(trace[ns.cell[2]][trace.mask].mean()))


def test_a_long_text_in_chunks_is_the_text():
    net, text = lstm(), "abba cab\nc" * 7
    whole = net.trace(text, ["cell"])["cell"][:, 0]
    pieces = list(net.stream(text, ["cell"], chunk=13))
    assert [len(piece.texts[0]) for piece in pieces] == [13] * 5 + [5]
    assert torch.allclose(torch.cat([piece["cell"][:, 0] for piece in pieces]), whole, atol=1e-6)
    side_by_side = torch.cat([piece["cell"] for piece in net.stream(text, ["cell"], chunk=6, streams=2)])
    assert torch.allclose(side_by_side[:, 1], net.trace(text[35:], ["cell"])["cell"][:, 0], atol=1e-6)
    logits = by_itself(net.model.module, text)[:-1]
    expected = float(nn.functional.cross_entropy(logits, tokens(text)[0, 1:]))
    assert net.cross_entropy(text, chunk=9) == pytest.approx(expected, abs=1e-6)
    assert net.cross_entropy(text, chunk=1000) == pytest.approx(expected, abs=1e-6)


def test_a_scan_ranks_every_unit_of_a_site():
    net, text = lstm(), "abba cab\nc" * 7
    found = net.scan(text, {"c": "c", "line": ns.since("\n")}, ns.cell, streams=7, chunk=3)
    values = torch.cat([piece["cell"] for piece in net.stream(text, "cell", streams=7)]).transpose(0, 1).flatten(0, 1)
    exact = [roc_auc_score([symbol == "c" for symbol in text], unit) for unit in values.T]
    assert found["c"].auroc == pytest.approx(exact, abs=1e-9)
    unit, score = found.ranking("c")[0]
    assert score == pytest.approx(max(max(a, 1 - a) for a in exact))
    assert len(found.ranking("line")) == net.trace(text, unit.site)[unit.site].shape[-1] == 6
    assert lstm().scan(text, {"c": "c"}, "cell", streams=7)["c"].steps == 70


class Positions(Model):
    """Its embedding depends on the step: a run from the middle reads something else."""

    def embed(self, tokens):
        return self.embedding(tokens) + torch.arange(len(tokens)).view(-1, 1, 1) / 10

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens.T).transpose(0, 1))[0])


def test_a_part_that_looks_at_other_steps_fails_parity():
    module = Positions()
    with pytest.raises(NetworkError, match="resumed and whole runs differ by"):
        wrap(module, ALPHABET, embedding=module.embed)


class WantsItsState(Model):
    def forward(self, tokens, state):
        hidden, state = self.rnn(self.embedding(tokens), state)
        return self.head(torch.relu(hidden)), state


def test_a_forward_that_wants_a_state_is_compared_too():
    with pytest.raises(NetworkError, match="the module's own forward gives other logits"):
        wrap(WantsItsState(), ALPHABET)


class WantsMore(Model):
    def forward(self, tokens, *, factor):
        return factor * self.head(self.rnn(self.embedding(tokens))[0])


def test_a_forward_that_could_not_be_compared_is_said():
    with pytest.warns(UserWarning, match="its own forward cannot be called with inputs alone, and was not compared"):
        net = wrap(WantsMore(), ALPHABET)
    assert math.isnan(net.parity["module's own forward"])


def test_a_joined_edit_leaves_alone_the_sequences_that_lack_a_moment():
    net = lstm()
    under = ns.zero(ns.cell) + ns.zero(ns.hidden[0], at="c")
    edited, clean = net.logits(["abba", "a cab"], under=under), net.logits(["abba", "a cab"])
    assert same(edited[:4, 0], clean[:4, 0])
    assert not torch.allclose(edited[:, 1], clean[:, 1])


def test_what_is_shown_is_one_line():
    assert repr(lstm()).startswith("Model, wrapped; units by layer: input_gate 6, ")
    assert repr(lstm().trace(TEXTS, ["cell"])) == "Trace of 3 sequences, up to 7 steps: cell"


def test_texts_that_are_given_whole_leave_nothing_to_say():
    assert lstm().measure(ns.length(), ["abc", "abca"], prompt=3) == 1
    with pytest.raises(Undecidable, match="all are given to the end"):
        lstm().measure(ns.exact_match(), ["abc"], prompt=3)


def test_the_backward_direction_sees_edits_of_later_steps():
    net = wrap(Model(nn.GRU, bidirectional=True), ALPHABET)
    clean, edited = net.trace(TEXTS), net.trace(TEXTS, under=ns.set_to(ns.hidden[8], 2.0, at=ns.start + 2))
    assert same(clean["hidden"][..., :6], edited["hidden"][..., :6])  # units 0 to 5 read forwards
    assert same(clean["hidden"][3:], edited["hidden"][3:])
    assert (edited["hidden"][2, :, 8] == 2).all()
    assert not torch.allclose(clean["hidden"][0, :, 6:], edited["hidden"][0, :, 6:], atol=1e-4)


ARCHITECTURES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["rnn", "relu_rnn", "lstm", "gru", "lstm with projections"]),
        "layers": st.integers(1, 2),
        "bidirectional": st.booleans(),
        "bias": st.booleans(),
        "seed": st.integers(0, 9),
    }
)
PLACE = st.integers(0, 11)


def own_network(place, kind, **options):
    """A network of any shape, and one of the sites of one of its layers."""
    projected = {"proj_size": 2} if "proj" in kind else {}
    net = wrap(seeded(CharModel, kind.partition(" ")[0], **options, **projected), "abcde")
    layer, site = sorted(net.sizes)[place % len(net.sizes)]
    return net, getattr(ns, site).layer(layer)


MOMENTS = st.sampled_from([ns.start, ns.start + 2, ns.end, ns.first("b"), ns.last("a"), None, ns.char("a")])
STRINGS = ["abcab", "ba", "edcba" * 2]


@given(PLACE, ARCHITECTURES, MOMENTS, MOMENTS)
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_the_order_of_disjoint_edits_does_not_matter(place, architecture, at, other):
    net, units = own_network(place, **architecture)
    one, two = ns.add(units[0], 0.4, at=at), ns.set_to(units[1], -0.3, at=other)
    assert same(net.logits(STRINGS, under=one + two), net.logits(STRINGS, under=two + one))


@given(PLACE, ARCHITECTURES, st.sampled_from([ns.start, ns.start + 1, ns.end, ns.first("b")]))
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_delay_by_no_step_changes_nothing(place, architecture, at):
    net, units = own_network(place, **architecture)
    edited = net.logits(STRINGS, under=ns.delay(units, 0, at=at))
    assert torch.allclose(edited, net.logits(STRINGS), atol=1e-6, equal_nan=True)


@given(PLACE, ARCHITECTURES, MOMENTS)
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_an_edit_changes_nothing_before_it_and_what_it_says_at_it(place, architecture, at):
    net, units = own_network(place, **architecture)
    unit = units[1]
    clean, edited = net.trace(STRINGS), net.trace(STRINGS, under=ns.set_to(unit, 0.7, at=at))
    for b, text in enumerate(STRINGS):
        steps = range(len(text)) if at is None else [t for t in range(len(text)) if text[t] == "a"]
        if at is not None and at != ns.char("a"):
            found = {ns.start: 0, ns.start + 2: 2, ns.end: len(text) - 1}.get(at, text.find("b"))
            found = text.rfind("a") if at == ns.last("a") else found
            steps = [found] if found < len(text) else []
        assert all(edited[unit][t, b] == torch.tensor(0.7) for t in steps)
        first = min(steps, default=len(text))
        if net.network.causal:
            assert torch.allclose(edited.logits[:first, b], clean.logits[:first, b], atol=1e-6)


def circumstances(module):
    modes = [m.training for m in module.modules()]
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules()]
    flags = (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.is_grad_enabled())
    weights = [p.clone() for p in module.parameters()]
    return modes, hooks, flags, torch.get_rng_state().tolist(), [w.tolist() for w in weights]


def test_everything_is_left_as_it_was():
    module = Model(nn.LSTM, 2, dropout=0.5).train()
    before = circumstances(module)
    net = wrap(module, ALPHABET)
    net.trace(TEXTS, under=ns.zero(ns.cell.layer(0)[1]))
    net.generate(3, 10, under=ns.clamp(ns.cell.layer(1)[1], high=0.0))
    with pytest.raises(NetworkError, match="infinity or NaN"):
        net.logits(TEXTS, under=ns.set_to(ns.hidden.layer(1), 3e38) + ns.add(ns.hidden.layer(1), 3e38))
    with pytest.raises(Undecidable):
        net.measure(ns.count("a", under=ns.zero(ns.cell.layer(0)[1], at=ns.start + 99)), TEXTS)
    assert circumstances(module) == before


BAD = {
    "an alphabet with a symbol twice": (
        lambda: wrap(Model(), "abcab"),
        "alphabet: expected symbols, each once; twice: ['a', 'b']",
    ),
    "an unknown that is not in the alphabet": (
        lambda: wrap(Model(), ALPHABET, unknown="?"),
        "unknown='?': expected one symbol of the alphabet",
    ),
    "an edit that can be made nowhere": (
        lambda: lstm().logits("ab", under=ns.zero(ns.cell[1], at="c")),
        "zero(cell[1], at=first(char('c'))) could be made in no sequence",
    ),
    "low above high": (
        lambda: ns.clamp(ns.cell[1], low=2, high=1),
        "clamp(low=2, high=1): low lies above high",
    ),
    "holding a value in a layer that reads backwards": (
        lambda: wrap(Model(bidirectional=True), ALPHABET).logits("ab", under=ns.freeze(ns.cell[1], at=ns.start)),
        "freeze(cell[1], at=start): Model reads backwards too, where no step comes from then on",
    ),
    "writing backwards": (
        lambda: wrap(Model(bidirectional=True), ALPHABET).generate(1, 5),
        "Model reads backwards too: it cannot write",
    ),
    "writing without an alphabet": (
        lambda: wrap(Model()).generate(),
        "generate needs text: wrap(module, alphabet=...)",
    ),
    "no texts to write": (lambda: lstm().generate(0), "generate(n=0): expected a whole number of at least 1"),
    "a temperature below 0": (
        lambda: lstm().generate(temperature=-1),
        "generate(temperature=-1): expected 0, or a number of at least 0.001",
    ),
    "an alphabet of another kind": (
        lambda: wrap(Model(), 5),
        "alphabet=5: expected a string of symbols, each once",
    ),
    "looking ahead while writing": (
        lambda: lstm().generate(1, 5, under=ns.zero(ns.cell[1], at=ns.end)),
        "zero(cell[1], at=end): end is decided by later steps, which a run that generates does not have yet",
    ),
    "a claim instead of a measure": (
        lambda: lstm().measure(ns.perplexity() >= 1, "ab"),
        "measure(perplexity() >= 1): expected a measure, e.g. perplexity()",
    ),
    "a measure of no units": (lambda: lstm().measure(ns.mean(), "ab"), "mean(): of which units? add of="),
    "behaviour without a read-out": (
        lambda: wrap(NoReadOut()).measure(ns.perplexity(), torch.zeros(1, 2, 4)),
        "perplexity() needs text: wrap(module, alphabet=...)",
    ),
    "interchange without pairs": (
        lambda: lstm().logits("ab", under=ns.interchange(ns.cell[1], at=ns.start)),
        "interchange(cell[1], at=start): no sequence has a pair: Example(text, pair=Example(...))",
    ),
    "a number for a moment": (
        lambda: ns.zero(ns.cell[1], at=10),
        "zero(at=10): expected a moment (one step per sequence), e.g. first('X') or a signal that holds or not, "
        "e.g. char('a'); a step is start + 10",
    ),
    "emitted within the prompt": (
        lambda: lstm().measure(ns.emits("a", at=ns.start), "abba", prompt=2),
        "no sequence to measure: start is in none, or lies within the prompt",
    ),
    "a step beyond all": (
        lambda: ns.start + 10**30,
        "shifted(steps=1000000000000000000000000000000): expected a whole number",
    ),
    "half a text": (lambda: lstm().generate(1.5), "generate(n=1.5): expected a whole number of at least 1"),
    "a negative seed": (lambda: lstm().generate(seed=-1), "generate(seed=-1): expected a whole number of at least 0"),
    "writing under an edit that can be made nowhere": (
        lambda: lstm().generate(1, 5, under=ns.zero(ns.cell[1], at=ns.start + 9)),
        "zero(cell[1], at=start + 9) could be made in no text",
    ),
    "no prompt to measure after": (
        lambda: lstm().measure(ns.cross_entropy(), "ab", prompt=0),
        "measure(prompt=0): expected a whole number of at least 1",
    ),
    "a measure of what is written, backwards": (
        lambda: wrap(Model(bidirectional=True), ALPHABET).measure(ns.count("a"), "abba"),
        "Model reads backwards too: it cannot write",
    ),
    "NaN without a read-out": (
        lambda: wrap(NoReadOut()).trace(torch.full((1, 2, 4), math.nan)),
        "NoReadOut seed 0: input_gate of layer 0 is not finite (NaN or infinite) at step 0",
    ),
    "too short to score": (
        lambda: lstm().cross_entropy("a"),
        "cross_entropy: the text is too short, there is no next symbol to expect",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    check_refused(*BAD[case])


def test_wrap_loads_torch_when_it_is_named():
    code = "import sys, neuronspec; assert 'torch' not in sys.modules; neuronspec.wrap; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'neuronspec' has no attribute 'wrp'"):
        ns.wrp  # noqa: B018
