"""Claims held to a lock, by the command and by pytest: what fails, what it says, and what does not fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from project_files import make

from neuronspec.cli import main
from neuronspec.ledger import runs
from neuronspec.networks.store import RecipeStore
from neuronspec.networks.training import Trained
from neuronspec.project import Project

pytest_plugins = ["pytester"]

SPEC = """
from neuronspec import *

tally = count_of("a") - count_of("b")
unit = hidden.best(correlation(tally))

small = Spec("tiny/gru", seeds=2, claims={
    "it is exact": exact_match() >= 0.9,
    "a unit goes with the tally": side_effect(correlation(tally, of=unit) >= 0.5),
    "it is never exact": refuted(exact_match() <= -1),
    "it forgets": mean(of=forget_gate) >= 0,
})
"""
EXACT = "specs/spec_small.py::small::it is exact"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a project whose claims are locked."""
    make(tmp_path, SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    assert run("lock", "--update", "--jobs", 1).exit_code == 0
    return run


def edit(file, old, new):
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def spoil(change):
    """Put other weights in the place of stored ones, as if training had come to them."""
    project = Project.at(Path())
    task = project.task("tiny")
    shelf = RecipeStore.of(project.store, "tiny/gru", task, task.recipe("gru"))
    for seed in range(2):
        weights = {name: tensor.clone() for name, tensor in shelf.load(seed).items()}
        change(weights)
        shelf.save(Trained(seed, weights, []))


def test_what_is_locked_holds(run):
    said = run("verify", "--lock", "--jobs", 1)
    assert said.exit_code == 0
    assert "lock: all 4 claims that were judged are as locked" in said.stdout
    assert run("lock", "--jobs", 1).stdout == "lock: all 4 claims that were judged are as locked\n"


def with_noise(weights):
    import torch

    torch.manual_seed(0)
    for tensor in weights.values():
        tensor += torch.randn_like(tensor)


def without_units(weights):
    for name, tensor in weights.items():
        if name in ("recurrent.weight_hh_l0", "readout_weight"):
            tensor[:, :4] = 0


def of_another_recipe(_=None):
    edit("tasks/tiny.py", "steps=150", "steps=3")


BROKEN = {
    "noise on its weights": (lambda: spoil(with_noise), ""),
    "units removed": (lambda: spoil(without_units), ""),
    "another recipe": (of_another_recipe, "; tiny/gru is made otherwise than was locked: steps 150 -> 3"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_network_that_broke_fails_with_the_sentence_and_passes_when_restored(run, how):
    break_it, cause = BROKEN[how]
    kept = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    break_it()
    said = run("verify", "--lock", "--jobs", 1)
    assert said.exit_code == 1
    (line,) = [line for line in said.stdout.splitlines() if line.startswith(f"  ✗ {EXACT}: ")]
    assert line.startswith(f"  ✗ {EXACT}: was supported, is ")
    assert ": 1 [1, 1] -> " in line
    assert line.endswith(cause)
    for file, content in kept.items():
        file.write_bytes(content)
    assert run("verify", "--lock", "--jobs", 1).exit_code == 0


def test_what_does_not_matter_to_the_numbers_does_not_fail(run, tmp_path):
    """Threads and processes, which change no digit, and arithmetic that rounds otherwise; each from an empty store."""
    layouts = [
        {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
        {"ATEN_CPU_CAPABILITY": "default"},
    ]
    for number, layout in enumerate(layouts):
        command = [sys.executable, "-m", "neuronspec", "verify", "--lock", "--jobs", str(1 + number % 2)]
        store = ["--store", str(tmp_path / f"store {number}")]
        done = subprocess.run([*command, *store], env=os.environ | layout, capture_output=True, text=True)
        assert (done.returncode, layout, done.stdout[-2000:] * done.returncode) == (0, layout, "")
    first, second = (latest_claims(tmp_path / f"store {number}") for number in (0, 1))
    assert first == second


def latest_claims(store):
    """The claims of the latest run, without the seconds that they took."""
    claims = runs.read(runs.kept(runs.folder_of(store))[0])["claims"]
    return [{name: value for name, value in c.items() if name not in ("seconds", "shared")} for c in claims]


def test_a_spec_that_lost_gained_or_changed_a_claim(run):
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', '"it ends": length("b") >= 0,')
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    said = run("verify", "--lock", "--jobs", 1)
    assert said.exit_code == 1
    spec = "specs/spec_small.py::small"
    assert said.stdout.splitlines()[-5:] == [
        "lock: 3 claims are not as they were locked",
        f"  ✗ {EXACT}: states something else than was locked: ... >= 0.9 -> >= 0.8, supported",
        f"  ✗ {spec}::it ends: is not in the lock: supported, 2 [2, 2]",
        f"  ✗ {spec}::refuted: it is never exact: vanished: was refuted, 1 [1, 1], and no spec states it",
        "`neuronspec lock --run last --update` accepts it",
    ]
    assert run("lock", "--jobs", 1).exit_code == 1
    assert run("lock", "--update", "--jobs", 1).stdout.endswith("wrote claims.lock.json: 4 claims of 1 recipe\n")
    assert run("verify", "--lock", "--jobs", 1).exit_code == 0


def test_a_part_is_held_to_its_part(run):
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', "")
    assert run("verify", "--lock", "-k", "tally", "--jobs", 1).exit_code == 0
    assert run("verify", "--lock", f"{EXACT}", "--jobs", 1).exit_code == 0
    assert run("verify", "--lock", "-k", "exact", "--jobs", 1).exit_code == 1


def test_a_part_is_locked_anew(run):
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    edit("specs/spec_small.py", ">= 0.5)", ">= 0.4)")
    assert run("lock", "--update", "-k", "tally", "--jobs", 1).exit_code == 0
    said = run("verify", "--lock", "--jobs", 1)
    assert [line for line in said.stdout.splitlines() if line.startswith("  ✗")] == [
        f"  ✗ {EXACT}: states something else than was locked: ... >= 0.9 -> >= 0.8, supported"
    ]


def test_a_run_that_is_kept_can_be_locked(run):
    lock = Path("claims.lock.json").read_text()
    Path("claims.lock.json").unlink()
    assert run("lock", "--run", "last", "--update").exit_code == 0
    assert Path("claims.lock.json").read_text() == lock


def test_a_claim_that_is_not_as_stated_may_be_locked_and_is_said(run):
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 2")
    said = run("lock", "--run", "last", "--update")
    assert f"locked though it is not as its spec states: {EXACT}" in said.stdout
    assert run("verify", "--lock", "--jobs", 1).exit_code == 1, "the lock adds demands, and takes none away"


REFUSED = {
    ("verify", "--lock", "--seeds", "3"): "--lock holds for the networks that the specs name: leave out --seeds",
    ("verify", "--lock", "--full"): "--lock holds for the networks that the specs name: leave out --full",
    ("lock", "--run", "lost"): "lost: no such run in",
    ("rejudge", "lost.json"): "cannot read the run lost.json: No such file",
    ("compare", "last", "tiny/gru"): "expected two runs, a run and `lock`, or two recipes",
    ("compare", "tiny/gro", "tiny/gru"): "did you mean 'gru'?",
    ("compare", "last", "last", "-k", "nothing"): "-k 'nothing' matches no claim of the run",
}


@pytest.mark.parametrize("args", REFUSED)
def test_wrong_use_is_exit_code_2(run, args):
    said = run(*args)
    assert said.exit_code == 2
    assert REFUSED[args] in said.stderr


def test_without_a_lock_there_is_nothing_to_be_held_to(run):
    Path("claims.lock.json").unlink()
    said = run("verify", "--lock")
    assert said.exit_code == 2
    assert "there is no claims.lock.json in" in said.stderr


def test_a_run_of_another_project_is_named(run, tmp_path):
    other = make(tmp_path / "other", SPEC.replace("exact_match()", 'length("b")').replace("small", "other"))
    edit(other / "tasks" / "tiny.py", "units=6, learning_rate=0.05", "units=4, learning_rate=0.05")
    edit(other / "specs" / "spec_small.py", "tiny/gru", "tiny/lstm")
    run("verify", other / "specs" / "spec_small.py", "--jobs", 1, "--json", "other.json")
    for command in ("rejudge", "lock --run"):
        said = run(*command.split(), "other.json")
        assert said.exit_code == 2
        assert "is it another project's?" in said.stderr


def test_edited_bounds_are_judged_without_a_network(run):
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 2")
    kept = list(Path(".neuronspec/networks").rglob("*.safetensors"))
    for file in kept:
        file.unlink()
    said = run("rejudge", "last")
    assert said.exit_code == 1
    assert "2 of 4 claims came out as their specs say (2 refuted, 1 supported, 1 not applicable)" in said.stdout
    edit("specs/spec_small.py", "exact_match() >= 2", "exact_match(among=one_of('a')) >= 0")
    said = run("rejudge", "last", "-v")
    assert said.stdout.splitlines()[-1] == f"  not judged: {EXACT}: it was not measured; verify it"


def test_two_runs_side_by_side(run):
    run("verify", "--jobs", 1)
    said = run("compare", "last~1", "last")
    assert said.exit_code == 0
    assert "3 claims in both" not in said.stdout
    assert "4 claims in both: 0 higher, 0 lower, the others not apart; 0 verdicts changed" in said.stdout
    assert "work: train " in said.stdout
    said = run("compare", "last", "lock")
    assert said.stdout == "lock: all 4 claims that were judged are as locked\n"


def test_two_networks_under_one_spec(run):
    said = run("compare", "tiny/gru", "tiny/lstm", "--jobs", 1)
    assert said.exit_code == 0
    assert "supported -> refuted" in said.stdout, "two steps of training are too few"
    assert "not applicable -> " in said.stdout
    assert said.stdout.count("4 claims in both") == 1
    assert len(run("runs").stdout.splitlines()) == 3


def test_runs_are_listed_the_latest_first(run):
    run("verify", "--jobs", 1, "-k", "tally")
    latest, first = run("runs").stdout.splitlines()
    assert "\t1 of 1 as stated, " in latest
    assert "\t3 of 4 as stated, " in first
    assert run("table", "last").stdout.startswith("**specs/spec_small.py::small**")


@pytest.mark.skipif(sys.platform == "win32", reason="no users there to become")
def test_a_folder_that_may_not_be_written_to_is_said_beforehand(run, tmp_path):
    """As somebody else, since root may write anywhere."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o555)
    (tmp_path / ".neuronspec" / "runs").chmod(0o555)
    code = (
        "import os, sys, shutil\n"
        "from neuronspec.cli import main\n"
        "from neuronspec.ledger import circumstances, runs\n"  # what lies in a home may be read no more
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "sys.argv = ['neuronspec', 'verify', '--jobs', '1']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert f"runs cannot be kept in {tmp_path}/.neuronspec/runs: " in done.stderr
    assert done.stderr.rstrip().endswith("is not writable; name another folder with --runs")


# In pytest.

ALWAYS = ("-p", "no:cacheprovider", "-p", "no:benchmark", "--neuronspec-jobs", "1")


@pytest.fixture
def project(pytester):
    make(pytester.path, SPEC)
    command("lock", "--update")
    return pytester


def command(*args):
    """In a process of its own: pytester forgets what was imported meanwhile, and torch can be imported only once."""
    subprocess.run([sys.executable, "-m", "neuronspec", *args, "--jobs", "1"], check=True, capture_output=True)


def held(project, *args):
    return project.runpytest_subprocess(*ALWAYS, "--neuronspec-lock", *args)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_pytest_passes_as_locked(project, workers):
    held(project, "specs", *workers).assert_outcomes(passed=3, skipped=1)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_pytest_fails_with_the_sentences(project, workers):
    edit("specs/spec_small.py", '"it is never exact": refuted(exact_match() <= -1),', '"it ends": length("b") >= 0,')
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    said = held(project, "specs", "--junitxml=out.xml", *workers)
    said.assert_outcomes(passed=1, failed=3, skipped=1)
    said.stdout.fnmatch_lines_random(
        [
            "lock: states something else than was locked: ... >= 0.9 -> >= 0.8, supported",
            "lock: vanished: was refuted, 1 *1, 1*, and no spec states it; `neuronspec lock --update` accepts it",
            "FAILED specs/spec_small.py::small::refuted: it is never exact*",
            "FAILED specs/spec_small.py::small::it ends*",
            "lock: 3 claims are not as they were locked",
            f"  ✗ {EXACT}: states something else*",
        ]
    )
    assert "Traceback" not in said.stdout.str()


def test_pytest_says_what_is_gone_with_its_file(project):
    Path("specs/spec_small.py").rename("specs/spec_kept.py")
    edit("specs/spec_kept.py", '"it is exact": exact_match() >= 0.9,', "")
    said = held(project, "specs")
    said.assert_outcomes(passed=2, failed=1, skipped=1)
    said.stdout.fnmatch_lines([f"FAILED {EXACT}*", "  – specs/spec_kept.py::small::it forgets: was locked as *"])


def test_pytest_annotates_for_github(project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    edit("specs/spec_small.py", "exact_match() >= 0.9", "exact_match() >= 0.8")
    held(project, "specs").stdout.fnmatch_lines(
        ["::error file=specs/spec_small.py,line=8,title=small%3A%3Ait is exact::lock: states something else *"]
    )


def test_pytest_refuses_what_a_lock_says_nothing_about(project):
    said = held(project, "specs", "--neuronspec-seeds", "3")
    assert said.ret == pytest.ExitCode.USAGE_ERROR
    assert "leave out --neuronspec-seeds" in said.stderr.str()


def test_pytest_without_a_lock_file_is_an_error_and_no_failure(project):
    Path("claims.lock.json").unlink()
    said = held(project, "specs")
    assert said.ret == pytest.ExitCode.INTERRUPTED  # 2, as the command
    said.stdout.fnmatch_lines(["there is no claims.lock.json in *; `neuronspec lock --update` makes one"])


def test_both_faces_keep_the_same_run(project):
    held(project, "specs", "-n", "2", "--neuronspec-json", "run.json")
    by_pytest = json.loads(Path("run.json").read_text())["claims"]
    command("verify", "--json", "run.json")
    by_command = json.loads(Path("run.json").read_text())["claims"]
    for claim in by_pytest + by_command:
        del claim["seconds"], claim["shared"]
    assert by_pytest == by_command


def test_two_projects_in_one_session_are_two(project):
    other = make(project.path / "other", SPEC)
    edit(other / "tasks" / "tiny.py", "steps=150", "steps=3")
    said = project.runpytest_subprocess(*ALWAYS, "specs", "other/specs")
    said.assert_outcomes(passed=5, failed=1, skipped=2)
    said.stdout.fnmatch_lines(["REFUTED other/specs/spec_small.py::small::it is exact*"])
    for root in (project.path, other):
        (latest, *_) = sorted((root / ".neuronspec" / "runs").iterdir(), reverse=True)
        assert len(json.loads(latest.read_text())["claims"]) == 4


def test_pytest_says_what_is_gone_with_all_its_files(project):
    Path("specs/spec_small.py").unlink()
    held(project, "specs").assert_outcomes(failed=4)
    held(project).assert_outcomes(failed=4)
    Path("specs/spec_small.py").write_text(SPEC)
    Path("pyproject.toml").write_text('[tool.neuronspec]\nspecs = ["more"]\n')
    held(project).assert_outcomes(failed=4)


def test_pytest_says_that_no_claim_was_held_to_the_lock(project):
    Path("test_it.py").write_text("def test_it():\n    pass\n")
    said = held(project, "test_it.py")
    said.assert_outcomes(passed=1)
    said.stdout.fnmatch_lines(["lock: no claim was held to it"])


def test_pytest_finds_specs_through_a_link(project, tmp_path_factory):
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(project.path)
    held(project, str(link / "specs")).assert_outcomes(passed=3, skipped=1)


def test_pytest_goes_on_where_the_run_cannot_be_written(project):
    project.makeconftest(
        """
        import errno
        import neuronspec.ledger.runs as runs
        def full(path, data):
            raise OSError(errno.ENOSPC, "No space left on device")
        runs.write_atomically = full
        """
    )
    said = held(project, "specs")
    said.assert_outcomes(passed=3, skipped=1)
    said.stdout.fnmatch_lines(["neuronspec: cannot write the run to *: No space left on device"])
    assert said.ret == 2


def test_evidence_of_other_networks_is_refused(run):
    of_another_recipe()
    for command in (("rejudge", "last"), ("lock", "--run", "last", "--update")):
        said = run(*command)
        assert said.exit_code == 2
        assert "the run is about other networks of tiny/gru than there are now: steps 150 -> 3; verify" in said.stderr


def test_what_is_kept_stays_out_of_git(run):
    assert Path(".neuronspec/.gitignore").read_text() == "*\n"


def test_a_keyword_that_matches_nothing_locks_nothing(run):
    for options in ((), ("--update",)):
        said = run("lock", "-k", "nonsense", *options)
        assert (said.exit_code, said.stdout) == (2, "")
        assert "-k 'nonsense' matches no claim" in said.stderr
