"""The JSON of a run."""

import json

import pytest
from project_files import make

from neuronspec import ledger, runner
from neuronspec.collection import collect
from neuronspec.errors import ProjectError
from neuronspec.language.expression import from_json
from neuronspec.project import Project


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    project = Project.at(make(tmp_path_factory.mktemp("ledger")))
    return list(runner.verify(project, collect(project), jobs=1))


def test_the_document_has_the_promised_shape(results, tmp_path):
    ledger.write(tmp_path / "run.json", [ledger.claim_json(result) for result in results])
    run = json.loads((tmp_path / "run.json").read_text(), parse_constant=pytest.fail)  # JSON knows no NaN
    assert run.keys() == {"schema", "complete", "claims", "environment"}
    assert run["schema"] == 1
    claim = run["claims"][3]
    promised = {"id", "says", "claim", "network", "verdict", "expected", "value", "interval", "bound", "controls"}
    assert promised | {"replicates", "seconds"} <= claim.keys()
    assert claim["id"] == "specs/spec_small.py::small::a unit goes with the tally"
    assert claim["bound"] == {"low": 0.1, "high": None}
    assert claim["seconds"].keys() == {"train", "trace", "pick", "intervene", "judge", "total"}
    replicate = claim["replicates"][0]
    assert {"seed", "units", "value", "interval", "verdict", "controls"} <= replicate.keys()
    ((expression, units),) = replicate["units"].items()
    assert expression.startswith("hidden.best(")
    assert units[0].keys() == {"site", "layer", "index", "sign"}
    assert replicate["controls"].keys() == {"random units", "untrained twin"}


def test_a_claim_can_be_read_back(results):
    for result in results:
        written = ledger.claim_json(result)
        assert from_json(written["expression"]) == result.question.claim
        assert written["key"] == result.question.claim.key("tiny/gru")


def test_circumstances_name_versions_but_no_host_and_no_user(results):
    environment = ledger.environment()
    assert environment.keys() == {"versions", "machine", "cores", "device", "corpora"}
    assert environment["versions"].keys() == {"python", "neuronspec", "torch", "numpy", "scikit-learn"}


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match=r"cannot write the run to .*: (Not a directory|File exists)"):
        ledger.write(tmp_path / "file" / "run.json", [])


# Reading a run.

NO_RUN = {
    "not JSON": ("{", "run.json is no run: it is not JSON; `neuronspec verify --json"),
    "something else": ("[1]", "run.json is no run; `neuronspec verify --json"),
    "no claims in it": ('{"schema": 1}', "run.json is no run; `neuronspec verify --json"),
    "a later one": ('{"schema": 99, "claims": []}', "run.json has schema 99, and this neuronspec reads 1"),
    "broken off": ('{"schema": 1, "claims": []}', "has no claims: the run was broken off before the first"),
    "half a claim": ('{"schema": 1, "claims": [{"id": "a"}]}', "run.json: claims[0]: says=None: expected a text"),
    "no claim at all": ('{"schema": 1, "claims": [3]}', "run.json: claims[0]: id=None: expected a text"),
    "a schema that is a word": ('{"schema": true, "claims": []}', "run.json has schema True"),
    "too deep": ('{"schema": ' + "[" * 100_000, "run.json is no run: it is not JSON"),
    "not text": (b"\xff\xfe", "run.json is no run: it is not JSON"),
}


@pytest.mark.parametrize("case", NO_RUN)
def test_what_is_no_run_is_said_to_be_none(tmp_path, case):
    content, message = NO_RUN[case]
    (tmp_path / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProjectError) as error:
        ledger.read(tmp_path / "run.json")
    assert message in str(error.value)


def test_a_run_that_is_not_there(tmp_path):
    with pytest.raises(ProjectError, match=r"cannot read the run .*run.json: No such file"):
        ledger.read(tmp_path / "run.json")


def test_a_run_is_read_as_it_was_written(results, tmp_path):
    claims = [ledger.claim_json(result) for result in results]
    ledger.write(tmp_path / "run.json", claims)
    assert ledger.read(tmp_path / "run.json")["claims"] == json.loads(json.dumps(claims))


SPOILT = {
    "value": ("high", "value='high': expected a number"),
    "interval": ([1], "interval=[1]: expected two numbers"),
    "bound": ({"low": None, "high": None}, "bound={'low': None, 'high': None}: expected low or high, or both"),
    "controls": ({"random units": 3}, "controls={'random units': 3}: expected values by name"),
    "replicates": ([{"seed": "a"}], "replicates=[{'seed': 'a'}]: expected seeds with verdicts"),
    "verdict": ("maybe", "verdict='maybe': expected a verdict"),
    "expression": ({}, "expression={}: expected a claim"),
    "network": (None, "network=None: expected a text"),
}


@pytest.mark.parametrize("key", SPOILT)
def test_a_claim_that_was_spoilt_is_named(results, tmp_path, key):
    value, message = SPOILT[key]
    claims = [ledger.claim_json(result) for result in results]
    claims[1][key] = value
    ledger.write(tmp_path / "run.json", claims)
    with pytest.raises(ProjectError) as error:
        ledger.read(tmp_path / "run.json")
    assert str(error.value).endswith(f"run.json: claims[1]: {message}")
