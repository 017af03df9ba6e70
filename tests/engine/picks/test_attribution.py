"""Integrated gradients against Captum's, over loops that step torch's layers by hand from the first step."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from attributed import ALPHABET, ASKED, AT, DUE, NLL, OUT, PAIRS, SAID, STATE, TEXTS, examples, own, subject_of
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import subject as planted_subject
from torch import nn
from torch.nn.functional import cross_entropy
from user_modules import ByHand, CharModel, seeded

import neuronspec as ns
from neuronspec.engine.measures.evaluate import estimate
from neuronspec.engine.measures.view import View
from neuronspec.engine.numerics.integrated_gradients import LADDER, TOLERANCE
from neuronspec.engine.picks.attribution import BASELINES, attribute, attribute_all
from neuronspec.errors import SpecError, Undecidable
from neuronspec.networks.models import LanguageModel, tokens_of
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example

# The oracle: the equations as torch's documentation has them, step by step from the first.


def lstm(w, x, h, c, put):
    i, f, g, o = (x @ w["ih"].T + w["bih"] + h @ w["hh"].T + w["bhh"]).chunk(4, -1)
    i, f = put("input_gate", i.sigmoid()), put("forget_gate", f.sigmoid())
    g, o = put("candidate", g.tanh()), put("output_gate", o.sigmoid())
    c = put("cell", f * c + i * g)
    h = o * c.tanh()
    return put("hidden", h @ w["hr"].T if "hr" in w else h), c


def gru(w, x, h, c, put):
    xr, xz, xn = (x @ w["ih"].T + w["bih"]).chunk(3, -1)
    hr, hz, hn = (h @ w["hh"].T + w["bhh"]).chunk(3, -1)
    r, z = put("reset_gate", (xr + hr).sigmoid()), put("update_gate", (xz + hz).sigmoid())
    n = put("candidate", (xn + r * hn).tanh())
    return put("hidden", (1 - z) * n + z * h), c


def simple(act):
    return lambda w, x, h, c, put: (put("hidden", act(x @ w["ih"].T + w["bih"] + h @ w["hh"].T + w["bhh"])), c)


STEPS = {"lstm": lstm, "gru": gru, "rnn": simple(torch.tanh), "relu_rnn": simple(torch.relu)}
GATES = ("input_gate", "forget_gate", "candidate", "output_gate")
SITES = {
    "lstm": ("hidden", "cell", *GATES),
    "gru": ("hidden", "reset_gate", "update_gate", "candidate"),
    "rnn": ("hidden",),
    "relu_rnn": ("hidden",),
}


def weights(rnn, layer):
    names = {"ih": "weight_ih", "hh": "weight_hh", "bih": "bias_ih", "bhh": "bias_hh", "hr": "weight_hr"}
    return {k: getattr(rnn, f"{n}_l{layer}") for k, n in names.items() if hasattr(rnn, f"{n}_l{layer}")}


def by_hand(module, kind, text, place=None, at=None, values=None, taken=None):
    """Logits ``[time row symbol]`` of one text, with values ``[row unit]`` put into a place at a step."""
    rows, layers = 1 if values is None else len(values), module.rnn.num_layers
    w = [weights(module.rnn, n) for n in range(layers)]
    h = [x["hh"].new_zeros(rows, x["hh"].shape[1]) for x in w]
    c = [x["hh"].new_zeros(rows, module.rnn.hidden_size) for x in w]
    logits = []
    for step, x in enumerate(module.features(torch.tensor([ALPHABET.index(s) for s in text]))):
        x = x.expand(rows, -1)
        for n in range(layers):

            def put(site, value, here=(n, step)):
                if here == (place and place[0], at) and site == place[1]:
                    taken.append(value.detach()) if values is None else None
                    return value if values is None else values
                return value

            h[n], c[n] = STEPS[kind](w[n], x, h[n], c[n], put)
            x = h[n]
        logits.append(module.fc(x))
    return torch.stack(logits)


def value_at(module, kind, text, place, at):
    taken = []
    with torch.no_grad():
        by_hand(module, kind, text, place, at, taken=taken)
    return taken[0][0]


def of_logits(outcome, number, logits):
    """The outcome of one example: a probability, or what the rest of the text costs."""
    if outcome is SAID:
        return logits[DUE[number] - 1].softmax(-1)[:, ALPHABET.index(ASKED[number])]
    text, rows = TEXTS[number], logits.shape[1]
    steps = range(max(AT[number], 1), len(text) - 1)  # two are given
    return sum(
        cross_entropy(logits[t], torch.full((rows,), ALPHABET.index(text[t + 1])), reduction="none") for t in steps
    )


def starts(baseline, values, paired):
    """The baseline of each sequence, from the values of all."""
    if baseline == "zero":
        return [torch.zeros_like(v) for v in values]
    if baseline == "mean":
        return [torch.stack(values).mean(0)] * len(values)
    if baseline == "pair":
        return paired
    others = [[v for v, a in zip(values, ASKED, strict=True) if a != asked] for asked in ASKED]
    return [torch.stack(of).mean(0) for of in others]


def captum(forward, value, start, nodes):
    found = IntegratedGradients(forward, multiply_by_inputs=True).attribute(
        value[None], baselines=start[None], n_steps=nodes, method="gausslegendre"
    )
    return found[0].detach().numpy()


def check_against_captum(module, kind, place, outcome, baseline, nodes=5):
    found = attribute(subject_of(module), outcome, STATE, place, baseline, nodes=nodes)
    values = [value_at(module, kind, t, place, a) for t, a in zip(TEXTS, AT, strict=True)]
    paired = [p and value_at(module, kind, p[1], place, p[0]) for p in PAIRS]
    there = [outcome is not SAID or d - 1 >= a for a, d in zip(AT, DUE, strict=True)]
    if outcome is NLL:
        there = [max(a, 1) < len(t) - 1 for a, t in zip(AT, TEXTS, strict=True)]
    if baseline == "pair":
        there = [t and p is not None for t, p in zip(there, paired, strict=True)]
    assert found.used.tolist() == there
    rows = np.flatnonzero(there)
    for row, n in enumerate(rows):
        start = starts(baseline, values, paired)[n]

        def forward(v, n=n):
            return of_logits(outcome, n, by_hand(module, kind, TEXTS[n], place, AT[n], v))

        np.testing.assert_allclose(found.scores[row], captum(forward, values[n], start, nodes), rtol=1e-5, atol=1e-5)
        with torch.no_grad():
            gained = float(forward(values[n][None]) - forward(start[None]))
        assert found.gained[row] == pytest.approx(gained, abs=1e-5)


@pytest.mark.parametrize("outcome", [SAID, NLL], ids=["probability", "cross_entropy"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", STEPS)
def test_equals_captum(kind, layers, outcome):
    for layer in range(layers):
        for site in SITES[kind]:
            for baseline in BASELINES[: 4 if outcome is SAID else 3]:
                check_against_captum(own(kind, layers), kind, (layer, site), outcome, baseline)


def test_equals_captum_where_the_hidden_state_is_projected():
    for place in [(0, "hidden"), (0, "cell"), (1, "hidden"), (1, "output_gate")]:
        check_against_captum(own("lstm", 2, proj_size=2), "lstm", place, SAID, "zero")


def full_run(model, n, place, at, outcome):
    """An outcome of one example as a function of values, by our own run from the first step."""
    read = tokens_of([TEXTS[n]], ALPHABET)

    def forward(v):
        def edit(layer, site, step, value):
            return v if ((layer, site), step) == (place, at) else value

        logits, _, _ = model(read.expand(-1, len(v)), model_start(model, len(v)), edit)
        return of_logits(outcome, n, logits)

    return forward


def model_start(model, rows):
    return [layer.start(rows) for layer in model.layers]


def check_against_full_run(subject, place, outcome, nodes=6):
    found = attribute(subject, outcome, STATE, place, "zero", nodes=nodes)
    for row, n in enumerate(np.flatnonzero(found.used)):
        with torch.no_grad():
            run = subject.network.model(tokens_of([TEXTS[n]], ALPHABET), record=[place])
        value = run[2][place][AT[n], 0]
        forward = full_run(subject.network.model, n, place, AT[n], outcome)
        expected = captum(forward, value, torch.zeros_like(value), nodes)
        np.testing.assert_allclose(found.scores[row], expected, rtol=1e-5, atol=1e-5)
    return found


def test_a_cell_written_by_hand():
    module = seeded(ByHand)
    subject = subject_of(module, embedding="embed", recurrent="cell", read_out="fc")
    for site in module.cell.sites:
        assert check_against_full_run(subject, (0, site), SAID).left_out == 1


@pytest.mark.parametrize("outcome", [SAID, NLL], ids=["probability", "cross_entropy"])
def test_a_peephole_lstm_and_its_gates(outcome):
    recipe = Recipe("peephole_lstm", units=4, layers=2)
    subject = subject_of(LanguageModel(recipe, len(ALPHABET)).initialise(3))
    for place in subject.sizes:
        check_against_full_run(subject, place, outcome)


def test_a_network_that_reads_backwards_too():
    """The state at a step is then read by the steps before it as well."""
    subject = subject_of(own("lstm", 2, bidirectional=True))
    for place in [(0, "cell"), (0, "hidden"), (1, "hidden"), (1, "forget_gate")]:
        assert check_against_bidirectional(subject, place).left_out == 0


def check_against_bidirectional(subject, place):
    found = attribute(subject, SAID, STATE, place, "zero", nodes=4)
    for n in np.flatnonzero(found.used):
        run = subject.network.model(tokens_of([TEXTS[n]], ALPHABET), record=[place])
        forward, sides = full_run_of_sides(subject.network.model, n, place), run[2][place][AT[n], 0].detach()
        np.testing.assert_allclose(
            found.scores[n], captum(forward, sides, torch.zeros_like(sides), 4), rtol=1e-5, atol=1e-5
        )
    return found


def full_run_of_sides(model, n, place):
    read = tokens_of([TEXTS[n]], ALPHABET)

    def forward(v):
        def edit(layer, site, step, value):
            return v if ((layer, site), step) == (place, AT[n]) else value

        logits, _, _ = model(read.expand(-1, len(v)), None, edit)
        return of_logits(SAID, n, logits)

    return forward


def test_a_network_in_double_precision():
    module = own("gru").double()
    try:
        check_against_captum(module, "gru", (0, "hidden"), SAID, "mean")
        assert attribute(subject_of(module), SAID, STATE, (0, "hidden"), "mean").scores.dtype == np.float64
    finally:
        module.float()


# What the scores mean.


def test_a_unit_that_nothing_reads_scores_nothing():
    module = seeded(CharModel, "lstm")
    with torch.no_grad():
        module.rnn.weight_hh_l0[:, 1] = 0
        module.fc.weight[:, 1] = 0
    found = attribute(subject_of(module), SAID, STATE, (0, "hidden"), "zero")
    assert (found.scores[:, 1] == 0).all()
    assert (found.scores[:, [0, 2, 3]] != 0).all()


def test_the_planted_counter_carries_the_outcome():
    subject = planted_subject()
    found = attribute(subject, ns.probability("b", at=ns.end), ns.first("X") + 1, (0, "cell"), "zero")
    assert found.complete
    assert found.left_out == 1  # of "aXb" the step is the last, and the outcome is decided before it
    assert found.ranking.argmax() == 2
    np.testing.assert_allclose(found.ranking[[0, 1, 3, 4, 5]], 0, atol=1e-6)
    np.testing.assert_allclose(found.ranking, found.scores.mean(0), rtol=1e-6)


@pytest.mark.parametrize("outcome", [SAID, NLL], ids=["probability", "cross_entropy"])
def test_what_is_gained_is_what_the_edit_takes_away(outcome):
    """The engine's own intervention, measured as claims are: ``zero`` of the whole site."""
    subject = subject_of(own("lstm", 2), places=[(1, "cell")])
    found = attribute(subject, outcome, STATE, (1, "cell"), "zero")
    site = ns.cell.layer(1)
    clean, edited = (
        estimate(replace(outcome, under=under), View(subject, [{}])).sums[0, :, 0]
        for under in (None, ns.zero(site, at=STATE))
    )
    np.testing.assert_allclose(found.gained, (clean - edited)[found.used], atol=1e-5)
    assert found.complete
    np.testing.assert_allclose(found.scores.sum(1), found.gained, atol=TOLERANCE)


