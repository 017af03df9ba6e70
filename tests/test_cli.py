"""The command, as a user meets it."""

import json
import signal
import subprocess
import time

import pytest
from click.testing import CliRunner
from processes import PATIENCE, started
from project_files import FAILING, SPEC, make

from neuronspec import runner
from neuronspec.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run(*args, spec=None):
        if spec is not False and not (tmp_path / "specs").exists():
            make(tmp_path, spec) if spec else make(tmp_path)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "160")
        return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)

    return run


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


WRONG = {
    ("verify", "nowhere"): "error: nowhere: no such file or folder",
    ("verify", "-k", "ZZZ"): "error: -k 'ZZZ' matches no claim; `neuronspec list` shows them all",
    ("verify", "--seeds", "many"): (
        "error: --seeds many: expected how many (5) or from:to (1000:1010, the last left out)"
    ),
    ("verify", "--seeds", "5:5"): "error: --seeds 5:5: expected how many (5)",
    ("train", "tiny/grru"): "error: task tiny has no recipe 'grru'; did you mean 'gru'?",
    ("train", "tinny/gru"): "error: no task 'tinny'; did you mean 'tiny'? (looked in tasks)",
    ("train", "tiny"): "error: task tiny has no recipe ''; known: gru, lstm",
    ("verify", "--json", "."): "error: cannot write the run to .: it is a folder",
    ("verify", "--json", "tasks/tiny.py/run.json"): "is not a folder",
    ("verify", "--jobs", "0"): "Error: Invalid value for '--jobs': 0 is not in the range x>=1.",
    ("verfy",): "Error: No such command 'verfy'",
}


@pytest.mark.parametrize("args", WRONG)
def test_wrong_use_is_exit_code_2(run, args):
    said = run(*args)
    assert said.exit_code == 2
    assert WRONG[args] in said.stderr


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


def test_keyword_and_seeds(run):
    said = run("verify", "--jobs", 1, "-k", "exact and not never", "--seeds", "2:4", "--json", "-")
    (claim,) = json.loads(said.stdout)["claims"]
    assert [replicate["seed"] for replicate in claim["replicates"]] == [2, 3]


def test_a_path_decides_the_project(run, tmp_path, monkeypatch):
    make(tmp_path / "other")
    monkeypatch.chdir("/")
    said = CliRunner().invoke(main, ["verify", str(tmp_path / "other" / "specs" / "spec_small.py"), "--jobs", "1"])
    assert said.exit_code == 0
    assert (tmp_path / "other" / ".neuronspec" / "networks").is_dir()


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


def test_two_projects_are_verified_one_by_one(run, tmp_path):
    make(tmp_path / "other")
    said = run("verify", "specs", "other/specs")
    assert said.exit_code == 2
    assert "are two projects: verify them one by one" in said.stderr


def test_a_fault_of_ours_is_exit_code_3(run, monkeypatch):
    monkeypatch.setattr(runner, "verify", lambda *_: 1 / 0)
    said = run("verify")
    assert said.exit_code == 3
    assert "ZeroDivisionError" in said.stderr
    assert "please report it" in said.stderr


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


def test_train_stores_networks(run, tmp_path):
    said = run("train", "tiny/lstm", "--seeds", 2, "--jobs", 1)
    assert said.exit_code == 0
    assert said.stdout.startswith("tiny/lstm: 2 networks in ")
    assert len(list((tmp_path / ".neuronspec").rglob("*.safetensors"))) == 2


def test_init_writes_an_example_that_verifies(run, tmp_path):
    said = run("init", "mine", spec=False)
    assert said.stdout.splitlines()[-1] == "next: cd mine && neuronspec verify"
    verified = run("verify", "mine/specs", "--jobs", 1, spec=False)
    assert verified.exit_code == 0, verified.stdout
    again = run("init", "mine", spec=False)
    assert again.exit_code == 2
    assert "is there already; nothing was written" in again.stderr


@pytest.mark.parametrize("command", [[], ["verify"], ["list"], ["train"], ["draw"], ["init"]])
def test_help_teaches(command):
    said = CliRunner().invoke(main, [*command, "--help"])
    assert said.exit_code == 0
    assert len(said.stdout.splitlines()) > 5


