"""A result as JSON."""

import json

import pytest
from project_files import make

from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.language.expression import from_json
from neuronspec.ledger import circumstances
from neuronspec.ledger.record import claim_json
from neuronspec.project import Project


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    project = Project.at(make(tmp_path_factory.mktemp("ledger")))
    (results,) = runner.verify(project, collect(project), jobs=1)
    return results


def test_a_claim_has_the_promised_shape(results):
    claim = json.loads(json.dumps(claim_json(results[3]), allow_nan=False))
    promised = {"id", "says", "claim", "recipe", "verdict", "expected", "value", "interval", "bound", "controls"}
    assert promised | {"replicates", "seconds", "shared", "made_of"} <= claim.keys()
    assert claim["id"] == "specs/spec_small.py::small::a unit goes with the tally"
    assert claim["bound"] == {"low": 0.1, "high": None}
    assert claim["seconds"].keys() == {"train", "trace", "pick", "intervene", "judge", "total"}
    assert claim["made_of"].keys() == {"key", "corpus", "recipe", "sequences"}
    assert claim["made_of"]["recipe"]["units"] == 6
    replicate = claim["replicates"][0]
    assert {"seed", "units", "value", "interval", "verdict", "controls", "influences"} <= replicate.keys()
    ((expression, units),) = replicate["units"].items()
    assert expression.startswith("hidden.best(")
    assert units[0].keys() == {"site", "layer", "index", "sign"}
    assert replicate["controls"].keys() == {"random units", "untrained twin"}
    assert replicate["controls"]["random units"].keys() == {"value", "interval", "difference", "draws", "p", "note"}


def test_a_claim_can_be_read_back(results):
    for result in results:
        written = claim_json(result)
        assert from_json(written["expression"]) == result.question.claim
        assert written["key"] == result.question.claim.key("tiny/gru")


def test_shared_work_is_a_part_of_the_seconds(results):
    for claim in map(claim_json, results):
        assert claim["shared"]["train"] == claim["seconds"]["train"] > 0
        assert all(seconds <= claim["seconds"][phase] + 1e-4 for phase, seconds in claim["shared"].items())


def test_circumstances_name_versions_but_no_host_and_no_user(tmp_path):
    told = circumstances.environment(tmp_path, jobs=3)
    known = {"versions", "machine", "cores", "jobs", "threads", "device", "commit", "corpora"}
    assert told.keys() == known
    assert told["versions"].keys() == {"python", "neuronspec", "torch", "numpy", "scikit-learn"}
    assert (told["jobs"], told["threads"], told["commit"]) == (3, 1, None)


def git(folder, *words):
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    circumstances.subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_the_commit_and_whether_files_differ_from_it(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    clean = circumstances.environment(tmp_path)["commit"]
    assert len(clean["id"]) == 40
    assert not clean["dirty"]
    (tmp_path / "a").write_text("2")
    assert circumstances.environment(tmp_path)["commit"] == {"id": clean["id"], "dirty": True}


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert circumstances.environment(tmp_path)["commit"] is None
