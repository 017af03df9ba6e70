"""Wrong words fail where they are written; the text is the product."""

import pytest

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.units import Site

TALLY = ns.count_of("a") - ns.count_of("b")
X = ns.char("X")


def spec(claims, **options):
    return ns.Spec("counting/lstm", claims=claims, **options)


WRONG = {
    # coercion
    "a number for a signal": (
        lambda: ns.correlation(3),
        "correlation(signal=3): expected a signal (a value per step), e.g. char('a')",
    ),
    "an empty string": (lambda: ns.char(""), "char(symbol=''): expected a string that is not empty"),
    "a signal where a moment is due": (
        lambda: ns.delay(ns.cell[1], 1, at=X),
        "delay(at=char('X')): expected a moment (one step per sequence), e.g. first('X'); "
        "a signal can hold at many steps: write first(char('X')) or last(char('X'))",
    ),
    "half a step": (lambda: ns.delay(ns.cell[1], 1.5, at="X"), "delay(steps=1.5): expected a whole number"),
    "half a step back": (lambda: ns.first("X") - 0.5, "first(char('X')) - 0.5: expected a whole number of steps"),
    "a unit below 0": (lambda: ns.cell[-1], "unit(index=-1): expected a whole number of at least 0"),
    "a layer below 0": (lambda: ns.cell.layer(-1), "site(layer_number=-1): expected a whole number of at least 0"),
    "an unknown site": (
        lambda: Site("cel"),
        "site 'cel' does not exist; did you mean 'cell'?",
    ),
    "a pattern that is none": (
        lambda: ns.regex("(a"),
        "regex(pattern='(a'): missing ), unterminated subpattern at position 0",
    ),
    "not of a number": (
        lambda: ~ns.position(),
        "~(signal=position()): expected a signal that holds or not, e.g. char('a'); "
        "this one is a number: compare it, e.g. position() >= 1",
    ),
    "a quantile beyond 1": (lambda: ns.quantile(5), "quantile(q=5): expected a finite number from 0 to 1"),
    "NaN as a bound": (
        lambda: ns.exact_match() >= float("nan"),
        "claim(low=nan): expected a finite number",
    ),
    "where a number": (
        lambda: ns.mean(of=ns.cell, where=ns.count_of("a")),
        "mean(where=count_of(char('a'))): expected a signal that holds or not, e.g. char('a'); "
        "this one is a number: compare it, e.g. count_of(char('a')) >= 1",
    ),
    # units
    "a score of behaviour": (
        lambda: ns.cell.best(ns.exact_match()),
        "best(exact_match()): a score is a measure of units, e.g. correlation(char('a'))",
    ),
    "a score under an edit": (
        lambda: ns.cell.best(ns.mean(under=ns.zero(ns.hidden, at="X"))),
        "best(mean(under=zero(hidden, at=first(char('X'))))): units are picked on clean runs; leave under= out",
    ),
    "all that are refuted": (
        lambda: ns.cell.all(ns.refuted(ns.correlation(X) >= 0.5)),
        "all(refuted(correlation(char('X')) >= 0.5)): expected a measure and a bound, and no more",
    ),
    "all below": (
        lambda: ns.cell.all(ns.correlation(X) <= -0.9),
        "all(correlation(char('X')) <= -0.9): scores are oriented to lie above 0; bound them from below",
    ),
    "increments inside": (
        lambda: ns.cell[0] | ns.increments(ns.cell[1]),
        "cell[0] | increments(cell[1]): increments stand outermost, around all units that are meant",
    ),
    "increments twice": (
        lambda: ns.increments(ns.increments(ns.cell[1])),
        "increments(increments(cell[1])): increments stand outermost, around all units that are meant",
    ),
    "a score with units": (
        lambda: ns.cell.best(ns.correlation(TALLY, of=ns.cell[0])),
        "best(correlation(count_of(char('a')) - count_of(char('b')), of=cell[0])): "
        "a score is measured on every unit of the site; leave of= out",
    ),
    "one-unit measure of several": (
        lambda: ns.correlation(X, of=ns.cell.best(ns.correlation(X), n=2)),
        "correlation(of=cell.best(correlation(char('X')), 2)): a measure of one unit; pick one with .best(...)",
    ),
    "units of two sites": (
        lambda: ns.cell[0] | ns.hidden.best(ns.correlation(X)).on(ns.hidden),
        "cell[0] | hidden.best(correlation(char('X'))).on(hidden): units of two sites, cell and hidden; "
        "put them on one with .on(site) first",
    ),
    "units of two layers": (
        lambda: ns.cell.layer(0)[0] & ns.cell.layer(1)[0],
        "cell.layer(0)[0] & cell.layer(1)[0]: units of two sites, cell.layer(0) and cell.layer(1); "
        "put them on one with .on(site) first",
    ),
    "a rival of a measure": (
        lambda: ns.correlation(TALLY, of=ns.cell[0]).against(ns.position()),
        "against() belongs to a claim: write (measure >= bound).against(rival)",
    ),
    "the value of a signal": (
        lambda: ns.count_of(ns.char("X") == 1),
        "count_of(signal=False): expected a signal that holds or not, e.g. char('a'); "
        "== compares expressions: for a value, write signal.equals(value)",
    ),
    # interventions
    "a clamp upside down": (
        lambda: ns.clamp(ns.cell[0], low=1, high=0, at="X"),
        "clamp(low=1, high=0): low lies above high",
    ),
    "a clamp without bounds": (lambda: ns.clamp(ns.cell[0], at="X"), "clamp(cell[0]): give low=, high= or both"),
    "an edit of increments": (
        lambda: ns.zero(ns.increments(ns.cell[0]), at="X"),
        "zero(increments(cell[0])): increments are measured, never edited",
    ),
    "an edit that foresees": (
        lambda: ns.length("b", under=ns.zero(ns.cell[0], at=ns.last("b"))),
        "length(char('b'), under=zero(cell[0], at=last(char('b')))): last(char('b')) is decided by later steps, "
        "which a run that generates does not have yet",
    ),
    # differences
    "a difference of an edited measure": (
        lambda: ns.shift(ns.length(under=ns.zero(ns.cell[0], at="X")), under=ns.zero(ns.cell[1], at="X")),
        "shift(length(under=zero(cell[0], at=first(char('X')))), under=zero(cell[1], at=first(char('X')))): "
        "the difference takes under=; its inner measure must not",
    ),
    "a difference of a size": (
        lambda: ns.change(ns.size(ns.cell), under=ns.zero(ns.cell[1], at="X")),
        "change(size(cell)): this measure cannot be taken under an intervention",
    ),
    "moves of a mean": (
        lambda: ns.moves(ns.mean(of=ns.cell), by=1, under=ns.zero(ns.cell[1], at="X")),
        "moves(mean(of=cell)): expected a number per generated sequence, e.g. length('b')",
    ),
    # claims
    "two bounds in a row": (
        lambda: 0.1 <= ns.exact_match() <= 0.9,
        "exact_match() >= 0.1 has no truth value: nothing has been measured yet. "
        "Write a <= measure <= b as measure.between(a, b), and joined claims as two sentences",
    ),
    "a strict bound": (
        lambda: ns.exact_match() > 0.5,
        "exact_match() > 0.5: bounds are written with >=, <= or .between(low, high)",
    ),
    "the truth of a measure": (
        lambda: bool(ns.exact_match()),
        "exact_match() has no truth value: it is data, and nothing has been measured yet",
    ),
    "a range upside down": (
        lambda: ns.exact_match().between(1, 0),
        "exact_match().between(1, 0): low lies above high",
    ),
    "refuted of a measure": (
        lambda: ns.refuted(ns.exact_match()),
        "refuted(exact_match()): expected a claim, e.g. exact_match() >= 0.99",
    ),
    "as far where nothing is edited": (
        lambda: (ns.mean(of=ns.cell[1]) >= 1).against(ns.matched_displacement()),
        "mean(of=cell[1]): against(matched_displacement()): nothing is edited here; it is about under=",
    ),
    "a rival that is neither": (
        lambda: (ns.mean(of=ns.cell[1]) >= 1).against(ns.cell[2]),
        "claim(rivals=cell[2]): expected a signal (a value per step), e.g. char('a') or units to stand in, "
        "matched_displacement()",
    ),
    "what drives a state": (
        lambda: ns.gate_input(of=ns.cell[1], by=ns.hidden[1], at="X"),
        "gate_input(of=cell[1], by=hidden[1], at=first(char('X'))): expected units of a gate or candidate, "
        "and by= units of hidden, which drive it",
    ),
    "a figure for no sentence": (
        lambda: ns.Spec("t/r", claims={"it ends": ns.exact_match() >= 1}, reported={"it end": "98 %"}),
        "reported['it end']: there is no such sentence; did you mean 'it ends'?",
    ),
    "a figure that is no text": (
        lambda: ns.Spec("t/r", claims={"it ends": ns.exact_match() >= 1}, reported={"it ends": 98}),
        "reported['it ends'] is 98: expected what the source reports, as a text",
    ),
    "as far over seeds": (
        lambda: (ns.median_over_seeds(ns.perplexity(under=ns.zero(ns.cell[1]))) >= 1).against(
            ns.matched_displacement()
        ),
        "median_over_seeds(perplexity(under=zero(cell[1]))): against(matched_displacement()): "
        "it is judged in each network; say it of the claim inside",
    ),
    "driven by another layer": (
        lambda: ns.gate_input(of=ns.input_gate.layer(0)[1], by=ns.hidden.layer(1)[1], at="X"),
        "gate_input(of=input_gate.layer(0)[1], by=hidden.layer(1)[1], at=first(char('X'))): units of two layers; "
        "what drives a gate is the hidden state of its own layer",
    ),
    "driven by increments": (
        lambda: ns.gate_input(of=ns.input_gate[1], by=ns.increments(ns.hidden[1]), at="X"),
        "gate_input(of=input_gate[1], by=increments(hidden[1]), at=first(char('X'))): "
        "a gate is driven by values, not by increments",
    ),
    "for a symbol, of one set": (
        lambda: ns.cell.best(ns.correlation("a")).for_symbol(ns.symbol("other")),
        "cell.best(correlation(char('a'))).for_symbol(symbol('other')): these units are not picked by a symbol, "
        "so that there is one set for all its values",
    ),
    "figures that are no dict": (
        lambda: ns.Spec("t/r", claims={"it ends": ns.exact_match() >= 1}, reported=5),
        "Spec(reported=5): expected a dict of sentences and what the source reports",
    ),
    "a rival of a behaviour": (
        lambda: (ns.exact_match() >= 1).against(ns.position()),
        "exact_match(): a rival takes the place of a measure's signal, and this one has none",
    ),
    # specs
    "equals": (
        lambda: spec({"it works": ns.exact_match() == 1}),
        "claims['it works'] is False, not a claim; "
        "== compares expressions, not values: bounds are written with >=, <= or .between(low, high)",
    ),
    "a measure without a bound": (
        lambda: spec({"it works": ns.exact_match()}),
        "claims['it works'] is exact_match(), not a claim; "
        "a claim is a measure with a bound, e.g. exact_match() >= 0.99",
    ),
    "a sentence with colons": (
        lambda: spec({"a::b": ns.exact_match() >= 1}),
        "claims['a::b']: a sentence holds no '::' (it is part of the claim's id)",
    ),
    "a sentence of two lines": (
        lambda: spec({"a\nb": ns.exact_match() >= 1}),
        "claims['a\\nb']: a sentence holds no '\\n' (it is part of the claim's id)",
    ),
    "an empty sentence": (
        lambda: spec({" ": ns.exact_match() >= 1}),
        "claims[' ']: a sentence is a string that is not empty",
    ),
    "a sentence twice": (
        lambda: spec((("a", ns.exact_match() >= 1), ("a", ns.length() >= 1))),
        "claims['a']: a second sentence of this name",
    ),
    "an unprintable sentence": (
        lambda: spec({"a\ud800": ns.exact_match() >= 1}),
        "claims['a\\ud800']: a sentence holds printable characters only",
    ),
    "too many seeds": (
        lambda: spec({"a": ns.exact_match() >= 1}, seeds=10**9),
        "Spec(seeds=1000000000): more than 10000 seeds",
    ),
    "a seed too large": (
        lambda: spec({"a": ns.exact_match() >= 1}, seeds=[2**64]),
        "Spec(seeds=[18446744073709551616]): expected how many (20), or seeds of at least 0 (range(1000, 1010))",
    ),
    "a share of refuted": (
        lambda: ns.share_of_seeds(ns.refuted(ns.exact_match() >= 1)),
        "share_of_seeds(refuted(exact_match() >= 1)): state the claim plainly, and bound the share from above",
    ),
    "an event in generated text": (
        lambda: ns.length(ns.after(ns.event("x"))),
        "length(after(event('x'))): event('x') is of the task's own text, not of what the network generates",
    ),
    "a minority": (
        lambda: spec({"a": ns.exact_match() >= 1}, replication=0.5),
        "Spec(replication=0.5): expected more than 0.5: a majority at least",
    ),
    "a side effect of a share": (
        lambda: ns.side_effect(ns.share_of_seeds(ns.exact_match() >= 1) >= 0.5),
        "side_effect(share_of_seeds(exact_match() >= 1) >= 0.5): the claim inside has the controls; say it of that",
    ),
    "no claims": (lambda: spec({}), "Spec(claims={}): expected a dict of sentences and claims"),
    "no seeds": (
        lambda: spec({"a": ns.exact_match() >= 1}, seeds=0),
        "Spec(seeds=0): expected how many (20), or seeds of at least 0 (range(1000, 1010))",
    ),
    "a seed below 0": (
        lambda: spec({"a": ns.exact_match() >= 1}, seeds=[-1]),
        "Spec(seeds=[-1]): expected how many (20), or seeds of at least 0 (range(1000, 1010))",
    ),
    "a seed twice": (
        lambda: spec({"a": ns.exact_match() >= 1}, seeds=[1, 1]),
        "Spec(seeds=[1, 1]): a seed occurs twice",
    ),
    "a recipe without a task": (
        lambda: ns.Spec("lstm", claims={"a": ns.exact_match() >= 1}),
        "Spec(recipe='lstm'): expected 'task/recipe', e.g. 'counting/lstm'",
    ),
    "a measure of no units": (
        lambda: spec({"a": ns.mean() >= 1}),
        "claims['a']: mean(): of which units? add of=",
    ),
    "a word over seeds inside": (
        lambda: spec({"a": ns.median_over_seeds(ns.exact_match()) - ns.exact_match() >= 1}),
        "claims['a']: median_over_seeds(exact_match()): a word over seeds stands outermost",
    ),
    "a task's measure inside": (
        lambda: spec({"a": ns.task_measure("x") - ns.exact_match() >= 1}),
        "claims['a']: task_measure('x') stands alone, or within share_of_seeds or median_over_seeds",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_are_refused_with_this_text(case):
    write, message = WRONG[case]
    with pytest.raises(SpecError) as error:
        write()
    assert str(error.value) == message


def test_sites_are_not_iterable():
    with pytest.raises(TypeError, match="not iterable"):
        list(ns.cell)
    with pytest.raises(TypeError, match=r"not a container|not iterable"):
        assert 3 in ns.cell


def test_a_part_has_sites_only():
    with pytest.raises(AttributeError, match=r"decoder has no site .hiden.; did you mean .hidden.\?"):
        ns.decoder.hiden  # noqa: B018
