"""A result as JSON."""

import json

import pytest
from project_files import make

from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.language.expression import from_json
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
