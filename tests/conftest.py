"""The shapes and types in signatures are checked at run time, in tests only; each worker computes on one thread."""

import os
import sys
from contextlib import ExitStack

import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook
from project_files import LOCKED, make
from threadpoolctl import threadpool_limits

NETWORKS = """
    cells.cell cells.gated cells.in_place cells.backward recurrent models threads training store supply weights
    restoring user_cell parts wrap parity checkpoints
""".split()
CHECKED = ["engine", "pictures", *(f"networks.{module}" for module in NETWORKS)]
if "--benchmark-only" not in sys.argv:  # what is timed is what users run
    install_import_hook([f"neuronspec.{module}" for module in CHECKED], "checking.check")

for name in ("CI", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PYTEST_ADDOPTS", "TTY_COMPATIBLE"):
    os.environ.pop(name, None)  # a service or a terminal may ask for other output than tests expect
for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
    os.environ[name] = os.devnull  # whose commits are to be signed, say

torch.set_num_threads(1)  # two workers with two threads each would wait for one another

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are noisy
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _seeded():
    """What a test draws does not depend on those that ran before it in its process."""
    torch.manual_seed(271828)  # small seeds are those of modules that tests build: what differs should


@pytest.fixture
def with_threads():
    """Gives every pool so many threads; puts them back in the end."""
    before = torch.get_num_threads()
    with ExitStack() as pools:

        def give(threads):
            torch.set_num_threads(threads)
            pools.enter_context(threadpool_limits(threads))

        yield give
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def locked_project(tmp_path_factory):
    """A project whose claims are locked, with its networks and its run; tests work on copies."""
    from neuronspec.cli import main

    project = make(tmp_path_factory.mktemp("locked"), LOCKED)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(project)
        assert CliRunner().invoke(main, ["lock", "--update", "--jobs", "1"]).exit_code == 0
    return project
