"""Runs as Markdown."""

import pytest

from neuronspec import tables
from neuronspec.errors import ProjectError


def claim(says, value, verdict="supported", recipe="toy/lstm", spec="toy", **other):
    told = {
        "id": f"specs/spec_toy.py::{spec}::{says}",
        "evidence_key": says,
        "says": says,
        "recipe": recipe,
        "expression": {"word": "claim", "measure": {"word": "mean"}},
        "verdict": verdict,
        "expected": verdict,
        "value": value,
        "interval": [value - 0.1, value + 0.1],
        "bound": {"low": 0.5, "high": None},
        "controls": {"random units": {"value": 0.25, "note": ""}, "untrained twin": {"value": None, "note": "none"}},
        "replicates": [{"seed": seed, "verdict": verdict} for seed in range(3)],
    }
    return told | other


def test_a_table_for_each_spec():
    told = tables.per_spec([claim("it counts", 0.9), claim("it sings", -0.2, "refuted", spec="other")])
    assert told == (
        "**specs/spec_toy.py::toy**, toy/lstm, seeds 0–2\n\n"
        "| claim | bound | value | random units | untrained twin | verdict |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| it counts | ≥ 0.5 | 0.9 (0.8 to 1) | 0.25 | – | supported 3/3 |\n"
        "\n"
        "**specs/spec_toy.py::other**, toy/lstm, seeds 0–2\n\n"
        "| claim | bound | value | random units | untrained twin | verdict |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| it sings | ≥ 0.5 | −0.2 (−0.3 to −0.1) | 0.25 | – | **refuted** 3/3 |\n"
    )


def test_a_second_run_stands_beside():
    again = claim("it counts", 0.4, "undecided", replicates=[{"seed": 7, "verdict": "undecided"}])
    told = tables.per_spec([claim("it counts", 0.9), claim("it is new", 0.9)], [again])
    assert "| verdict | seed 7 |" in told
    assert "| supported 3/3 | **undecided**, 0.4 |" in told
    assert told.endswith("| supported 3/3 |  |\n")
    assert tables.per_spec([claim("it counts", 0.9, "undecided", expected="supported")]).endswith(
        "**undecided** 0/3 |\n"
    )


def test_words_over_seeds_have_no_count_and_rivals_their_names():
    over = claim(
        "in most",
        0.9,
        expression={"word": "claim", "measure": {"word": "share_of_seeds"}},
        controls={"rival position()": {"value": 0.3, "note": ""}},
        bound={"low": 0.5, "high": 0.999999},
    )
    (*_, row) = tables.per_spec([over]).splitlines()
    assert row == "| in most | 0.5 to 0.999999 | 0.9 (0.8 to 1) |  |  | position() 0.3 | supported |"


def test_a_bar_in_a_sentence_is_no_column():
    (*_, row) = tables.per_spec([claim("a | b", 0.9, bound={"low": None, "high": 2})]).splitlines()
    assert row.startswith("| a \\| b | ≤ 2 |")


def test_across_sets_what_is_said_in_the_same_words_side_by_side():
    told = tables.across(
        [
            claim("units: 16", 1.0),
            claim("refuted: units: 2", 0.1, "refuted"),
            claim("it counts", 0.9),
            claim("alone", 0.9),
            claim("units: 16", 0.9, spec="gru", recipe="toy/gru"),
            claim("units: 2", 0.95, spec="gru", recipe="toy/gru"),
            claim("units: 4", 1.0, spec="gru", recipe="toy/gru"),
            claim("refuted: it counts", 0.3, "refuted", spec="gru", recipe="toy/gru"),
        ]
    )
    assert told == (
        "| network | it counts | units: 2 | units: 4 | units: 16 |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| toy/lstm | **0.9** | 0.1 |  | **1** |\n"
        "| toy/gru | 0.3 | **0.95** | **1** | **0.9** |\n"
    )


@pytest.mark.parametrize(("seeds", "said"), [([], "no network"), ([3], "seed 3"), ([3, 5], "seeds 3–5")])
def test_seeds_are_named(seeds, said):
    replicates = [{"seed": seed, "verdict": "supported"} for seed in seeds]
    assert f"toy/lstm, {said}\n" in tables.per_spec([claim("it counts", 0.9, replicates=replicates)])


def test_what_is_another_claim_is_not_set_beside():
    ours, theirs = claim("it counts", 0.9), claim("it counts", 0.8, bound={"low": 0.7, "high": None})
    with pytest.raises(ProjectError, match="the two runs have no claim in common"):
        tables.per_spec([ours], [theirs])
    assert (
        tables.per_spec([ours, claim("it sings", 0.9)], [theirs, claim("it sings", 0.9)]).count("supported 3/3, 0.9")
        == 1
    )


def test_nothing_to_set_side_by_side():
    with pytest.raises(ProjectError, match="nothing is said of two networks in the same words: leave out --across"):
        tables.across([claim("r is at least 0.5", 0.9), claim("r is at least 0.9", 0.9)])


def test_a_sentence_of_several_lines_stays_in_its_row():
    assert "| it counts and sings |" in tables.per_spec([claim("it counts\nand sings", 0.9)])


def test_few_networks_one_by_one_beside_what_the_source_reports():
    each = [{"seed": seed, "verdict": "supported", "value": value} for seed, value in enumerate([0.25, None, 1.0])]
    told = tables.per_spec([claim("it counts", 0.9, replicates=each, reported="99.9 %"), claim("it sings", 0.9)])
    assert "| claim | source | bound | value |" in told
    assert "| it counts | 99.9 % | ≥ 0.5 | 0.25, –, 1 |" in told
    assert "| it sings |  | ≥ 0.5 | 0.9 (0.8 to 1) |" in told