@given(
    kind=st.sampled_from(["rnn", "lstm", "gru", "peephole_lstm"]),
    units=st.integers(1, 6),
    layers=st.integers(1, 3),
    seed=st.integers(0, 9),
    scale=st.floats(0.5, 4),
    outcome=st.sampled_from([SAID, NLL, ns.probability(ns.one_of("abe"), at=ns.end), ns.perplexity()]),
    baseline=st.sampled_from(BASELINES[:3]),
    data=st.data(),
)
@settings(max_examples=40)
def test_scores_add_up(kind, units, layers, seed, scale, outcome, baseline, data):
    model = LanguageModel(Recipe(kind, units=units, layers=layers), len(ALPHABET)).initialise(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    subject = subject_of(model)
    place = data.draw(st.sampled_from(sorted(subject.sizes)))
    found = attribute(subject, outcome, STATE, place, baseline)
    assert found.scores.shape == (found.used.sum(), subject.sizes[place])
    error = np.abs(found.scores.sum(1, dtype=float) - found.gained)
    np.testing.assert_allclose(found.error, error)
    assert ((error <= TOLERANCE) | (found.nodes == LADDER[-1])).all()
    assert found.complete == (error <= TOLERANCE).all()
    fixed = attribute(subject, outcome, STATE, place, baseline, nodes=32)
    np.testing.assert_allclose(found.scores[found.nodes == 32], fixed.scores[found.nodes == 32], atol=1e-5)


# How many nodes, and how they run.


def test_a_report_says_where_scores_do_not_add_up():
    module = seeded(CharModel, "lstm")
    with torch.no_grad():
        module.fc.weight.mul_(1e5)
    found = attribute(subject_of(module), SAID, STATE, (0, "hidden"), "zero")
    assert not found.complete
    assert found.nodes.max() == 128
    assert found.error.max() > TOLERANCE


def test_one_batch_equals_one_by_one():
    module = own("lstm", 2)
    together = attribute(subject_of(module), SAID, STATE, (0, "cell"), "zero", nodes=7)
    alone = [
        attribute(subject_of(module, [example]), SAID, STATE, (0, "cell"), "zero", nodes=7).scores[0]
        for example, used in zip(examples(), together.used, strict=True)
        if used
    ]
    np.testing.assert_allclose(together.scores, alone, atol=1e-6)


@pytest.mark.parametrize("baseline", BASELINES)
def test_outcomes_at_once_equal_one_at_a_time(baseline):
    subject = subject_of(own("gru"))
    outcomes = [SAID, ns.probability("b", at=ns.end), ns.probability("e", at=ns.end)]
    if baseline != "contrast":
        outcomes += [*(ns.probability(token, at=OUT) for token in ALPHABET), NLL]
    together = attribute_all(subject, outcomes, STATE, (0, "hidden"), baseline, nodes=6)
    for outcome, found in zip(outcomes, together, strict=True):
        alone = attribute(subject, outcome, STATE, (0, "hidden"), baseline, nodes=6)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)
        np.testing.assert_array_equal(found.used, alone.used)
        assert found.outcome == outcome