def test_ctrl_c_while_training(tmp_path):
    """A real interrupt of a real process: it stops soon, says so, and the store stays whole."""
    make(tmp_path, steps=10**6).joinpath("specs", "spec_small.py").write_text(
        'from neuronspec import *\nlong = Spec("tiny/lstm", seeds=1, claims={"it": exact_match() >= 0})\n'
    )
    words = ["verify", "--jobs", "1", "--json", "run.json"]
    with started("from neuronspec.cli import main; main()", *words, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.rglob("*.steps")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted after 0 of 1 claims" in stdout
    assert json.loads((tmp_path / "run.json").read_text())["complete"] is False
    assert not list(tmp_path.rglob("*.safetensors"))


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


DRAWN = """
from neuronspec import *

said = probability("b", at=first("X") + 1)
sure = hidden.integrated_gradients(said, at=first("X"), keep=2, baseline="zero")
drawn = Spec("tiny/gru", seeds=(3, 4), claims={
    "without them it is less sure": shift(said, under=zero(sure, at=first("X"))) <= 0,
    "without them it is less sure: of b": shift(said, under=zero(sure, at=first("X"))) <= 0.5,
    "it is exact": exact_match() >= 0,
})
other = Spec("tiny/gru", claims={"it is exact": exact_match() >= 0, "it is much too sure": said <= 0.5})
"""


def test_a_picture_of_a_claim(run, tmp_path):
    said = run("draw", "without them it is less sure", "--as", "paths", spec=DRAWN)
    assert (said.exit_code, said.stdout) == (0, "without-them-it-is-less-sure-paths-3.png\n")
    assert (tmp_path / said.stdout.strip()).read_bytes().startswith(b"\x89PNG")
    whole = "specs/spec_small.py::drawn::without them it is less sure: of b"
    for claim in ("sure: OF b", "specs/spec_small.py::sure: of b", "specs/spec_small.py::drawn::sure: of b", whole):
        said = run("draw", claim, "--as", "sizes", "--seed", 4, "--out", "there/x.svg", "--store", "kept")
        assert (said.exit_code, said.stdout) == (0, "there/x.svg\n"), said.stderr
    assert {file.name for file in (tmp_path / "kept").rglob("*.safetensors")} >= {"seed-4.safetensors"}


def test_a_network_that_has_not_learnt_its_task_is_drawn_with_a_warning(run, tmp_path):
    make(tmp_path, DRAWN, competence=2)
    said = run("draw", "sure: of b", "--as", "paths", "--out", "x.png")
    assert (said.exit_code, said.stdout) == (0, "x.png\n")
    assert "warning: tiny/gru seed 3 does not meet exact_match() >= 2: " in said.stderr


NOT_DRAWN = {
    ("much", "--as", "pca"): "error: --as pca shows what units do, and there are none in probability(",
    ("much", "--as", "haet"): "error: --as haet: there is no such picture; did you mean 'heat'?",
    ("much", "--as", "heat"): "error: --as heat tells the values of a symbol apart, and there is no symbol in prob",
    ("it is exactt", "--as", "heat"): "error: it is exactt: no such claim; did you mean 'it is exact'?\n",
    ("zzz", "--as", "heat"): "error: zzz: no such claim; `neuronspec list` shows them all",
    ("it is exact", "--as", "heat"): (
        "error: it is exact: 2 claims have this in their sentence; say more of it:\n"
        "  specs/spec_small.py::drawn::it is exact\n  specs/spec_small.py::other::it is exact"
    ),
    ("specs/spec_small.py::other::less", "--as", "paths"): "error: specs/spec_small.py::other::less: no such claim",
    ("specs/none.py::less", "--as", "paths"): "error: specs/none.py: no such file or folder",
    ("less sure: of", "--as", "paths", "--out", "x.gif"): "x.gif: expected a file that ends in .png, .svg or .pdf",
    ("less sure: of", "--as", "paths", "--out", "specs"): "error: cannot write the picture to specs: it is a folder",
    ("less",): "Error: Missing option '--as'",
}


@pytest.mark.parametrize("args", NOT_DRAWN)
def test_no_picture_is_exit_code_2_before_anything_is_trained(run, tmp_path, args):
    said = run("draw", *args, spec=DRAWN)
    assert said.exit_code == 2
    assert NOT_DRAWN[args] in said.stderr
    assert not (tmp_path / ".neuronspec").exists()
