"""Files that were spoilt are refused in words, or are as good as others; ``make fuzz`` spoils more of them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import MUTATIONS, mutated
from spoilt_files import Files

from neuronspec.errors import ProjectError
from neuronspec.ledger import lock, runs


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("files"), seeds=2)


@pytest.mark.parametrize("kind", ["run", "lock", "card"])
def test_files_as_they_should_be_are_read_and_used(files, kind):
    for data in files.valid[kind][: 1 if kind == "card" else None]:  # the second card is another network's
        assert files.use(kind, data)


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("kind", ["run", "lock", "card"])
@given(mutation=st.sampled_from(MUTATIONS), which=st.integers(0, 4), seed=st.integers(0, 2**32))
def test_spoilt_files_are_refused_in_words_or_used(files, kind, mutation, which, seed):
    valid = files.valid[kind]
    data = valid[0] if kind == "card" else valid[which % len(valid)]
    files.use(kind, mutated(mutation, data, valid[-1], seed))


def test_half_a_character_is_not_written_to_a_run(files):
    claim = files.claims[0] | {"reason": "no such file: \udcff"}
    record = runs.Record(files.folder / "half.json", {"versions": {}})
    record.add([claim])
    assert runs.read(files.folder / "half.json")["claims"][0]["reason"] == "no such file: ?"


SPOILT_CLAIMS = {
    "a seed twice": (
        lambda claim: claim["replicates"].append(claim["replicates"][0]),
        "replicates: seed=0: expected no",
    ),
    "bounds the wrong way": (lambda claim: claim.update(bound={"low": 2, "high": 1}), "expected the lower end in low"),
    "a field gone": (lambda claim: claim.pop("value"), r"claims\[0\].value: it is not there"),
    "a line break": (lambda claim: claim.update(id="a\nb"), "expected a text of one line"),
    "units that are none": (lambda claim: claim["replicates"][0].update(units={"u": 3}), "expected a list"),
    "a ranking that is none": (lambda c: c["replicates"][0].update(rankings={"u": {"best": 3}}), "expected a list"),
    "no mutants": (lambda claim: claim.pop("mutants"), "mutants=None: expected an object"),
}


@pytest.mark.parametrize("case", SPOILT_CLAIMS)
def test_what_is_shown_of_a_run_is_what_it_should_be(files, case):
    spoil, message = SPOILT_CLAIMS[case]
    told = json.loads(files.valid["run"][1])
    spoil(told["claims"][0])
    (files.folder / "claims.json").write_text(json.dumps(told))
    with pytest.raises(ProjectError, match=message):
        runs.read(files.folder / "claims.json")


def test_seeds_far_apart_are_told_one_by_one():
    assert lock.seeds_as_text([0, 2**62]) == f"0,{2**62}"