# Where the path begins.


def test_contrast_with_the_sequences_in_which_another_token_is_due():
    """All sequences are asked for one token: the others are those in which it is not due."""
    subject = subject_of(own("lstm"), places=[(0, "cell")])
    found = attribute(subject, ns.probability("e", at=ns.end), ns.start, (0, "cell"), nodes=4)
    values = subject.clean("discovery").values[0, "cell"][0]
    start = values[[text[-1] != "e" for text in TEXTS]].mean(0)
    mean_of_others = attribute(subject, ns.probability("e", at=ns.end), ns.start, (0, "cell"), "zero", nodes=4)
    assert found.used.all()
    assert mean_of_others.used.all()
    module = own("lstm")
    for n, text in enumerate(TEXTS):

        def forward(v, text=text):
            return by_hand(module, "lstm", text, (0, "cell"), 0, v)[len(text) - 2].softmax(-1)[:, 4]

        expected = captum(forward, torch.from_numpy(values[n]), torch.from_numpy(start), 4)
        np.testing.assert_allclose(found.scores[n], expected, atol=1e-5)


def test_among_and_what_is_left_out():
    subject = subject_of(own("lstm"))
    found = attribute(subject, ns.probability("a", at=ns.end, among="e"), ns.first("d"), (0, "cell"), "zero")
    assert found.used.tolist() == [True, False, True, True, False, True]
    assert found.left_out == 2
    assert len(found.scores) == len(found.nodes) == len(found.gained) == 4


