"""What changed since claims were locked, in sentences."""

import pytest
from run_claims import RECIPE, claim, measured, replicate

from neuronspec.ledger.changes import LockCheck, changes, gone, identity_of, reworded
from neuronspec.ledger.lock import Lock, lock_of

NAME = "specs/spec_toy.py::toy::it counts"


def everywhere(name):
    return True


def since(before, after, specs=None):
    """The changes from some claims to others; of a specs file that states no more than what was judged."""
    stated = identity_of(after if specs is None else specs)
    lock = lock_of(before)
    return [*changes(lock, after, stated), *gone(lock, stated, everywhere)]


def test_nothing_changed():
    assert since([measured(0.9)], [measured(0.9)]) == []


SENTENCES = {
    "worse": (
        measured(0.4, verdict="undecided", reason="the interval [0.39, 0.51] straddles the bound"),
        "was supported, is undecided (the interval [0.39, 0.51] straddles the bound): "
        "0.9 [0.89, 0.91] -> 0.4 [0.39, 0.41]",
    ),
    "refuted": (
        measured(0.2, verdict="refuted"),
        "was supported, is refuted: 0.9 [0.89, 0.91] -> 0.2 [0.19, 0.21]",
    ),
    "passed over": (
        measured(None, verdict="not applicable", reason="toy/lstm has no cell"),
        "was supported, is not applicable (toy/lstm has no cell): 0.9 [0.89, 0.91] -> no value",
    ),
    "an error": (
        measured(None, verdict="error", reason="it computes NaN"),
        "was supported, is error (it computes NaN): 0.9 [0.89, 0.91] -> no value",
    ),
    "drifted down": (
        measured(0.8),
        "is supported as before, but drifted beyond its margin of 0.05: 0.9 [0.89, 0.91] -> 0.8 [0.79, 0.81]",
    ),
    "drifted up": (
        measured(0.96),
        "is supported as before, but drifted beyond its margin of 0.05: 0.9 [0.89, 0.91] -> 0.96 [0.95, 0.97]",
    ),
    "another bound": (
        measured(0.9, key="new", claim="correlation(position()) >= 0.4"),
        "states something else than was locked: ... >= 0.5 -> >= 0.4, supported",
    ),
    "another network": (
        measured(0.9, key="new", recipe="toy/gru", made_of={}),
        "states something else than was locked: toy/lstm: correlation(position()) >= 0.5 "
        "-> toy/gru: correlation(position()) >= 0.5, supported",
    ),
    "other seeds": (
        claim([replicate(seed, 0.9) for seed in range(2)]),
        "is of other networks than was locked: seeds 0 -> 0:2, 0.9 [0.89, 0.91] -> 0.9 [0.9, 0.9]",
    ),
    "new": (measured(0.7, id="b"), "is not in the lock: supported, 0.7 [0.69, 0.71]"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_a_change_fails_and_is_one_sentence(case):
    after, sentence = SENTENCES[case]
    found = since([measured(0.9)], [after] if after["id"] == NAME else [measured(0.9), after])
    assert [(change.id, change.says, change.fails) for change in found] == [(after["id"], sentence, True)]


def test_what_vanished_fails_under_the_name_it_had():
    (change,) = since([measured(0.9), measured(0.5, id="b", key="kb")], [measured(0.9)])
    assert (change.id, change.fails) == ("b", True)
    assert change.says == "vanished: was supported, 0.5 [0.49, 0.51], and no spec states it"


def test_what_was_not_judged_is_not_gone():
    assert (
        since(
            [measured(0.9), measured(0.5, id="b")],
            [measured(0.9)],
            [measured(0.9), measured(0.5, id="b")],
        )
        == []
    )


def test_what_lies_elsewhere_is_not_gone():
    lock = lock_of([measured(0.9), measured(0.5, id="elsewhere::toy::b")])
    assert gone(lock, {}, lambda name: name.startswith("elsewhere"))[0].id == "elsewhere::toy::b"
    assert gone(lock, identity_of([measured(0.9)]), lambda name: name == NAME) == []


def test_better_is_told_and_does_not_fail():
    (change,) = since([measured(0.4, verdict="undecided")], [measured(0.9)])
    assert not change.fails
    assert change.says == "was undecided, and is supported as its spec states: 0.4 [0.39, 0.41] -> 0.9 [0.89, 0.91]"


@pytest.mark.parametrize("value", [0.86, 0.94])
def test_within_the_margin_is_no_drift(value):
    assert since([measured(0.9)], [measured(value)]) == []


def test_within_the_interval_is_no_drift():
    wide = claim([replicate(0, 0.9, (0.2, 1.0))])
    assert since([wide], [measured(0.3)]) == []
    assert len(since([measured(0.3)], [wide])) == 1


def test_a_reworded_claim_is_the_same_claim():
    (change,) = since([measured(0.9)], [measured(0.9, id="specs/spec_toy.py::toy::it tallies")])
    assert (change.says, change.fails) == (f"was locked as {NAME}", False)


def test_a_reworded_claim_is_held_to_what_was_locked():
    told, failed = since([measured(0.9)], [measured(0.2, id="b", verdict="refuted")])
    assert (told.fails, failed.fails) == (False, True)
    assert failed.says.startswith("was supported, is refuted")


def test_of_two_specs_that_claim_the_same_each_is_held_to_its_own_name():
    twins = [measured(0.9), measured(0.9, id="specs/spec_toy.py::other::it tallies")]
    assert since(twins, twins) == []


def test_of_two_specs_that_claim_the_same_nobody_can_tell_which_was_renamed():
    before = [measured(0.9), measured(0.9, id="b")]
    new, *lost = since(before, [measured(0.9, id="c")])
    assert new.says == (
        f"is not in the lock: supported, 0.9 [0.89, 0.91]; {NAME} and b claimed the same, "
        "and which of them this was cannot be told"
    )
    assert [change.id for change in lost] == [NAME, "b"]
    assert all(change.fails for change in (new, *lost))
    assert reworded(lock_of(before), identity_of([measured(0.9, id="c")])) == {}


def test_the_cause_is_told_where_networks_are_made_otherwise():
    smaller = {"key": "other", "sequences": "s", "recipe": RECIPE | {"units": 3}}
    told, failed = since([measured(0.9)], [measured(0.2, verdict="refuted", made_of=smaller)])
    assert (told.id, told.says, told.fails) == ("toy/lstm", "is made otherwise than was locked: units 10 -> 3", False)
    assert failed.says.endswith("0.2 [0.19, 0.21]; toy/lstm is made otherwise than was locked: units 10 -> 3")


MADE_OTHERWISE = {
    "strings": ({"corpus": "c"}, {"corpus": "d"}, "trained on other strings"),
    "sequences": ({"sequences": "c"}, {"sequences": "d"}, "judged on other sequences"),
    "a new field of the recipe": ({"recipe": {}}, {"recipe": {"warm_up": 5}}, "warm_up None -> 5"),
    "the weights of a checkpoint": ({"sha256": {"0": "a"}}, {"sha256": {"0": "b"}}, "other weights in the file"),
    "how networks are trained": ({"key": "a"}, {"key": "b"}, "trained by another version"),
}


@pytest.mark.parametrize("case", MADE_OTHERWISE)
def test_how_networks_are_made_otherwise(case):
    before, after, told = MADE_OTHERWISE[case]
    (change,) = since([measured(0.9, made_of=before)], [measured(0.9, made_of=after)])
    assert change.says == f"is made otherwise than was locked: {told}"


def test_of_a_checkpoint_those_seeds_count_that_both_runs_had():
    before = measured(0.9, made_of={"sha256": {"0": "a", "1": "b"}})
    assert since([before], [measured(0.9, made_of={"sha256": {"0": "a"}})]) == []


def test_an_empty_lock_knows_no_claim():
    assert [c.says for c in changes(Lock(), [measured(0.9)], identity_of([measured(0.9)]))] == [
        "is not in the lock: supported, 0.9 [0.89, 0.91]"
    ]


def test_a_looser_rule_for_settling_is_told():
    (change,) = since([measured(0.9)], [measured(0.9, replication=0.6)])
    assert change.fails
    assert change.says == ("is settled otherwise than was locked: 0.8 -> 0.6 of the networks have to agree, supported")


def test_fewer_networks_that_agree_are_told_though_the_verdict_holds():
    before = [replicate(seed, 0.9) for seed in range(10)]
    after = [replicate(seed, 0.9, verdict="unlearnt" if seed < 5 else "supported") for seed in range(10)]
    (change,) = since([claim(before)], [claim(after)])
    assert not change.fails
    assert change.says == "is supported as before, in fewer networks: 10 supported -> 5 supported, 5 unlearnt"


def held(lock, specs, part=everywhere):
    return LockCheck(lock, {id: what for id, what in specs.items() if part(id)}, lambda: specs, part)


def test_a_claim_that_went_to_another_part_is_dropped_once_it_is_locked_there():
    old = lock_of([measured(0.9, id="a::toy::it"), measured(0.5, id="b::toy::other", key="other")])
    new = measured(0.9, id="b::toy::it")
    specs = identity_of([new, measured(0.5, id="b::toy::other", key="other")])
    first = held(old, specs, lambda id: id.startswith("a::")).updated(old, [])
    assert set(first.claims) == {"a::toy::it", "b::toy::other"}
    second = held(old, specs, lambda id: id.startswith("b::")).updated(old, [new])
    assert set(second.claims) == {"b::toy::it", "b::toy::other"}


def test_the_cause_is_kept_for_those_that_are_not_locked_anew():
    old = lock_of([measured(0.9), measured(0.5, id="b", key="kb")])
    smaller = {"key": "other", "recipe": RECIPE | {"units": 3}}
    new = measured(0.5, id="b", key="kb", made_of=smaller)
    part = held(old, identity_of([measured(0.9), new])).updated(old, [new])
    assert part.recipes == old.recipes
    both = [measured(0.9, made_of=smaller), new]
    assert held(old, identity_of(both)).updated(old, both).recipes == {"toy/lstm": smaller}
