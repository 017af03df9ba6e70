"""Tests mirror the package: what tests a file lies where the file lies, under its name."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "neuronspec"

UNTESTED = {
    "__main__.py": "runs the command, in tests too",
    "networks/cells/cell.py": "types alone",
}
"""Files that have no test of their name, and why."""

ABOUT_SEVERAL = """
    test_annotations test_corpus test_crashes test_docs test_floors test_mirror test_shipped_tasks
    engine/test_encoder_decoder language/test_init language/test_wrong_words ledger/test_fuzz
""".split()
"""Tests of what several files do together."""

APART = {"benchmarks", "commands"}
"""Folders of tests that are not about files of the package."""


def sources():
    files = [file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py")]
    return [f for f in sorted(files) if f.name != "__init__.py" and f.parts[0] != "starter"]


def mirrors():
    files = [file.relative_to(TESTS) for file in TESTS.rglob("test_*.py")]
    return [f for f in sorted(files) if f.parts[0] not in APART]


@pytest.mark.parametrize("file", [f for f in sources() if f.as_posix() not in UNTESTED], ids=str)
def test_every_file_has_tests_of_its_name(file):
    assert (TESTS / file.with_name(f"test_{file.name}")).exists()


@pytest.mark.parametrize("file", [f for f in mirrors() if f.with_suffix("").as_posix() not in ABOUT_SEVERAL], ids=str)
def test_tests_are_of_a_file(file):
    assert (PACKAGE / file.with_name(file.name.removeprefix("test_"))).exists()


def test_what_is_let_off_is_there_and_needs_it():
    for name in UNTESTED:
        file = Path(name)
        assert (PACKAGE / file).exists()
        assert not (TESTS / file.with_name(f"test_{file.name}")).exists()
    for name in ABOUT_SEVERAL:
        file = Path(f"{name}.py")
        assert (TESTS / file).exists()
        assert not (PACKAGE / file.with_name(file.name.removeprefix("test_"))).exists()