def test_a_site_that_was_not_recorded_is_read():
    recorded = attribute(subject_of(own("gru"), places=[(0, "update_gate")]), SAID, STATE, (0, "update_gate"))
    found = attribute(subject_of(own("gru")), SAID, STATE, (0, "update_gate"))
    np.testing.assert_array_equal(found.scores, recorded.scores)


# What is left behind: nothing.


def left(module):
    return (
        [p.grad for p in module.parameters()],
        [p.requires_grad for p in module.parameters()],
        [m.training for m in module.modules()],
        [len(m._forward_hooks) + len(m._backward_hooks) + len(m._forward_pre_hooks) for m in module.modules()],
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.backends.cudnn.enabled,
        torch.backends.cudnn.allow_tf32,
        torch.get_num_threads(),
        torch.get_rng_state().tolist(),
        {name: value.tolist() for name, value in module.state_dict().items()},
    )


class Failing(nn.Linear):
    fails = False

    def forward(self, x):
        if self.fails and torch.is_grad_enabled():
            raise RuntimeError("out of luck")
        return super().forward(x)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_module_and_all_switches_stay_as_they_were(mode, fails):
    module = seeded(CharModel, "lstm", layers=2, dropout=0.5)
    module.fc = seeded(Failing, 4, 5)
    module.fc.bias.requires_grad_(False)
    module.embed.eval()
    subject = subject_of(module, embedding="embed", read_out="fc")
    expected = attribute(subject, SAID, STATE, (0, "cell"), nodes=4).scores
    with mode():
        before = left(module)
        module.fc.fails = fails
        if fails:
            with pytest.raises(RuntimeError, match="out of luck"):
                attribute(subject, SAID, STATE, (0, "cell"), nodes=4)
        else:
            np.testing.assert_array_equal(attribute(subject, SAID, STATE, (0, "cell"), nodes=4).scores, expected)
        assert left(module) == before
    assert all(p.grad is None for p in module.parameters())


