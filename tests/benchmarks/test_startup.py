"""What it costs to have neuronspec installed."""

import subprocess
import sys

import pytest


def python(*args, cwd=None):
    subprocess.run([sys.executable, *args], check=True, capture_output=True, cwd=cwd)


@pytest.mark.benchmark(group="start: python")
@pytest.mark.parametrize("code", ["pass", "import neuronspec"])
def test_import(benchmark, code):
    """The difference is the import; the limit is 0.15 s."""
    benchmark.pedantic(python, ("-c", code), rounds=10, warmup_rounds=1)


@pytest.mark.benchmark(group="start: pytest without specs")
@pytest.mark.parametrize("plugin", ["no:neuronspec", "no:nothing"])
def test_pytest(benchmark, plugin, tmp_path):
    """The difference is our plugin; the limit is 0.15 s."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    args = ("-m", "pytest", "-q", "-p", "no:jaxtyping", "-p", "no:cacheprovider", "-p", plugin)
    benchmark.pedantic(python, args, {"cwd": tmp_path}, rounds=10, warmup_rounds=1)
