"""Edits of a generating run against running every string again from its start, one at a time."""

import dataclasses

import numpy as np
import pytest
import torch
from planted import RECIPE, STRINGS, subject

import neuronspec as ns
from neuronspec.engine.runs.edits import Sources, compile_edits
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.sequences import Sequences
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.errors import Undecidable
from neuronspec.language.expression import word
from neuronspec.language.interventions import Source, Taking
from neuronspec.networks.models import LanguageModel

UNIT, OTHER = ns.cell[2], ns.cell[4]
FLIPPED = -ns.cell[2]


def one(index, sign=1):
    return UnitSet(0, "cell", (index,), (sign,), (1,) * 6)


LANES = [{UNIT: one(2), OTHER: one(4), FLIPPED: one(2, -1)}, {UNIT: one(0), OTHER: one(1), FLIPPED: one(0, -1)}]
AT = ns.first("X") + 2

EDITS = {
    "zero": (ns.zero(UNIT, at=AT), lambda clean, old, b: 0.0),
    "set_to": (ns.set_to(UNIT, 0.3, at=AT), lambda clean, old, b: 0.3),
    "set_to, other way": (ns.set_to(FLIPPED, 0.3, at=AT), lambda clean, old, b: -0.3),
    "add": (ns.add(UNIT, 0.1, at=AT), lambda clean, old, b: old + 0.1),
    "add, other way": (ns.add(FLIPPED, 0.1, at=AT), lambda clean, old, b: old - 0.1),
    "clamp high": (ns.clamp(UNIT, high=0.05, at=AT), lambda clean, old, b: min(old, 0.05)),
    "clamp low": (ns.clamp(UNIT, low=0.2, at=AT), lambda clean, old, b: max(old, 0.2)),
    "clamp, other way": (ns.clamp(FLIPPED, high=-0.2, at=AT), lambda clean, old, b: max(old, 0.2)),
    "delay": (ns.delay(UNIT, 1, at=AT), lambda clean, old, b: clean[b + 2]),
    "delay into the future": (ns.delay(UNIT, -1, at=AT), lambda clean, old, b: clean[b + 4]),
    "patch": (ns.patch(UNIT, ns.start, at=AT), lambda clean, old, b: clean[0]),
}


def by_hand(net, example, n, edit, unit, clean):
    """Feed one string through the model step by step, and write the value by hand."""
    text, states, came = list(example.text[: n + 1]), None, ""
    at, step = n + 2, 0
    while len(came) < 31:
        token = torch.tensor([["aXb$".index(text[step])]])

        def hook(layer, site, _, value, step=step):
            if (site, step) == ("cell", at):
                value = value.clone()
                value[0, unit] = float(edit(clean, float(value[0, unit]), n - 1))
            return value

        with torch.no_grad():
            logits, states, _ = net.model(token, states, hook)
        step += 1
        if step < len(text):
            continue
        said = "aXb$"[int(logits.argmax())]
        if said == "$":
            break
        text.append(said)
        came += said
    return came


@pytest.mark.parametrize("case", EDITS)
def test_resumed_lanes_equal_runs_from_the_start(case):
    under, edit = EDITS[case]
    examined = subject()
    lanes, used = examined.edited_completions(under, LANES)
    traced = examined.clean("verification").values[0, "cell"]
    assert used.sum() == (8 if "future" in case else 9)  # n = 1 has no such step
    for lane, unit in enumerate((2, 0)):
        for b, example in enumerate(STRINGS):
            if used[b]:
                clean = traced[:, b, unit]
                expected = by_hand(examined.network, example, b + 1, edit, unit, clean)
                assert lanes[lane][b].came == expected, (lane, b)


def test_the_planted_counter_counts_and_can_be_moved():
    examined = subject()
    assert all(run.exact for run in examined.completions())
    under = ns.delay(UNIT, 1, at=AT) + ns.zero(OTHER, at=AT)
    (moved, other), used = examined.edited_completions(under, LANES)
    assert [run.came.count("b") for run, u in zip(moved, used, strict=True) if u] == [n + 1 for n in range(2, 11)]
    assert all(run.exact for run in other)


@word
class Ahead(Taking):
    """Write the values of the next step: an edit that no other file knows of."""

    @property
    def takes_from(self):
        return Source(self.at + 1)


@word
class Spare(ns.zero):
    """Set all other units to 0: an edit that no other file knows of."""

    spares = True


