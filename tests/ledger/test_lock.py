"""The lock file: what stands in it, and what is said of one that cannot be read."""

import json

import numpy as np
import pytest
from run_claims import claim, measured, replicate

from neuronspec.engine.verdicts.replicates import median_interval
from neuronspec.errors import ProjectError
from neuronspec.ledger.lock import Lock, lock_of, locked, merged, read, refuse_errors, seeds_as_text, text_of, write

NAME = "specs/spec_toy.py::toy::it counts"


def test_a_lock_is_read_as_it_was_written(tmp_path):
    lock = lock_of([measured(0.9), measured(None, id="b", verdict="undecided", expected="refuted")])
    write(tmp_path / "claims.lock.json", lock)
    assert read(tmp_path / "claims.lock.json") == lock


def test_a_field_per_line_in_one_order_so_that_a_diff_can_be_read():
    told = text_of(merged(Lock(), lock_of([measured(0.9), measured(0.5, id="a claim")]), ()))
    assert told == text_of(merged(Lock(), lock_of([measured(0.5, id="a claim"), measured(0.9)]), ()))
    other = text_of(merged(Lock(), lock_of([measured(0.9), measured(0.5, id="a claim", verdict="refuted")]), ()))
    (changed,) = [(a, b) for a, b in zip(told.splitlines(), other.splitlines(), strict=True) if a != b]
    assert changed == ('   "verdict": "supported",', '   "verdict": "refuted",')


@pytest.mark.parametrize(
    ("seeds", "told"), [(range(20), "0:20"), ([3], "3"), ([8, 3, 5], "3,5,8"), ([4, 5], "4:6"), ([], "")]
)
def test_seeds_are_told_briefly(seeds, told):
    assert seeds_as_text(list(seeds)) == told


def test_the_interval_of_one_network_is_its_own():
    assert locked(measured(0.9)).interval == (0.89, 0.91)


def test_the_interval_of_a_few_networks_holds_all_of_theirs():
    some = claim([replicate(seed, value, (value - 0.1, value + 0.2)) for seed, value in enumerate((0.3, 0.5, 0.6))])
    assert locked(some).interval == (0.2, 0.8)


def test_the_interval_of_many_networks_is_that_of_their_median():
    values = np.random.default_rng(0).normal(size=20).round(3)
    many = claim([replicate(seed, float(value), (-9, 9)) for seed, value in enumerate(values)])
    assert locked(many).interval == median_interval(values)


def test_words_over_seeds_have_their_own():
    share = claim([replicate(s, 0.9) for s in range(10)], word="share_of_seeds", value=0.9, interval=[0.6, 0.98])
    assert locked(share).interval == (0.6, 0.98)


@pytest.mark.parametrize(("value", "margin"), [(0.9, 0.05), (-30.0, 1.5), (None, 0.05)])
def test_margins_grow_with_values_above_one(value, margin):
    assert locked(measured(value)).margin == margin


def test_a_margin_that_was_set_by_hand_is_kept():
    old = Lock({NAME: locked(measured(0.9) | {"claim": "as it was"})})
    by_hand = Lock({NAME: type(old.claims[NAME])(**vars(old.claims[NAME]) | {"margin": 0.2})})
    assert merged(by_hand, lock_of([measured(0.8)]), ()).claims[NAME].margin == 0.2
    assert merged(by_hand, lock_of([measured(0.8, id="b")]), [NAME], {"b": NAME}).claims["b"].margin == 0.2
    assert merged(old, lock_of([measured(30.0)]), ()).claims[NAME].margin == 1.5


def test_a_margin_that_came_with_the_value_goes_with_it():
    old = lock_of([measured(21.333333)])
    assert old.claims[NAME].margin == 1.06667
    assert merged(old, lock_of([measured(100.0)])).claims[NAME].margin == 5.0


def test_a_part_that_is_locked_anew_leaves_the_rest():
    old = lock_of([measured(0.9), measured(0.5, id="gone"), measured(0.6, id="other", recipe="toy/gru")])
    new = merged(old, lock_of([measured(0.8)]), ["gone"])
    assert {name: one.value for name, one in new.claims.items()} == {NAME: 0.8, "other": 0.6}
    assert list(new.recipes) == ["toy/gru", "toy/lstm"]
    assert list(merged(old, Lock(), [NAME, "gone"]).recipes) == ["toy/gru"]


