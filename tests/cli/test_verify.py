"""Claims verified and listed: what is shown, kept, and told by the exit code."""

import json

from project_files import FAILING, SPEC

from neuronspec import runner


def test_all_as_stated_is_exit_code_0(run):
    said = run("verify", "--jobs", 1)
    assert said.exit_code == 0
    assert "6 of 6 claims came out as their specs say (5 supported, 1 refuted)" in said.stdout
    assert "✓  refuted    refuted: it is never exact" in said.stdout


def test_one_not_as_stated_is_exit_code_1(run):
    said = run("verify", "--jobs", 1, "-v", spec=FAILING)
    assert said.exit_code == 1
    assert "✗  undecided" in said.stdout
    assert "char('a') & char('b') never holds at the steps that count" in said.stdout
    assert "seed 1" in said.stdout
    assert "untrained twin" in said.stdout


EASY = """
from neuronspec import *

easy = Spec("tiny/gru", seeds=2, claims={
    "a unit goes with the tally": correlation(count_of("a"), of=hidden.best(correlation(count_of("a")))) >= 0.8,
    "it cannot fail": length("b") >= 0,
})
"""


def test_mutants_that_live_are_named_and_are_exit_code_1(run, tmp_path):
    said = run("verify", "--jobs", 1, "--mutate", "--json", "run.json", spec=EASY)
    assert said.exit_code == 1
    assert "survived: untrained network  specs/spec_small.py::easy::it cannot fail" in said.stdout
    first, second = json.loads((tmp_path / "run.json").read_text())["claims"]
    assert {m["verdict"] for m in second["mutants"].values()} == {"supported"}
    assert first["mutants"].keys() == {"wrong units", "shuffled labels", "rival position()", "untrained network"}
    assert run("verify", "--jobs", 1, spec=EASY).exit_code in (0, 1)


def test_json_to_a_file_and_to_stdout(run, tmp_path):
    assert run("verify", "--jobs", 1, "--json", "run.json").exit_code == 0
    said = run("verify", "--jobs", 1, "--json", "-")
    to_file, to_stdout = json.loads((tmp_path / "run.json").read_text()), json.loads(said.stdout)
    for document in (to_file, to_stdout):
        assert document["complete"]
        del document["began"], document["seconds"]
        for claim in document["claims"]:
            del claim["seconds"], claim["shared"]
    assert to_file == to_stdout
    assert "claims came out" in said.stderr


def test_an_interrupted_run_keeps_what_was_judged(run, tmp_path, monkeypatch):
    real = runner.verify

    def interrupted(*args):
        yield next(real(*args))[:1]
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "verify", interrupted)
    said = run("verify", "--jobs", 1, "--json", "run.json")
    assert said.exit_code == 130
    assert "interrupted after 1 of 6 claims; finished networks are kept" in said.stdout
    document = json.loads((tmp_path / "run.json").read_text())
    assert (document["complete"], len(document["claims"])) == (False, 1)


def test_ids_as_list_prints_them_name_claims(run):
    said = run(
        "verify", "specs/spec_small.py::small::it is exact", "specs/spec_small.py::small::it answers", "--jobs", 1
    )
    assert "2 of 2 claims" in said.stdout
    assert run("list", "specs/spec_small.py::small").stdout.count("\n") == 6
    assert run("list", "specs", "specs/spec_small.py").stdout.count("\n") == 6
    missing = run("verify", "specs/spec_small.py::small::it is exac")
    assert missing.exit_code == 2
    assert "no such claim; `neuronspec list` shows them all" in missing.stderr


def test_sentences_are_shown_as_they_are(run):
    spec = SPEC.replace("it answers", "a [red]b[/red] :b: ✓ it answers")
    assert "a [red]b[/red] :b: ✓ it answers" in run("verify", "--jobs", 1, spec=spec).stdout


def test_list_trains_nothing(run, tmp_path):
    said = run("list", "-v")
    assert said.stdout.splitlines()[:2] == [
        "specs/spec_small.py::small::it answers",
        "    task_measure('answers').between(3, 3)",
    ]
    assert run("list", "-k", "tally").stdout == "specs/spec_small.py::small::a unit goes with the tally\n"
    assert (
        run("list", "--networks").stdout
        == "tiny/gru\tgru, 1 x 6 units, 150 steps\ntiny/lstm\tlstm, 1 x 6 units, 2 steps\n"
    )
    assert not (tmp_path / ".neuronspec").exists()
