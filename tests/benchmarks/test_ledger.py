"""What it costs that runs are kept and held to a lock."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from run_claims import claim, replicate

from neuronspec.ledger import lock as locks
from neuronspec.ledger.changes import changes, gone, identity_of
from neuronspec.ledger.runs import Record

CLAIMS = 500
ROOT = Path(__file__).parents[2]
SPECS = ["specs/spec_memory.py", "specs/spec_copying.py", "specs/spec_kinds.py"]

GATHER = """
import pickle, sys
from pathlib import Path
from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.project import Project
project = Project.at(Path())
questions = collect(project, [Path(file) for file in sys.argv[2:]])
results = {r.question.id: r for judged in runner.verify(project, questions, 2) for r in judged}
pickle.dump(results, open(sys.argv[1], "wb"))
"""
REPLAY = """
import os, pickle
from neuronspec import runner
results = pickle.load(open(os.environ["REPLAYED"], "rb"))

def verify(project, questions, *options):
    for recipe in dict.fromkeys(question.recipe for question in questions):
        yield [results[question.id] for question in questions if question.recipe == recipe]

runner.verify = verify
"""
ALONE = """
import sys, replay
from pathlib import Path
from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.project import Project
project = Project.at(Path())
list(runner.verify(project, collect(project, [Path(file) for file in sys.argv[1:]])))
"""
COMMAND = "import replay; from neuronspec.cli import main; main()"
FACES = {
    "the engine alone": ["-c", ALONE, *SPECS],
    "neuronspec lock --update": ["-c", COMMAND, "lock", "--update", *SPECS],
    "neuronspec verify --lock": ["-c", COMMAND, "verify", "--lock", *SPECS],
    "pytest --neuronspec-lock": ["-m", "pytest", "-p", "replay", "-p", "no:cacheprovider", "--neuronspec-lock", *SPECS],
}


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(0)
    networks = [(float(v), (float(v) - 0.1, float(v) + 0.1)) for v in rng.uniform(0.6, 0.9, 10)]
    drawn = rng.normal(size=(len(networks), 200)).round(3).tolist()
    replicates = [replicate(seed, *told, influences=drawn[seed]) for seed, told in enumerate(networks)]
    return [claim(replicates, id=f"specs/spec_{n % 9}.py::toy::it is so {n}", key=f"{n:016x}") for n in range(CLAIMS)]


@pytest.mark.benchmark(group="ledger: 500 claims")
def test_read_a_lock_and_compare(benchmark, claims, tmp_path):
    """The limit is 1 s."""
    file, specs = tmp_path / "claims.lock.json", identity_of(claims)
    locks.write(file, locks.lock_of(claims))

    def held():
        lock = locks.read(file)
        return changes(lock, claims, specs) + gone(lock, specs, lambda name: True)

    assert benchmark(held) == []


@pytest.mark.benchmark(group="ledger: 500 claims")
def test_write_a_lock(benchmark, claims, tmp_path):
    benchmark(lambda: locks.write(tmp_path / "claims.lock.json", locks.lock_of(claims)))


@pytest.mark.benchmark(group="ledger: 500 claims")
def test_write_a_run(benchmark, claims, tmp_path):
    """Of ten networks with 200 sequences each."""

    def write():
        record = Record(tmp_path / "run.json", {"versions": {}})
        record.add(claims)
        record.write(complete=True)

    benchmark.pedantic(write, rounds=3)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Shipped specs in a folder of their own, and what the engine says to them, once."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("tasks", "specs"):
        shutil.copytree(ROOT / part, folder / part)
    (folder / "replay.py").write_text(REPLAY)
    subprocess.run([sys.executable, "-c", GATHER, "results", *SPECS], cwd=folder, check=True)
    (folder / "claims.lock.json").write_text(locks.text_of(locks.Lock()))
    return folder


@pytest.mark.benchmark(group="ledger: 128 claims, by an engine that answers at once")
@pytest.mark.parametrize("face", FACES)
def test_overhead(benchmark, project, face):
    """Ledger, lock and plugin over the engine alone, which takes about a minute otherwise: the limit is 3 s more."""
    circumstances = {"REPLAYED": "results", "PYTHONPATH": str(project), "PYTHONPYCACHEPREFIX": str(project / "cache")}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    how = {"cwd": project, "check": True, "capture_output": True, "env": kept | circumstances}
    benchmark.pedantic(subprocess.run, ([sys.executable, *FACES[face]],), how, rounds=5, warmup_rounds=1)
