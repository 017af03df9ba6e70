"""What GitHub shows beside a line: that it is the right line, and that it arrives whole."""

import pytest
from project_files import FAILING, make

from neuronspec import github
from neuronspec.collection import line_of

pytest_plugins = ["pytester"]

SPECS = """\
from neuronspec import *

first = Spec("tiny/gru", claims={
    "it is exact": exact_match() >= 0,
    "never, at all": refuted(exact_match() <= -1),
    "nothing special": unspecific(exact_match() >= 0),
    **{f"{n} are enough": exact_match() >= n for n in (1, 2)},
})
second: Spec = Spec("tiny/lstm", claims={
    "it is exact": exact_match() >= 0,
})
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    file = tmp_path / "sub" / "specs" / "spec_a.py"
    file.parent.mkdir(parents=True)
    file.write_text(SPECS)
    return file


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        ("it is exact", 4),
        ("refuted: never, at all", 5),
        ("unspecific: nothing special", 6),
        ("1 are enough", None),  # put together in a loop
        ("nowhere", None),
    ],
)
def test_the_line_of_a_sentence(file, sentence, line):
    assert line_of(file, sentence) == line


def test_two_specs_may_say_the_same(file):
    assert [line_of(file, "it is exact", spec) for spec in ("first", "second", "third")] == [4, 10, 4]


def test_a_file_that_is_gone_or_broken_has_no_lines(file):
    assert line_of(file.with_name("gone.py"), "it is exact") is None
    file.write_text("first = (")
    assert line_of(file, "it is exact") is None


def test_an_annotation_is_one_line_and_names_the_file_as_the_repository_does(file):
    said = github.annotation(file.parents[1], "specs/spec_a.py::first::refuted: never, at all", "5 % of a::b\r\nc, d")
    assert said == (
        "::error file=sub/specs/spec_a.py,line=5,title=first%3A%3Arefuted%3A never%2C at all::5 %25 of a::b%0D%0Ac, d"
    )


def test_an_annotation_without_a_line(file):
    said = github.annotation(file.parents[1], "specs/spec_a.py::first::1 are enough", "no")
    assert said == "::error file=sub/specs/spec_a.py,title=first%3A%3A1 are enough::no"


def test_names_that_need_to_be_escaped(file):
    odd = file.with_name("spec_50%,b.py")
    odd.write_text(SPECS)
    said = github.annotation(file.parents[1], "specs/spec_50%,b.py::second::it is exact", "no")
    assert said == "::error file=sub/specs/spec_50%25%2Cb.py,line=10,title=second%3A%3Ait is exact::no"


def test_a_file_outside_the_repository_is_named_in_full(file, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    said = github.annotation(file.parents[1], "specs/spec_a.py::second::it is exact", "no")
    assert said.startswith(f"::error file={file.as_posix()},line=10,")


def test_pytest_annotates_a_project_that_is_a_folder_of_the_repository(pytester, monkeypatch):
    make(pytester.path / "sub", FAILING)
    pytester.makeini("[pytest]")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path))
    options = ("-p", "no:cacheprovider", "-p", "no:benchmark", "--neuronspec-jobs", "1", "-k", "twice")
    said = pytester.runpytest_subprocess("sub/specs", *options)
    spec = pytester.path / "sub" / "specs" / "spec_small.py"
    line = spec.read_text().splitlines().index('        "it is twice exact": exact_match() >= 2,') + 1
    told = [text for text in said.outlines if text.startswith("::")]
    assert [text.rpartition("::")[0] for text in told] == [
        f"::error file=sub/specs/spec_small.py,line={line},title=wrong%3A%3Ait is twice exact"
    ]
