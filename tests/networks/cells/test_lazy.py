"""Torch is loaded when it is needed."""

import subprocess
import sys


def test_to_name_kinds_loads_no_torch():
    code = "import sys; import neuronspec.networks.cells; assert not {'torch', 'numpy', 'jaxtyping'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