@pytest.mark.parametrize(
    ("new", "known"),
    [(Ahead(UNIT, at=AT), ns.delay(UNIT, -1, at=AT)), (Spare(UNIT, at="X"), ns.keep_only(UNIT, at="X"))],
)
def test_an_edit_is_told_by_what_it_takes_and_spares(new, known):
    examined = subject()
    assert examined.edited_completions(new, LANES)[0] == examined.edited_completions(known, LANES)[0]


def test_edits_at_two_moments_resume_from_the_first():
    examined = subject()
    under = ns.add(UNIT, 0.05, at=ns.first("X") + 2) + ns.add(UNIT, 0.05, at=ns.first("X") + 1)
    (moved, _), used = examined.edited_completions(under, LANES)
    assert [run.came.count("b") for run, u in zip(moved, used, strict=True) if u] == [n + 2 for n in range(2, 11)]


def test_an_edit_within_the_prompt_is_followed_by_the_rest_of_the_prompt():
    examined = subject()
    (moved, _), used = examined.edited_completions(ns.add(UNIT, 0.05, at="a"), LANES)
    assert used.all()
    assert [run.came.count("b") for run in moved] == [n + 1 for n in range(1, 11)]


def test_an_edit_that_writes_what_is_there_changes_nothing():
    examined = subject()
    (same, also), used = examined.edited_completions(ns.delay(ns.cell[2], 0, at=ns.first("X")), LANES)
    assert used.all()
    assert [run.came for run in same] == [run.came for run in also] == [run.came for run in examined.completions()]


def test_teacher_forced_edits_equal_a_hand_written_hook():
    examined = subject()
    runs, used = examined.edited(ns.zero(UNIT, at="X"), LANES, [(0, "cell")])
    assert used.all()
    cell = np.stack([run.values[0, "cell"] for run in runs], axis=1)
    clean = examined.clean("verification").values[0, "cell"]
    for n in range(1, 11):
        assert cell[n, 0, n - 1, 2] == 0
        assert cell[n, 1, n - 1, 0] == 0
        np.testing.assert_allclose(cell[:n, :, n - 1], clean[:n, n - 1][:, None].repeat(2, 1), atol=1e-6)
        assert cell[n + 1, 0, n - 1, 2] == pytest.approx(clean[n + 1, n - 1, 2] - clean[n, n - 1, 2], abs=1e-5)


def test_a_quantile_is_each_units_own_in_its_direction():
    clean = subject().clean("verification")
    seen = clean.values[0, "cell"]
    for b in (0, 1):
        steps = [seen[t, n, 2 - 2 * b] for n, e in enumerate(STRINGS) for t in range(len(e.text)) if e.text[t] == "a"]
        lane = {FLIPPED: one(2 - 2 * b, -1)}
        level = ns.set_to(FLIPPED, ns.quantile(0.9, where=ns.char("a")), at="X")
        sources = Sources(STRINGS, lambda: clean, lambda: clean, subject().clean, torch.zeros(1))
        (edit,) = compile_edits(level, [lane], sources, subject().sizes, None).edits.edits
        assert edit.value[0, 2 - 2 * b].item() == pytest.approx(np.quantile(steps, 0.1), abs=1e-6)


def test_order_of_disjoint_edits_does_not_matter():
    examined = subject()
    a, b = ns.add(UNIT, 0.05, at=AT), ns.add(OTHER, 0.5, at=AT)
    assert examined.edited_completions(a + b, LANES)[0] == examined.edited_completions(b + a, LANES)[0]


def test_a_deep_network_resumes_every_layer():
    recipe = dataclasses.replace(RECIPE, layers=2, kind="gru")
    net = Network("deep/gru", 0, "aXb$", LanguageModel(recipe, 4).initialise(5).requires_grad_(False))
    places = {(0, "hidden"), (1, "hidden")}
    examined = Subject(net, STRINGS, STRINGS, places)
    whole = ns.hidden.layer(1)
    under = ns.delay(whole, 0, at=ns.first("X"))
    (same,), used = examined.edited_completions(under, [{}])
    assert used.any()
    assert [r.came for r in same] == [r.came for r in examined.completions()]


def every_step_by_hand(net, example, change):
    """Feed one string through the model step by step; ``change(step, text, value, memory)`` writes into the cell."""
    text, states, memory = list(example.text[: example.prompt]), None, {}
    step = 0
    while len(text) < example.prompt + 30:
        token = torch.tensor([["aXb$".index(text[step])]])

        def hook(layer, site, _, value, step=step):
            if site == "cell":
                value = value.clone()
                change(step, "".join(text[: step + 1]), value[0], memory)
            return value

        with torch.no_grad():
            logits, states, _ = net.model(token, states, hook)
        step += 1
        if step == len(text):
            said = "aXb$"[int(logits.argmax())]
            if said == "$":
                break
            text.append(said)
    return "".join(text[example.prompt :])