def test_the_clean_run_is_not_changed():
    subject = subject_of(own("lstm"), places=[(0, "cell"), (0, "hidden")])
    before = {place: v.copy() for place, v in subject.clean("discovery").values.items()}
    attribute(subject, NLL, STATE, (0, "cell"), "mean")
    for place, values in subject.clean("discovery").values.items():
        np.testing.assert_array_equal(values, before[place])


# What cannot be attributed.

UNPAIRED = [replace(example, pair=None) for example in examples()]
NO_EVENT = [replace(e, pair=Example("ab", events={"other": 1})) for e in examples()]

WRONG = {
    "what is generated": (
        {"outcome": ns.exact_match()},
        SpecError,
        "exact_match(): no gradient flows through what a network generates;"
        " attribute probability(token, at=...) or cross_entropy()",
    ),
    "a count": (
        {"outcome": ns.count("b")},
        SpecError,
        "count(char('b')): no gradient flows through what a network generates;"
        " attribute probability(token, at=...) or cross_entropy()",
    ),
    "emits": (
        {"outcome": ns.emits("b", at=OUT)},
        SpecError,
        "emits(char('b'), at=event('due')): no gradient flows through what a network generates;"
        " attribute probability(token, at=...) or cross_entropy()",
    ),
    "a length": (
        {"outcome": ns.length()},
        SpecError,
        "length(): no gradient flows through what a network generates;"
        " attribute probability(token, at=...) or cross_entropy()",
    ),
    "a measure of units": (
        {"outcome": ns.mean(of=ns.cell)},
        SpecError,
        "mean(of=cell) is no outcome of a sequence; attribute probability(token, at=...) or cross_entropy()",
    ),
    "a difference": (
        {"outcome": NLL - ns.cross_entropy(among="a")},
        SpecError,
        "cross_entropy() - cross_entropy(among=char('a')) is no outcome of a sequence;"
        " attribute probability(token, at=...) or cross_entropy()",
    ),
    "an edited outcome": (
        {"outcome": ns.cross_entropy(under=ns.zero(ns.cell[0], at=STATE))},
        SpecError,
        "cross_entropy(under=zero(cell[0], at=event('state'))):"
        " an outcome is attributed in the network's own clean run; leave under= out",
    ),
    "another network": (
        {"outcome": ns.cross_entropy(network="counting/gru")},
        SpecError,
        "cross_entropy(network='counting/gru'):"
        " an outcome is attributed in the network's own clean run; leave network= out",
    ),
    "a baseline that is near": (
        {"baseline": "zeros"},
        SpecError,
        "baseline 'zeros' does not exist; did you mean 'zero'?",
    ),
    "a baseline": (
        {"baseline": "blurred"},
        SpecError,
        "baseline 'blurred' does not exist; known: contrast, mean, pair, past, zero",
    ),
    "a layer": (
        {"place": (2, "cell")},
        SpecError,
        "own/network has no cell of layer 2; did you mean 'cell of layer 0'?",
    ),
    "a contrast of no token": (
        {"outcome": NLL, "baseline": "contrast"},
        SpecError,
        "baseline 'contrast': cross_entropy() asks for no token; take 'zero', 'mean' or 'pair'",
    ),
    "a moment in none": ({"at": ns.start + 30}, Undecidable, "no sequence to attribute: start + 30 is in none"),
    "an event that is unknown": (
        {"at": ns.event("stat")},
        Undecidable,
        "no sequence here has an event 'stat'; did you mean 'state'?",
    ),
    "a symbol that is unknown": (
        {"outcome": ns.probability(ns.symbol("askd"), at=OUT)},
        Undecidable,
        "the task gives no symbol 'askd'; did you mean 'asked'?",
    ),
    "an outcome at the first step": (
        {"outcome": ns.probability("a", at=ns.start)},
        Undecidable,
        "no sequence to attribute: probability(char('a'), at=start) is about none with event('state')",
    ),
    "a token outside the alphabet": (
        {"outcome": ns.probability("z", at=OUT)},
        Undecidable,
        "no sequence to attribute: probability(char('z'), at=event('due')) is about none with event('state')",
    ),
    "an outcome before the state": (
        {"outcome": ns.probability("a", at=ns.start + 1), "at": ns.start + 1},
        Undecidable,
        "no sequence to attribute: probability(char('a'), at=start + 1) is decided before start + 1",
    ),
    "among none": (
        {"outcome": ns.probability("a", at=OUT, among="z")},
        Undecidable,
        "no sequence to attribute: char('z') occurs in none with event('state')",
    ),
    "no pair": (
        {"baseline": "pair", "on": UNPAIRED},
        Undecidable,
        "baseline='pair': no sequence has a pair: Example(text, pair=Example(...))",
    ),
    "no moment in a pair": (
        {"baseline": "pair", "on": NO_EVENT},
        Undecidable,
        "baseline='pair': in the pairs no sequence here has an event 'state'; known: other",
    ),
    "no step in a pair": (
        {"baseline": "pair", "at": ns.start + 5, "outcome": ns.probability("a", at=ns.end)},
        Undecidable,
        "no sequence to attribute: none has a baseline for start + 5",
    ),
    "one class, due in all": (
        {"outcome": ns.probability(ns.one_of(ALPHABET), at=OUT), "baseline": "contrast"},
        Undecidable,
        "baseline='contrast': one_of('abcde') is due wherever it is asked for, and there is no other class",
    ),
    "one class, due in none": (
        {"outcome": ns.probability("b", at=ns.start + 1), "at": ns.start, "baseline": "contrast", "on": NO_EVENT[1:2]},
        Undecidable,
        "baseline='contrast': char('b') is due in none, and there is no other class",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case):
    given, error, text = WRONG[case]
    asked = {"outcome": SAID, "at": STATE, "place": (0, "cell"), "baseline": "zero"} | given
    subject = subject_of(own("lstm"), asked.pop("on", None))
    with pytest.raises(error) as caught:
        attribute(subject, **asked)
    assert str(caught.value) == text
