"""The run of a pytest session: kept once, whole, and shown as evidence."""

import json

from project_files import FAILING, make, run

pytest_plugins = ["pytester"]


def test_seeds_and_store_can_be_named(project, tmp_path):
    said = run(
        project,
        "specs",
        "--neuronspec-seeds",
        "4:6",
        "--neuronspec-store",
        str(tmp_path / "s"),
        "--neuronspec-json",
        "j",
    )
    said.assert_outcomes(passed=6)
    claims = json.loads((project.path / "j").read_text())["claims"]
    assert [replicate["seed"] for replicate in claims[0]["replicates"]] == [4, 5]
    assert list((tmp_path / "s").rglob("seed-4.json"))
    assert not (project.path / ".neuronspec").exists()


def test_a_folder_in_which_no_run_could_be_kept_is_said_before_anything_runs(project):
    (project.path / "kept").write_text("a file where a folder should be")
    said = run(project, "specs", "--neuronspec-runs", "kept")
    said.assert_outcomes(errors=1)
    said.stdout.fnmatch_lines(["runs cannot be kept in kept: *is not a folder; name another folder with --runs"])


def test_every_run_is_kept_once_whoever_did_the_work(project):
    for options in ((), ("-n", "2")):
        run(project, "specs", *options, "-k", "exact")
    first, second = ledger_of(project)
    assert [len(run["claims"]) for run in (first, second)] == [2, 2]
    assert first["complete"]
    assert second["complete"]


def ledger_of(project):
    files = sorted((project.path / ".neuronspec" / "runs").iterdir())
    return [json.loads(file.read_text()) for file in files]


def test_a_run_that_is_broken_off_keeps_what_was_verified(pytester):
    make(pytester.path, FAILING)
    run(pytester, "specs", "-x")
    (kept,) = ledger_of(pytester)
    assert (kept["complete"], len(kept["claims"])) == (False, 5)


def test_durations_show_shared_work_as_such(project):
    said = run(project, "specs", "--durations=0", "-vv")
    said.stdout.fnmatch_lines(["*s shared * tiny/gru: train *.* s, trace *.* s, pick *.* s"])
    calls = [float(line.split("s")[0]) for line in said.outlines if "s call " in line]
    assert len(calls) == 6
    (training,) = [float(line.split("train ")[1].split()[0]) for line in said.outlines if " shared " in line]
    assert max(calls) < training, "no claim is charged with the training"


def test_junit_has_the_evidence_of_each_claim(project):
    from xml.etree import ElementTree

    run(project, "specs", "-n", "2", "--junitxml=out.xml")
    cases = ElementTree.parse(project.path / "out.xml").findall(".//testcase")
    told = {case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")} for case in cases}
    assert len(told) == 6
    unit = told["a unit goes with the tally"]
    names = [
        "verdict",
        "value",
        "interval",
        "over seeds",
        "bound",
        "control random units",
        "control untrained twin",
        "seconds",
    ]
    assert list(unit) == [f"neuronspec {name}" for name in [*names, "shared seconds"]]
    assert unit["neuronspec verdict"] == "supported"
    assert 0.1 <= float(unit["neuronspec value"]) <= 1
