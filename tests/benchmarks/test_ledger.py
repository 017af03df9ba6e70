"""What it costs that runs are kept and held to a lock."""

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
BARE = """
import sys
from pathlib import Path
from dataclasses import replace
from neuronspec import runner
from neuronspec.collection import collect
from neuronspec.project import Project
project = replace(Project.at(Path()), store=Path(sys.argv[1]))
list(runner.verify(project, collect(project, [Path(file) for file in sys.argv[2:]]), 2))
"""


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
def store(tmp_path_factory):
    """The networks of two specs, trained, and the lock of their claims."""
    folder = tmp_path_factory.mktemp("store")
    command = [sys.executable, "-m", "neuronspec", "verify", *SPECS, "--store", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


SPECS = ["specs/spec_memory.py", "specs/spec_copying.py"]
FACES = {
    "the engine alone": lambda store: ["-c", BARE, str(store), *SPECS],
    "neuronspec verify --lock": lambda store: [
        "-m", "neuronspec", "verify", *SPECS, "--store", str(store), "--lock", "--json", str(store / "run.json")
    ],
    "pytest --neuronspec-lock": lambda store: [
        "-m", "pytest", *SPECS, "-q", "-p", "no:cacheprovider", "--neuronspec-store", str(store), "--neuronspec-lock"
    ],
}  # fmt: skip


@pytest.mark.benchmark(group="ledger: two specs, stored networks")
@pytest.mark.parametrize("face", FACES)
def test_overhead(benchmark, store, face):
    """Ledger, lock and plugin over the engine alone; the limit is 5 % of a minute."""
    command = [sys.executable, *FACES[face](store)]
    benchmark.pedantic(subprocess.run, (command,), {"cwd": ROOT, "check": True, "capture_output": True}, rounds=2)
