"""Picks and what stands in for them."""

import math
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from planted import random_subject
from sets_per_value import EIGHT, LATER, PICK, by_value, chosen_sets, made, of, own

import neuronspec as ns
from neuronspec.engine.measures.evaluate import View, estimate, of_claim
from neuronspec.engine.picks.picks import pick
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.unit_sets import UnitSet, UnitSets, bases, set_by_set, units
from neuronspec.engine.verdicts.random_sets import random_lanes
from neuronspec.errors import Undecidable
from neuronspec.networks.models import LanguageModel
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example

SCORE = ns.correlation("a")
BEST = ns.cell.best(SCORE)


def sizes(units):
    return {(0, site): units for site in ("cell", "hidden", "candidate", "forget_gate")}


def picked(base, *scores):
    model = LanguageModel(Recipe("lstm", units=len(scores)), symbols=1)
    subject = Subject(Network("tiny/lstm", 0, "a", model), [Example("a")], [Example("a")], [])
    with patch("neuronspec.engine.picks.picks.scores", return_value=np.array(scores)):
        return pick(base, subject)


def test_best_is_oriented():
    chosen = picked(BEST, 0.1, -0.9, 0.5)
    assert (chosen.indices, chosen.signs) == ((1,), (-1,))
    assert chosen.orientation == (1, -1, 1)


def test_best_n_in_order_and_never_an_undefined_one():
    chosen = picked(ns.cell.best(SCORE, n=4), 0.1, -0.9, 0.5, math.nan)
    assert chosen.indices == (1, 2, 0)


def test_auroc_is_oriented_about_one_half():
    chosen = picked(ns.cell.best(ns.auroc("a")), 0.6, 0.1)
    assert (chosen.indices, chosen.signs) == ((1,), (-1,))


def test_all_that_meet_the_bound_in_either_direction():
    chosen = picked(ns.cell.all(SCORE >= 0.5), 0.5, -0.9, 0.4)
    assert (chosen.indices, chosen.signs) == ((0, 1), (1, -1))
    assert picked(ns.cell.all(SCORE >= 0.95), 0.5, -0.9, 0.4).indices == ()


def lane(*indices):
    return {BEST: UnitSet(0, "cell", indices, (1,) * len(indices), (1, -1) * 4)}


def test_set_algebra():
    one, two = ns.cell[1], ns.cell[2]
    sets = {one: UnitSet(0, "cell", (1,), (-1,), (1,) * 4), two: UnitSet(0, "cell", (2,), (1,), (1,) * 4)}

    def of(expression):
        found = units(expression, sets, sizes(4))
        return list(zip(found.indices, found.signs, strict=True))

    assert of(one | two) == [(1, -1), (2, 1)]
    assert of((one | two) & two) == [(2, 1)]
    assert of((one | two) - two) == [(1, -1)]
    assert of(ns.others(one)) == [(0, 1), (2, 1), (3, 1)]
    assert of(ns.cell) == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_gates_have_no_sign():
    flipped = -ns.cell[1]
    sets = {flipped: UnitSet(0, "cell", (1,), (-1,), (1,) * 4)}
    assert units(flipped.on(ns.candidate), sets, sizes(4)).signs == (-1,)
    assert units(flipped.on(ns.forget_gate), sets, sizes(4)).signs == (1,)
    assert units(flipped.on(ns.forget_gate), sets, sizes(4)).site == "forget_gate"


def test_bases_are_the_picks_outside_scores():
    inner = ns.cell.best(ns.correlation("b"))
    claim = ns.moves(ns.length(), by=1, under=ns.delay(ns.others(BEST | inner), 1, at="X"))
    assert bases(claim) == [BEST, inner]
    assert bases(ns.saturation(of=ns.hidden)) == []


# A set for each value of a symbol.

BY_LETTER = UnitSets(("letter",), {("a",): of(1, 4), ("b",): of(6)})
BY_OTHER = UnitSets(("other",), {("a",): of(4), ("b",): of(0, 1, 6), ("X",): of(2)})


