"""The pytest plugin, in a pytest of its own."""

import json

import pytest
from project_files import FAILING, make, run

pytest_plugins = ["pytester"]


def test_one_item_per_claim_and_nothing_trained_to_collect(project):
    said = run(project, "specs", "--collect-only", "-q")
    assert said.outlines[:6] == [
        "specs/spec_small.py::small::it answers",
        "specs/spec_small.py::small::it is exact",
        "specs/spec_small.py::small::refuted: it is never exact",
        "specs/spec_small.py::small::a unit goes with the tally",
        "specs/spec_small.py::small::half of the networks answer",
        "specs/spec_small.py::small::they say something",
    ]
    assert not (project.path / ".neuronspec").exists()


@pytest.mark.parametrize(
    ("args", "passed"),
    [
        (["specs"], 6),
        (["specs/spec_small.py"], 6),
        (["specs/spec_small.py::small::a unit goes with the tally"], 1),
        (["specs", "-k", "exact and not never"], 1),
        ([], 6),
    ],
)
def test_claims_can_be_named(project, args, passed):
    run(project, *args).assert_outcomes(passed=passed)


def test_a_failure_shows_all_there_is_to_know(pytester):
    make(pytester.path, FAILING)
    said = run(pytester, "specs", "-v")
    said.assert_outcomes(passed=1, failed=3, skipped=1)
    said.stdout.fnmatch_lines(
        [
            "*::wrong::it is twice exact REFUTED*",
            "*::wrong::it is exact PASSED*",
            "*::wrong::nothing to go by UNDECIDED*",
            "*::wrong::forgets SKIPPED (tiny/gru has no*",
            "*::wrong::anything UNSPECIFIC*",
            "*wrong: it is twice exact*",
            "  claim      exact_match() >= 2",
            "  verdict    refuted (stated: supported)",
            "  measured   *over 2 networks*; bound >= 2",
            "  seed 0     refuted*",
            "  seed 1     refuted*",
            "  verdict    undecided (stated: supported): char('a') & char('b') never holds at the steps that count",
            "  control    random units*",
            "  control    untrained twin*",
        ]
    )
    assert "Traceback" not in said.stdout.str()


def test_letters(pytester):
    make(pytester.path, FAILING)
    run(pytester, "specs").stdout.fnmatch_lines(["neuronspec: training tiny/gru, once", "specs/spec_small.py r.uss*"])


def test_exit_first(pytester):
    make(pytester.path, FAILING)
    run(pytester, "specs", "-x").assert_outcomes(failed=1)


def test_workers_share_a_recipe_and_the_json_is_whole(project):
    make(project.path, FAILING, name="spec_failing.py")
    alone = run(project, "specs", "--neuronspec-json", "alone.json")
    spread = run(project, "specs", "-n", "2", "--neuronspec-json", "spread.json", "-v")
    for said in (alone, spread):
        said.assert_outcomes(passed=7, failed=3, skipped=1)
    workers = {line.split("]")[0] for line in spread.outlines if line.startswith("[gw") and "::small::" in line}
    assert len(workers) == 1
    documents = [json.loads((project.path / name).read_text()) for name in ("alone.json", "spread.json")]
    for document in documents:
        document["claims"].sort(key=lambda claim: claim["id"])
        del document["began"], document["seconds"]
        for claim in document["claims"]:
            del claim["seconds"], claim["shared"]
    assert documents[0] == documents[1]
    assert len(documents[0]["claims"]) == 11


def test_networks_are_examined_once_for_all_selected_claims(project):
    project.makeconftest(
        """
        import neuronspec.runner as runner
        real = runner.verify
        def counted(project, questions, *options):
            print("verified", len(questions))
            return real(project, questions, *options)
        runner.verify = counted
        """
    )
    said = run(project, "specs", "-s", "-k", "exact or answers")
    assert [line for line in said.outlines if "verified" in line] == ["specs/spec_small.py verified 3"]
    assert "neuronspec: training tiny/gru, once" in said.outlines


def test_a_wrong_spec_is_a_collection_error_with_file_and_line(pytester):
    make(pytester.path, 'from neuronspec import *\nx = Spec("tiny/gru", claims={"a::b": exact_match() >= 1})\n')
    said = run(pytester, "specs")
    said.assert_outcomes(errors=1)
    assert "specs/spec_small.py:2: claims['a::b']: a sentence holds no '::'" in said.stdout.str()
    assert "Traceback" not in said.stdout.str()


def test_an_error_while_verifying_is_said_once_per_claim_without_a_trace(project):
    (project.path / ".neuronspec").mkdir()
    (project.path / ".neuronspec" / "networks").write_text("a file where a folder should be")
    said = run(project, "specs")
    said.assert_outcomes(failed=6)
    said.stdout.fnmatch_lines(["cannot write to *; what is trained would be lost.*"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--neuronspec-json=specs", "ERROR: --neuronspec-json: cannot write the run to specs: it is a folder"),
        ("--neuronspec-jobs=-3", "ERROR: --neuronspec-jobs -3: expected a whole number above 0"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(project, option, message):
    said = run(project, "specs", option)
    assert said.ret == pytest.ExitCode.USAGE_ERROR
    assert message in said.stderr.str()


def test_spec_files_elsewhere_are_left_alone_unless_named(project):
    make(project.path / "other", name="spec_other.py")
    (project.path / "spec_notes.py").write_text("1 / 0\n")
    (project.path / "test_it.py").write_text("def test_it():\n    pass\n")
    run(project, ".", "--ignore=specs", "--ignore=other").assert_outcomes(passed=1)
    run(project, "other/specs/spec_other.py").assert_outcomes(passed=6)


def test_other_tests_run_beside_claims_on_workers(project):
    (project.path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.parametrize('i', range(5))\ndef test_it(i):\n    pass\n"
    )
    run(project, "-n", "2").assert_outcomes(passed=11)


def test_a_run_without_specs_loads_nothing_of_ours_but_words(pytester):
    pytester.makepyfile(
        """
        import sys
        def test_it():
            ours = {m for m in sys.modules if m.startswith("neuronspec")}
            assert not {"torch", "numpy", "joblib", "jaxtyping"} & set(sys.modules)
            assert not {m for m in ours if "engine" in m or "networks" in m or "runner" in m}
        """
    )
    pytester.runpytest_subprocess("-p", "no:jaxtyping", "-p", "no:hypothesispytest").assert_outcomes(passed=1)
