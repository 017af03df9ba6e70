"""The front door: what ``import neuronspec`` offers, and what it does not load."""

import subprocess
import sys
from types import ModuleType

import pytest

import neuronspec

HEAVY = ["torch", "numpy", "sklearn", "joblib", "jaxtyping", "scipy", "matplotlib"]


@pytest.mark.parametrize(
    "modules",
    ["neuronspec", "neuronspec.pytest_plugin.plugin", "neuronspec.collection", "neuronspec.networks", "neuronspec.cli"],
)
def test_import_loads_nothing_heavy(modules):
    code = f"import sys, {modules}; print([m for m in {HEAVY} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_all_is_exactly_what_is_public():
    public = {n for n, v in vars(neuronspec).items() if not n.startswith("_") and not isinstance(v, ModuleType)}
    assert neuronspec.__all__ == sorted(public)