def test_an_error_is_no_verdict_to_hold_a_run_to():
    with pytest.raises(ProjectError, match=r"specs/spec_toy.py::toy::it counts cannot be locked: error: NaN"):
        refuse_errors([measured(0.9), measured(None, verdict="error", reason="NaN")])


# Locks that cannot be read: what is said, and what to do.

GOOD = json.loads(text_of(lock_of([measured(0.9)])))


def spoilt(**changes):
    return json.dumps(GOOD | {"claims": {NAME: GOOD["claims"][NAME] | changes}})


ANEW = "; restore it, or remove it and make it anew by `neuronspec lock --update`"
CONFLICT = '{\n "schema": 2,\n<<<<<<< HEAD\n "recipes": {},\n=======\n "recipes": {"a": {}},\n>>>>>>> other\n'
NO_LOCK = {
    "a newer schema": (
        json.dumps(GOOD | {"schema": 3}),
        "claims.lock.json has schema 3, and this neuronspec reads 1 to 2: it is older; update it",
    ),
    "a schema that is none": (json.dumps(GOOD | {"schema": True}), f"json: schema=True: expected 1 to 2{ANEW}"),
    "a merge conflict": (
        CONFLICT,
        "json:3: a merge conflict; take either side (git checkout --ours claims.lock.json), "
        "then `neuronspec lock --update`",
    ),
    "cut short": (
        json.dumps(GOOD, indent=1)[:200],
        ": it is cut short, or no JSON: ",
    ),
    "empty": ("", f"json:1: it is cut short, or no JSON: Expecting value{ANEW}"),
    "not text": (b"\xff\xfe", f"claims.lock.json is no lock: it is not UTF-8{ANEW}"),
    "a list": ("[]", f"json: claims.lock.json=[]: expected an object{ANEW}"),
    "an interval the wrong way round": (
        spoilt(interval=[0.95, 0.85]),
        f"json: claims['{NAME}'].interval=[0.95, 0.85]: expected the lower end first{ANEW}",
    ),
    "a value outside its interval": (
        spoilt(interval=[0.91, 0.95]),
        f"json: claims['{NAME}'].value=0.9: expected a number within its interval, 0.91 to 0.95{ANEW}",
    ),
    "half an interval": (spoilt(interval=[None, 1]), f"interval=[None, 1]: expected two numbers, or none{ANEW}"),
    "a negative margin": (spoilt(margin=-1), f"margin=-1: expected a number of at least 0{ANEW}"),
    "a verdict there is not": (
        spoilt(verdict="true"),
        "verdict='true': expected one of supported, refuted, unspecific",
    ),
    "a value that is no number": (spoilt(value="0.9"), f"value='0.9': expected a number{ANEW}"),
    "a value beyond all numbers": (spoilt(value=10**400), "json: it holds a number of 401 digits; restore it"),
    "infinity": (spoilt(value=1).replace('"value": 1', '"value": Infinity'), "it holds Infinity, which is no JSON"),
    "no key": (spoilt(key=""), f"key='': expected a text that is not empty{ANEW}"),
    "a recipe that is not there": (spoilt(recipe="toy/gru"), f"recipe='toy/gru': expected one of recipes{ANEW}"),
    "both sides of a merge": (
        text_of(lock_of([measured(0.9)])).replace('"margin"', '"key": "other",\n   "margin"'),
        f"json: it has 'key' twice{ANEW}",
    ),
    "too deep": ('{"schema": ' + "[" * 100_000, f"json: it is nested too deeply{ANEW}"),
}


@pytest.mark.parametrize("case", NO_LOCK)
def test_what_is_no_lock_is_said_and_what_to_do(tmp_path, case):
    content, message = NO_LOCK[case]
    (tmp_path / "claims.lock.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProjectError) as error:
        read(tmp_path / "claims.lock.json")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_lock_at_all(tmp_path):
    with pytest.raises(ProjectError, match=r"there is no claims.lock.json in .*; `neuronspec lock --update` makes one"):
        read(tmp_path / "claims.lock.json")


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "claims.lock.json").mkdir()
    with pytest.raises(ProjectError, match=r"cannot read .*claims.lock.json: Is a directory"):
        read(tmp_path / "claims.lock.json")


def test_a_lock_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match=r"cannot write .*claims.lock.json: "):
        write(tmp_path / "file" / "claims.lock.json", Lock())
