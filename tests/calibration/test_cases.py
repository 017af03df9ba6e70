"""Cases are what they are said to be."""

import pytest
from calibrated import calibration

from neuronspec.calibration.candidates import FAMILIES
from neuronspec.calibration.cases import SIZES


@pytest.fixture
def found():
    return calibration()


def cases(found, group):
    return [case for one in found for case in one.cases if case.group == group]


def meets(case, value):
    return value >= case.bound if ">=" in case.claim else value <= case.bound


def test_null_cases_are_null_and_of_every_family(found):
    null = cases(found, "null")
    assert sorted(case.family for case in null) == sorted([*FAMILIES] * 2)
    assert [case.claimed for case in null].count("false") == 4
    for case in null:
        best = [meets(case, value) for value in case.stand_ins.values()]
        assert meets(case, case.truth) == (case.claimed == "unspecific"), case
        assert any(best) or case.claimed == "false", case


def test_true_cases_are_true_of_the_planted_units_alone(found):
    for group in ("true", "near"):
        for case in cases(found, group):
            assert meets(case, case.truth), case
            assert not any(meets(case, value) for value in case.stand_ins.values()), case
    assert [case.claimed for case in cases(found, "true")] == ["true"] * 8
    assert {case.distance for case in cases(found, "near")} == {1, 2, 3}
    assert min(case.distance for case in cases(found, "true")) >= 4


def test_a_claim_is_followed_as_data_grow(found):
    growth = cases(found, "growth")
    assert sorted(case.sequences for case in growth) == sorted([*SIZES] * 2)
    assert len({case.claim for case in growth}) == 2


def test_no_case_is_an_error(found):
    assert {case.verdict for one in found for case in one.cases} <= {"supported", "unspecific", "refuted", "undecided"}
