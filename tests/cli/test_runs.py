"""Runs that are kept, listed and shown."""


def test_a_run_as_markdown(run):
    run("verify", "--jobs", 1, "--json", "run.json")
    said = run("table", "run.json")
    assert said.exit_code == 0
    assert said.stdout.startswith("**specs/spec_small.py::small**, tiny/gru, seeds 0–1\n\n| claim | bound | value |")
    assert "| verdict | seeds 0–1 |" in run("table", "run.json", "run.json").stdout
    assert "error: nothing is said of two networks in the same words" in run("table", "run.json", "--across").stderr
    assert "error: cannot read the run nowhere.json: No such file" in run("table", "nowhere.json").stderr
    refused = run("table", "run.json", "run.json", "--across")
    assert (refused.exit_code, refused.stderr) == (2, "error: --across shows one run: leave out the other\n")


def test_runs_are_listed_the_latest_first(locked):
    locked("verify", "--jobs", 1, "-k", "tally")
    latest, first = locked("runs").stdout.splitlines()
    assert "\t1 of 1 as stated, " in latest
    assert "\t3 of 4 as stated, " in first
    assert locked("table", "last").stdout.startswith("**specs/spec_small.py::small**")
