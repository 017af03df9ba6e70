"""Pictures of a claim."""

import pytest
from project_files import make

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
