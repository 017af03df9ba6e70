"""Words are data: printed as written, stored as JSON, with keys that depend on nothing else."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from strategies import claims, signals

import neuronspec as ns
from neuronspec.errors import SpecError
from neuronspec.language.expression import WORDS, canonical, from_json, key, to_json

WRITTEN = {name: getattr(ns, name) for name in ns.__all__}

TALLY = ns.count_of("a") - ns.count_of("b")
COUNTER = ns.cell.best(ns.correlation(TALLY))


@given(claims)
def test_json_round_trip(claim):
    assert from_json(json.loads(json.dumps(to_json(claim)))) == claim


@given(claims)
def test_printed_form_is_code_that_means_the_same(claim):
    assert eval(repr(claim), WRITTEN) == claim


@given(signals, signals)
def test_structural_equality_and_hash(left, right):
    assert (left == right) == (canonical(left) == canonical(right))
    if left == right:
        assert hash(left) == hash(right)


@pytest.mark.parametrize("seed", ["0", "1", "123"])
def test_key_is_the_same_in_every_process(seed):
    code = (
        "from neuronspec import *; from neuronspec.language.expression import key;"
        "t = count_of('a') - count_of('b');"
        "print(key('counting/lstm', correlation(t, of=cell.best(correlation(t)), where=before('X')) >= 0.95))"
    )
    environment = {"PYTHONHASHSEED": seed, "PATH": ""}
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    claim = ns.correlation(TALLY, of=COUNTER, where=ns.before("X")) >= 0.95
    assert printed.stdout.strip() == key("counting/lstm", claim) == claim.key("counting/lstm")


def test_keys_tell_apart_what_differs_and_nothing_else():
    claim = ns.correlation(TALLY, of=COUNTER) >= 0.95
    assert claim.key("counting/lstm") == (ns.correlation(TALLY, of=COUNTER) >= 0.95).key("counting/lstm")
    others = [claim.key("counting/gru"), ns.refuted(claim).key("counting/lstm")]
    others += [(ns.correlation(TALLY, of=COUNTER) >= 0.96).key("counting/lstm")]
    assert len({claim.key("counting/lstm"), *others}) == 4
    assert claim.evidence_key("counting/lstm") == ns.refuted(claim).evidence_key("counting/lstm")


def test_sentence_and_name_are_outside_the_key():
    one = ns.Spec("counting/lstm", claims={"a": ns.exact_match() >= 1})
    two = ns.Spec("counting/lstm", claims={"b": ns.exact_match() >= 1}, seeds=7, says="x")
    assert one.claims[0][1].key(one.recipe) == two.claims[0][1].key(two.recipe)


def test_defaults_are_left_out_of_the_json():
    assert to_json(ns.zero(ns.cell[1], at="X")) == {
        "word": "zero",
        "units": {"word": "unit", "site": {"word": "site", "name": "cell"}, "index": 1},
        "at": {"word": "first", "signal": {"word": "char", "symbol": "X"}},
    }


def test_a_spec_survives_json():
    spec = ns.Spec("counting/lstm", seeds=range(1000, 1003), claims={"it works": ns.exact_match() >= 0.99})
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec
    assert spec.seeds == (1000, 1001, 1002)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"word": "corelation"}, "unknown word 'corelation'; did you mean 'correlation'?"),
        ({"word": "char", "symbl": "a"}, "char has no field 'symbl'; did you mean 'symbol'?"),
        ({"word": "unit", "index": 3}, "unit is incomplete: Unit.__init__() missing 1 required positional argument"),
        ({"word": 3}, "unknown word 3; known: "),
    ],
)
def test_foreign_json_is_refused(data, message):
    with pytest.raises(SpecError) as error:
        from_json(data)
    assert str(error.value).startswith(message)


def test_every_word_has_a_docstring():
    assert [word for word, cls in WORDS.items() if not cls.__doc__] == []
