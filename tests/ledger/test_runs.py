"""The files of runs: written whole, read with suspicion."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from project_files import make

from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.errors import ProjectError
from neuronspec.ledger import runs
from neuronspec.ledger.record import claim_json
from neuronspec.ledger.runs import Record
from neuronspec.project import Project
from neuronspec.watcher import Watcher

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    project = Project.at(make(tmp_path_factory.mktemp("ledger")))
    return list(runner.verify(project, collect(project), jobs=1))


@pytest.fixture
def claims(judged):
    return [claim_json(result) for results in judged for result in results]


def written(file, claims):
    record = Record(file, {"versions": {}})
    record.add(claims)
    record.write(complete=True)
    return file


def test_a_run_is_read_as_it_was_written(claims, tmp_path):
    run = runs.read(written(tmp_path / "run.json", claims))
    assert run.keys() == {"schema", "complete", "began", "seconds", "environment", "claims"}
    assert (run["schema"], run["complete"]) == (3, True)
    assert run["claims"] == json.loads(json.dumps(claims))


def test_a_run_is_whole_after_each_of_its_parts(claims, tmp_path):
    record = Record(tmp_path / "run.json", {"versions": {}})
    for number, claim in enumerate(claims, start=1):
        record.add([claim])
        run = runs.read(tmp_path / "run.json")
        assert (run["complete"], len(run["claims"])) == (False, number)


def test_a_run_without_a_claim_is_not_kept(tmp_path):
    Record(tmp_path / "run.json", {}).write(complete=False)
    assert not (tmp_path / "run.json").exists()


def test_a_file_that_cannot_be_written_does_not_keep_others_from_it(claims, tmp_path):
    (tmp_path / "file").write_text("")
    record = Record(tmp_path / "file" / "run.json", {"versions": {}}, tmp_path / "run.json")
    with pytest.raises(ProjectError, match=r"cannot write the run to .*file/run.json: "):
        record.add(claims)
    assert len(runs.read(tmp_path / "run.json")["claims"]) == len(claims)


def test_results_go_on_where_the_disk_is_full_and_the_end_says_so(judged, tmp_path):
    class SignalValues(Watcher):
        said = ()

        def warn(self, message):
            self.said += (message,)

    (tmp_path / "file").write_text("")
    record, told, passed = Record(tmp_path / "file" / "run.json", {}), SignalValues(), []
    with pytest.raises(ProjectError, match=r"cannot write the run to .*run.json: (Not a directory|File exists)"):
        passed.extend(runs.recorded(record, judged, told))
    assert passed == judged
    assert len(told.said) == 1


@pytest.mark.parametrize("schema", [1])
def test_every_schema_there_was_can_be_read(schema):
    run = runs.read(HERE / f"run-{schema}.json")
    assert [claim["verdict"] for claim in run["claims"]].count("supported") == 5
    assert run["claims"][3]["replicates"][0]["controls"]["random units"]["interval"] == [None, None]


NO_RUN = {
    "not JSON": ("{", "run.json is no run: it is not JSON; `neuronspec verify --json"),
    "something else": ("[1]", "run.json is no run; `neuronspec verify --json"),
    "no claims in it": ('{"schema": 1}', "run.json is no run; `neuronspec verify --json"),
    "a later one": (
        '{"schema": 99, "claims": []}',
        "run.json has schema 99, and this neuronspec reads 1 to 3; it was written by a newer one: update this",
    ),
    "broken off": ('{"schema": 1, "claims": []}', "has no claims: the run was broken off before the first"),
    "no claim at all": ('{"schema": 1, "complete": true, "environment": {"versions": {}}, "claims": [3]}', "claims[0]"),
    "a schema that is a word": ('{"schema": true, "claims": []}', "run.json has schema True, and this neuronspec"),
    "too deep": ('{"schema": ' + "[" * 100_000, "run.json is no run: it is nested too deeply"),
    "a name twice": ('{"schema": 1, "schema": 1, "claims": []}', "run.json is no run: it has 'schema' twice"),
    "NaN": ('{"schema": NaN, "claims": []}', "run.json is no run: it holds NaN, which is no JSON"),
    "not text": (b"\xff\xfe", "run.json is no run: it is not UTF-8"),
}


@pytest.mark.parametrize("case", NO_RUN)
def test_what_is_no_run_is_said_to_be_none(tmp_path, case):
    content, message = NO_RUN[case]
    (tmp_path / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProjectError) as error:
        runs.read(tmp_path / "run.json")
    assert message in str(error.value)


def test_a_run_that_is_not_there(tmp_path):
    with pytest.raises(ProjectError, match=r"cannot read the run .*run.json: No such file"):
        runs.read(tmp_path / "run.json")


SPOILT = {
    "value": ("high", "value='high': expected a number"),
    "interval": ([1], "interval=[1]: expected two numbers"),
    "bound": ({"low": None, "high": None}, "bound={'low': None, 'high': None}: expected low or high, or both"),
    "controls": ({"random units": 3}, "controls['random units']=3: expected an object"),
    "replicates": ([{"seed": "a"}], "replicates[0].seed='a': expected a whole number of at least 0"),
    "verdict": ("maybe", "verdict='maybe': expected one of supported, refuted, unspecific"),
    "expression": ({}, "expression.measure=None: expected an object"),
    "recipe": (None, "recipe=None: expected a text that is not empty"),
    "seconds": ({"total": -1}, "seconds['total']=-1: expected a number of at least 0"),
    "made_of": ([], "made_of=[]: expected an object"),
}


@pytest.mark.parametrize("key", SPOILT)
def test_a_claim_that_was_spoilt_is_named(claims, tmp_path, key):
    value, message = SPOILT[key]
    claims[1][key] = value
    with pytest.raises(ProjectError) as error:
        runs.read(written(tmp_path / "run.json", claims))
    assert f"run.json: claims[1].{message}" in str(error.value)


def test_a_claim_that_is_there_twice(claims, tmp_path):
    file = written(tmp_path / "run.json", claims)
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"claims": told["claims"] * 2}))
    with pytest.raises(ProjectError, match=r"has the claim specs/spec_small.py::small::it answers twice"):
        runs.read(file)


# Finding a run.


@pytest.fixture
def folder(tmp_path):
    for name in ("20260101-000000-aa", "20260102-000000-bb", "20260102-000001-cc"):
        (tmp_path / f"{name}.json").write_text("{}")
    (tmp_path / ".20260103-000000-dd.json.0123").write_text("half of one")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [("last", "20260102-000001-cc"), ("last~2", "20260101-000000-aa"), ("20260101", "20260101-000000-aa")],
)
def test_a_run_is_found_by_its_name(folder, name, found):
    assert runs.find(folder, name).stem == found


def test_a_file_is_a_run_wherever_it_is(folder, tmp_path):
    assert runs.find(folder, "elsewhere/run.json") == Path("elsewhere/run.json")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("last~3", r"no run 'last~3': .* keeps 3"),
        ("20260102", "20260102: 2 runs begin like that; `neuronspec runs` lists them"),
        ("lost", "lost: no such run in .*; `neuronspec runs` lists them"),
    ],
)
def test_a_name_that_means_no_run(folder, name, message):
    with pytest.raises(ProjectError, match=message):
        runs.find(folder, name)


def test_where_no_run_is_kept(tmp_path):
    with pytest.raises(ProjectError, match=r"no run 'last': none is kept in .*; `neuronspec verify` keeps one"):
        runs.find(tmp_path, "last")


class Clock(datetime):
    """A clock whose time is set."""

    microseconds = 0

    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 1, 2, tzinfo=tz) + timedelta(microseconds=cls.microseconds)


def test_runs_that_begin_within_a_second_are_listed_in_their_order(folder, monkeypatch):
    monkeypatch.setattr(runs, "datetime", Clock)
    begun = []
    for Clock.microseconds in (1_000_007, 1_000_008, 1_020_000, 1_999_999, 2_000_000):
        begun.append(runs.new_file(folder))
        begun[-1].write_text("{}")
    named_by_seconds = "20260102-000000-bb"
    assert [runs.find(folder, f"last~{back}") for back in range(5)] == begun[::-1]
    assert runs.find(folder, named_by_seconds).stem == named_by_seconds
    assert len(runs.kept_runs(folder)) == 8


def test_two_runs_that_begin_at_once_have_two_names(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "datetime", Clock)
    assert len({runs.new_file(tmp_path) for _ in range(100)}) == 100


def test_a_folder_that_cannot_be_written_to_is_said_beforehand(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(ProjectError, match=r"runs cannot be kept in .* is not a folder; name another"):
        runs.new_file(tmp_path / "runs")