def two_symbols(missing=False):
    """Random texts with two symbols each; with ``missing``, some have the letter of no set, and some have none."""
    examined = random_subject(sequences=12)
    letters = ["a", "b", "X"] if missing else ["a", "b"]
    examples = [
        replace(
            e, symbols={"letter": letters[n % len(letters)], "other": "abX"[n // 2 % 3]}, pair=examined.discovery[n]
        )
        for n, e in enumerate(examined.verification)
    ]
    if missing:
        examples[5] = replace(examples[5], symbols={"other": "a"})
    return replace(examined, verification=tuple(examples))


def told(chosen, examples):
    """For each sequence, its units with their signs."""
    found = [None] * len(examples)
    for rows, one in chosen.sequences(examples):
        for row in rows:
            assert found[row] is None
            found[row] = dict(zip(one.indices, one.signs, strict=True))
    return found


letters = st.one_of(st.none(), st.sampled_from("abX"))
ALGEBRA = {
    "|": (lambda left, right: left | right, lambda left, right: left | right),
    "&": (lambda left, right: left & right, lambda left, right: left & right),
    "-": (lambda left, right: left - right, lambda left, right: left - right),
}


@given(chosen_sets, chosen_sets, st.lists(st.tuples(letters, letters), min_size=1, max_size=6), st.sampled_from("|&-"))
def test_sets_join_sequence_by_sequence(left, right, values, sign):
    examples = [
        Example("a", symbols={n: v for n, v in zip(("letter", "other"), pair, strict=True) if v}) for pair in values
    ]
    (expression, plainly), left, right = ALGEBRA[sign], made(left), made(right)
    if isinstance(left, UnitSets) and isinstance(right, UnitSets) and left.symbols == right.symbols:
        assume(left.sets.keys() & right.sets.keys())
    joined = units(expression(PICK, LATER), {PICK: left, LATER: right}, sizes(8))
    expected = []
    for example in examples:
        sets = own(left, example), own(right, example)
        expected.append(None if None in sets else {i: EIGHT[i] for i in plainly(*(set(one.indices) for one in sets))})
    assert told(joined, examples) == expected


@given(chosen_sets, st.lists(st.tuples(letters, letters), min_size=1, max_size=6))
def test_other_units_and_increments_are_those_of_each_value(chosen, values):
    examples = [
        Example("a", symbols={n: v for n, v in zip(("letter", "other"), pair, strict=True) if v}) for pair in values
    ]
    chosen = made(chosen)
    rest = units(ns.others(PICK), {PICK: chosen}, sizes(8))
    expected = [own(chosen, e) and {i: EIGHT[i] for i in range(8) if i not in own(chosen, e).indices} for e in examples]
    assert told(rest, examples) == expected
    moved = units(ns.increments(PICK), {PICK: chosen}, sizes(8))
    assert moved.moved
    assert told(moved, examples) == told(chosen, examples)
    gates = units(PICK.on(ns.forget_gate), {PICK: chosen}, sizes(8))
    assert gates.place == (0, "forget_gate")
    assert told(gates, examples) == [found and dict.fromkeys(found, 1) for found in told(chosen, examples)]


@given(by_value, st.lists(st.tuples(letters, letters), min_size=1, max_size=6))
def test_the_units_of_another_symbols_value(chosen, values):
    examples = [
        Example("a", symbols={n: v for n, v in zip(("letter", "other"), pair, strict=True) if v}) for pair in values
    ]
    chosen = made(chosen)
    other = {"letter": "other", "other": "letter"}[chosen.symbols[0]]
    swapped = units(PICK.for_symbol(ns.symbol(other)), {PICK: chosen}, sizes(8))
    expected = [chosen.sets.get((e.symbols.get(other, ""),)) for e in examples]
    assert told(swapped, examples) == [one and dict(zip(one.indices, one.signs, strict=True)) for one in expected]
    both = units(PICK | PICK.for_symbol(ns.symbol(other)), {PICK: chosen}, sizes(8))
    for example, found in zip(examples, told(both, examples), strict=True):
        mine, theirs = own(chosen, example), chosen.sets.get((example.symbols.get(other, ""),))
        assert (found is None) == (mine is None or theirs is None)
        assert found is None or set(found) == {*mine.indices, *theirs.indices}


def test_a_function_of_no_sets_per_value_is_called_once():
    assert set_by_set(lambda one: of(*one.indices, 7), of(1)) == of(1, 7)


def test_sets_of_values_apart():
    """Each is for sequences that the other is not for."""
    apart = {PICK: UnitSets(("letter",), {("a",): of(1)}), LATER: UnitSets(("letter",), {("b",): of(2)})}
    with pytest.raises(Undecidable) as error:
        units(PICK | LATER, apart, sizes(8))
    assert str(error.value) == "units for each value of letter: the sets have no value in common"
    assert random_lanes(apart, sizes(8), np.random.default_rng(0)) == []


def test_measured_where_no_sequence_has_units():
    with pytest.raises(Undecidable) as error:
        measured(ns.mean(of=PICK), two_symbols(), {PICK: UnitSets(("letter",), {("X",): of(1)})})
    assert str(error.value) == "cell.svm_rfe(symbol('letter'), keep=2): no sequence to measure has units of its own"


def test_sets_per_value_as_json():
    found = BY_LETTER.as_json()
    assert found == [
        {"site": "cell", "layer": 0, "index": 1, "sign": -1, "of": {"letter": "a"}},
        {"site": "cell", "layer": 0, "index": 4, "sign": -1, "of": {"letter": "a"}},
        {"site": "cell", "layer": 0, "index": 6, "sign": -1, "of": {"letter": "b"}},
    ]


# What is measured of them, and done to them.

EDITED = {
    "zero": ns.zero(PICK, at=ns.start + 1),
    "keep_only": ns.keep_only(PICK, at=ns.start + 1),
    "add": ns.add(PICK, 2.5, at=ns.start + 1),
    "set_to": ns.set_to(PICK, ns.quantile(0.9), at=ns.start + 1),
    "to_mean": ns.to_mean(PICK),
    "freeze": ns.freeze(PICK, at=ns.start + 1),
    "delay": ns.delay(PICK, 1, at=ns.start + 2),
    "interchange": ns.interchange(PICK, at=ns.start + 1),
    "of two symbols": ns.zero(PICK | LATER, at=ns.start + 1),
    "of another symbol": ns.zero(PICK.for_symbol(ns.symbol("other")), at=ns.start + 1),
}


@pytest.mark.parametrize("case", EDITED)
@pytest.mark.parametrize("generates", [False, True])
def test_edits_are_of_the_units_of_each_sequences_own_value(case, generates):
    """Against the same edit of one plain set, made in all sequences, of which one is looked at."""
    examined, under = two_symbols(missing=True), EDITED[case]
    together = _runs(examined, under, {PICK: BY_LETTER, LATER: BY_OTHER}, generates)
    for b, example in enumerate(examined.verification):
        letter = example.symbols.get("letter", "") if case != "of another symbol" else example.symbols["other"]
        mine = BY_LETTER.sets.get((letter,), of())
        theirs = BY_OTHER.sets[example.symbols["other"],] if mine.indices else of()
        plain = replace(under, units=PICK) if case == "of another symbol" else under
        if not mine.indices:  # what has no set is left as it is
            plain = ns.add(PICK, 0.0, at=ns.start)
            mine = of(0)
        alone = _runs(examined, plain, {PICK: mine, LATER: theirs}, generates)
        np.testing.assert_equal(together[b], alone[b])


def _runs(examined, under, lane, generates):
    if generates:
        return [run.came for run in examined.edited_completions(under, [lane])[0][0]]
    (run,) = examined.edited(under, [lane], [(0, "cell"), (0, "hidden")])[0]
    lengths = [len(e.text) for e in examined.verification]
    return [np.round(run.values[0, "cell"][:n, b], 5) for b, n in enumerate(lengths)]


def measured(measure, examined, lane):
    return estimate(measure, View(examined, [lane])).values[0]


def seen(examined, chosen, site="cell"):
    """The signed values of each sequence's own units at all steps of its text, ``[time unit]``."""
    run = examined.clean("verification")
    for b, e in enumerate(examined.verification):
        one = own(chosen, e)
        if one is not None:
            yield run.values[0, site][: len(e.text), b][:, list(one.indices)] * np.array(one.signs)


@pytest.mark.parametrize("missing", [False, True])
def test_measures_of_sets_per_value(missing):
    """What has no set is left out, be it that its value is unknown or that it has none."""
    examined = two_symbols(missing)
    lane = {PICK: BY_LETTER, LATER: BY_OTHER}
    everything = np.concatenate([values.ravel() for values in seen(examined, BY_LETTER)])
    assert measured(ns.mean(of=PICK), examined, lane) == pytest.approx(everything.mean(), abs=1e-6)
    moved = np.concatenate([np.diff(v, axis=0, prepend=0).ravel() for v in seen(examined, BY_LETTER)])
    assert measured(ns.mean(of=ns.increments(PICK)), examined, lane) == pytest.approx(moved.mean(), abs=1e-6)
    with_set = [e for e in examined.verification if own(BY_LETTER, e)]
    sizes_of = [len(own(BY_LETTER, e).indices) for e in with_set]
    assert measured(ns.size(PICK), examined, lane) == pytest.approx(np.mean(sizes_of))
    shared = [
        len({*own(BY_LETTER, e).indices} & {*own(BY_OTHER, e).indices})
        / min(len(own(BY_LETTER, e).indices), len(own(BY_OTHER, e).indices))
        for e in with_set
    ]
    assert measured(ns.overlap(PICK, LATER), examined, lane) == pytest.approx(np.mean(shared))


@pytest.mark.parametrize("missing", [False, True])
def test_each_unit_of_a_set_per_value(missing):
    """The nth units of all values count as one; a value with fewer units has no nth."""
    examined = two_symbols(missing)
    signal = ns.count_of("a")
    first = np.concatenate([values[:, 0] for values in seen(examined, BY_LETTER)])
    a_so_far = [np.cumsum([s == "a" for s in e.text]) for e in examined.verification if own(BY_LETTER, e) is not None]
    expected = np.corrcoef(first, np.concatenate(a_so_far))[0, 1]
    one_each = UnitSets(("letter",), {v: of(one.indices[0]) for v, one in BY_LETTER.sets.items()})
    claim = ns.correlation(signal, of=ns.each(PICK)) >= -1
    assert of_claim(claim, View(examined, [{PICK: one_each}])).values[0] == pytest.approx(expected, abs=1e-6)
    worst = of_claim(ns.mean(of=ns.each(PICK)) >= 9, View(examined, [{PICK: BY_LETTER}])).values[0]
    second = np.concatenate([values[:, 1] for values in seen(examined, BY_LETTER) if values.shape[1] > 1])
    assert worst == pytest.approx(min(first.mean(), second.mean()), abs=1e-6)
