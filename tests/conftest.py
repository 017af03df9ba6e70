"""The shapes and types in signatures are checked at run time, in tests only; each worker computes on one thread."""

import sys

import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

NETWORKS = """
    cells.cell cells.gated cells.in_place cells.backward recurrent models training store supply weights restoring
    user_cell parts wrap parity checkpoints
""".split()
CHECKED = ["engine", "pictures", *(f"networks.{module}" for module in NETWORKS)]
if "--benchmark-only" not in sys.argv:  # what is timed is what users run
    install_import_hook([f"neuronspec.{module}" for module in CHECKED], "checking.check")

torch.set_num_threads(1)  # two workers with two threads each would wait for one another

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are noisy
settings.load_profile("tests")