def at_x(change):
    return lambda step, text, value, memory: change(value, memory) if text.endswith("X") else None


def freeze(step, text, value, memory):
    if text.endswith("X"):
        memory["held"] = float(value[2])
    if "held" in memory:
        value[2] = memory["held"]


MEAN = subject().clean("discovery").values[0, "cell"][np.isfinite(Sequences(STRINGS).steps)][:, 2].mean()

STANDING = {
    "zero, every step": (ns.zero(UNIT), lambda step, text, value, memory: value[2:3].zero_()),
    "add, every step": (ns.add(UNIT, 0.01), lambda step, text, value, memory: value[2:3].add_(0.01)),
    "clamp, every step": (ns.clamp(UNIT, high=0.2), lambda step, text, value, memory: value[2:3].clamp_(max=0.2)),
    "clamp, wherever": (
        ns.clamp(UNIT, high=0.2, at=ns.char("a") | "X"),
        lambda step, text, value, memory: value[2:3].clamp_(max=0.2) if text[-1] in "aX" else None,
    ),
    "add, wherever the network says b": (
        ns.add(UNIT, 0.02, at=ns.char("b") & (ns.count_of("b") <= 3)),
        lambda step, text, value, memory: value[2:3].add_(0.02) if text[-1] == "b" and text.count("b") <= 3 else None,
    ),
    "add, wherever the X is still to come": (
        ns.add(UNIT, 0.02, at=ns.before("X")),
        lambda step, text, value, memory: value[2:3].add_(0.02) if "X" not in text else None,
    ),
    "add, before a step that is still to come": (
        ns.add(UNIT, 0.02, at=ns.before(ns.first("X") + 2)),
        lambda step, text, value, memory: value[2:3].add_(0.02) if "X" not in text[:-2] else None,
    ),
    "add, from a step on": (
        ns.add(UNIT, 0.02, at=~ns.before(ns.start + 3)),
        lambda step, text, value, memory: value[2:3].add_(0.02) if step >= 3 else None,
    ),
    "keep_only": (ns.keep_only(OTHER, at="X"), at_x(lambda value, memory: value[:4].zero_())),
    "to_mean": (ns.to_mean(UNIT, at="X"), at_x(lambda value, memory: value[2:3].fill_(float(MEAN)))),
    "freeze": (ns.freeze(UNIT, at="X"), freeze),
}


@pytest.mark.parametrize("case", STANDING)
def test_edits_that_stand_equal_a_run_by_hand(case):
    under, change = STANDING[case]
    examined = subject()
    (lane, _), used = examined.edited_completions(under, LANES)
    assert used.all()
    assert [run.came for run in lane] == [every_step_by_hand(examined.network, e, change) for e in STRINGS]
    assert [run.came for run in lane] != [run.came for run in examined.completions()]


def test_interchange_takes_the_value_of_the_pair():
    """Each string is paired with the one before it: its counter then owes one b less."""
    paired = tuple(dataclasses.replace(e, pair=STRINGS[i - 1] if i else None) for i, e in enumerate(STRINGS))
    examined = subject(paired)
    (lane, other), used = examined.edited_completions(ns.interchange(UNIT, at="X"), LANES)
    assert used.tolist() == [False] + [True] * 9
    assert [run.came.count("b") for run in lane] == [1, *range(1, 10)]
    assert all(run.exact for run in other)


def test_an_edit_by_signal_is_decided_by_the_edited_text():
    """With the counter held at one b owed, the network says b's for ever, and the edit goes on."""
    examined = subject()
    (lane, _), _ = examined.edited_completions(ns.set_to(UNIT, 0.05, at=ns.char("b") | "X"), LANES)
    assert {len(run.came) for run in lane} == {30}


def test_an_edit_by_signal_is_not_made_after_the_end():
    """A string that has ended reads on beside longer ones, and says nothing any more."""
    _, used = subject().edited_completions(ns.zero(UNIT, at=ns.count_of("a") >= 11), LANES)
    assert not used.any()


def test_a_clamp_whose_quantiles_cross_is_undecidable():
    with pytest.raises(Undecidable, match="low lies above high for some of the units"):
        subject().edited_completions(ns.clamp(UNIT, low=ns.quantile(0.9), high=ns.quantile(0.1)), LANES)
