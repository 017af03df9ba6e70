"""Nothing is lost and nothing half-read, whatever happens to a process and however many there are."""

import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path

from processes import PATIENCE, started
from project_files import make

from neuronspec.ledger import lock, runs
from neuronspec.named_networks import task_and_recipe
from neuronspec.networks.store import RecipeStore
from neuronspec.networks.supply import _progress_file, obtain
from neuronspec.project import Project
from neuronspec.watcher import Watcher

COMMAND = Path(__file__).parent / "commands" / "crash_test.py"


def test_kills_lose_nothing():
    """A few of the kills of `make crash-test`."""
    said = subprocess.run([sys.executable, COMMAND, "--kills", "5", "--fresh", "0"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "5 kills (0 of commands started afresh)" in said.stdout
    assert "0 corrupt files read, 0 finished networks trained again, 0 verdicts that differ" in said.stdout


# Several at once.

NOTING = textwrap.dedent(
    """
    from neuronspec.cli import main
    from neuronspec.networks import store

    train = store.train_block

    def noting(recipe, corpus, vocabulary, seeds, *rest):
        with open("trained", "a") as file:
            file.write(f"{recipe.kind} {seeds}\\n")
        return train(recipe, corpus, vocabulary, seeds, *rest)

    store.train_block = noting
    main()
    """
)


def noting(folder, *words):
    return started(NOTING, *words, "--jobs", "1", cwd=folder)


def ended(*processes):
    for process in processes:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        assert "set aside" not in said


def whole_runs(folder):
    read = [runs.read(file) for file in runs.kept_runs(folder / ".neuronspec" / "runs")]
    return [run for run in read if run["complete"]]


def test_two_runs_at_once_train_each_network_once(tmp_path):
    make(tmp_path)
    with noting(tmp_path, "verify") as first, noting(tmp_path, "verify") as second:
        ended(first, second)
    assert (tmp_path / "trained").read_text() == "gru range(0, 2)\n"
    one, other = ([(c["id"], c["value"], c["interval"]) for c in run["claims"]] for run in whole_runs(tmp_path))
    assert one == other


def test_two_that_lock_at_once_lose_no_claim_of_each_other(tmp_path):
    """Both have read that there is no lock when the first one writes it."""
    make(tmp_path)
    words = ("answers", "something")
    with ExitStack() as stack:
        processes = [stack.enter_context(noting(tmp_path, "lock", "--update", "-k", word)) for word in words]
        with lock.while_written(tmp_path / ".neuronspec"):
            while len(whole_runs(tmp_path)) < len(words):
                assert all(process.poll() is None for process in processes)
                time.sleep(0.05)
        ended(*processes)
    found = {name.rpartition("::")[2] for name in lock.read(tmp_path / "claims.lock.json").claims}
    assert found == {"it answers", "they say something"}


# What a killed process leaves.


def test_a_note_of_a_process_that_was_killed_is_no_progress_of_the_next(tmp_path):
    class SignalValues(Watcher):
        done = ()

        def training(self, recipe, done, total):
            self.done += (done,)

    project, told = Project.at(make(tmp_path)), SignalValues()
    task, recipe = task_and_recipe(project, "tiny/gru")
    shelf = RecipeStore.of(project.store, "tiny/gru", task, recipe)
    shelf.check_writable()
    _progress_file(shelf, range(2)).write_text("149")
    obtain(shelf, task, [0], 1, told)
    assert 149 not in told.done
    assert not list(shelf.folder.glob("*.steps"))
