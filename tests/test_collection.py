"""Spec files, well written and not."""

import pytest
from project_files import make

from neuronspec.collection import collect, matching
from neuronspec.errors import NeuronspecError, ProjectError
from neuronspec.project import Project

ONE = 'from neuronspec import *\n\none = Spec("tiny/gru", claims={"it": exact_match() >= 0})\n'


def read(folder, spec, **options):
    project = Project.at(make(folder, spec))
    return collect(project, **options)


def test_ids_and_order(tmp_path):
    project = Project.at(make(tmp_path))
    assert [q.id for q in collect(project)][:3] == [
        "specs/spec_small.py::small::it answers",
        "specs/spec_small.py::small::it is exact",
        "specs/spec_small.py::small::refuted: it is never exact",
    ]


def test_other_seeds_and_size(tmp_path):
    (question,) = read(tmp_path, ONE.replace("gru", "lstm"), seeds=(7, 8), full=True)
    assert question.seeds == (7, 8)
    assert question.recipe == "tiny/lstm@full"


WRONG = {
    "syntax": ("x = (\n", "specs/spec_small.py:1: '(' was never closed"),
    "no spec": ("x = 1\n", "specs/spec_small.py holds no spec: expected name = Spec(...)"),
    "unknown word, imported": (
        "from neuronspec import corelation\n",
        "specs/spec_small.py:1: ImportError: cannot import name 'corelation' from 'neuronspec'",
    ),
    "unknown word, used": (
        ONE.replace("exact_match", "exact_mach"),
        "specs/spec_small.py:3: NameError: name 'exact_mach' is not defined; did you mean 'exact_match'?",
    ),
    "wrong word": (
        ONE.replace("exact_match()", "correlation(3)"),
        "specs/spec_small.py:3: correlation(signal=3): expected a signal (a value per step), e.g. char('a')",
    ),
    "an exit": (ONE + "raise SystemExit(0)\n", "specs/spec_small.py:4: SystemExit: 0"),
    "two claims of one id": (
        ONE.replace('"it": exact_match() >= 0', '"refuted: it": exact_match() >= 0, "it": refuted(length() >= 100)'),
        "specs/spec_small.py::one: two claims of one id, 'refuted: it'",
    ),
    "two annotated specs of one name": (
        ONE.replace("one =", "one: Spec =") + ONE.splitlines()[2],
        "specs/spec_small.py:4: a second spec named 'one'; the first stands in line 3",
    ),
    "a character that never occurs": (
        ONE.replace("exact_match()", "length('#')"),
        "specs/spec_small.py::one: claims['it']: char('#'): not in the alphabet of tiny, 'aXb'",
    ),
    "characters that never occur": (
        ONE.replace("exact_match()", "length(one_of('zQ'))"),
        "specs/spec_small.py::one: claims['it']: one_of('zQ'): not in the alphabet of tiny, 'aXb'",
    ),
    "brackets that never occur": (
        ONE.replace("exact_match()", "correlation(depth('(', ')'), of=hidden[0])"),
        "specs/spec_small.py::one: claims['it']: depth('(', ')'): not in the alphabet of tiny, 'aXb'",
    ),
    "more units than there are": (
        ONE.replace("exact_match()", "size(hidden.best(correlation('a'), 7))"),
        "specs/spec_small.py::one: claims['it']: hidden.best(correlation(char('a')), 7): "
        "tiny/gru has 6 units per layer, 0 to 5",
    ),
    "any error": (ONE + "1 / 0\n", "specs/spec_small.py:4: ZeroDivisionError: division by zero"),
    "two sentences of one name": (
        ONE.replace('claims={"it": exact_match() >= 0}', 'claims={\n "it": exact_match() >= 0,\n "it": length() >= 1}'),
        "specs/spec_small.py:5: a second sentence named 'it'; the first stands in line 4",
    ),
    "two specs of one name": (
        ONE + ONE.splitlines()[2],
        "specs/spec_small.py:4: a second spec named 'one'; the first stands in line 3",
    ),
    "unknown task": (
        ONE.replace("tiny", "tinny"),
        "specs/spec_small.py::one: no task 'tinny'; did you mean 'tiny'? (looked in tasks)",
    ),
    "unknown recipe": (
        ONE.replace("gru", "gruu"),
        "specs/spec_small.py::one: task tiny has no recipe 'gruu'; did you mean 'gru'?",
    ),
    "unit out of range": (
        ONE.replace("exact_match()", "mean(of=hidden[6])"),
        "specs/spec_small.py::one: claims['it']: hidden[6]: tiny/gru has 6 units per layer, 0 to 5",
    ),
    "out of place": (
        ONE.replace("exact_match()", "contribution('a', at='a')"),
        "specs/spec_small.py::one: claims['it']: contribution(char('a'), at=first(char('a'))): "
        "a contribution is a score for site.top(...), not a measure of its own",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_spec_files(tmp_path, case):
    spec, message = WRONG[case]
    with pytest.raises(NeuronspecError) as error:
        read(tmp_path, spec)
    assert str(error.value).startswith(message)


def test_an_unknown_imported_word_is_corrected(tmp_path):
    with pytest.raises(NeuronspecError, match="did you mean 'correlation'"):
        read(tmp_path, "from neuronspec import corelation\n")


def test_wrong_task_files(tmp_path):
    make(tmp_path, ONE)
    (tmp_path / "tasks" / "tiny.py").write_text("task = 3\n")
    with pytest.raises(NeuronspecError) as error:
        collect(Project.at(tmp_path))
    assert str(error.value) == "specs/spec_small.py::one: tiny.py defines no task: expected task = Task(...)"


def test_nothing_to_collect(tmp_path):
    (tmp_path / "specs").mkdir()
    with pytest.raises(ProjectError) as error:
        collect(Project.at(tmp_path))
    assert str(error.value) == "no spec_*.py file in specs; `neuronspec init` makes a first one"
    with pytest.raises(ProjectError, match="nowhere: no such file or folder"):
        collect(Project.at(tmp_path), [tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("expression", "count"),
    [("answers", 1), ("small", 6), ("exact and not never", 1), ("'goes with'", 1), ("answers or tally", 2), ("ZZZ", 0)],
)
def test_keywords(tmp_path, expression, count):
    assert len(matching(collect(Project.at(make(tmp_path))), expression)) == count


@pytest.mark.parametrize("expression", ["goes with", "a +", "f(x)", ""])
def test_wrong_keywords(tmp_path, expression):
    questions = collect(Project.at(make(tmp_path)))
    with pytest.raises(ProjectError) as error:
        matching(questions, expression)
    assert str(error.value) == (
        f"-k {expression!r}: expected words, and, or, not, brackets; quote a phrase: -k \"'forget gate'\""
    )
