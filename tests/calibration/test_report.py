"""Rates, and the report of a calibration."""

import json

import pytest
import scipy.stats
from calibrated import calibration

from neuronspec.calibration import report


@pytest.fixture
def found():
    return calibration()


def test_the_report_of_a_tiny_run(found):
    told = json.loads(json.dumps(report.document(found, cases=8, seed=3)))
    assert told["command"] == "neuronspec calibrate --cases 8 --seed 3"
    assert (told["schema"], told["complete"], told["seed"], told["cases"]) == (1, True, 3, 8)
    for rate in (told["false_support"], told["power"]):
        assert rate["cases"] == sum(rate["verdicts"].values()) == 8
        assert rate["interval"][0] <= rate["rate"] <= rate["interval"][1]
    assert len(told["missed"]) == 8 - told["power"]["verdicts"].get("supported", 0)
    for rows in (*told["null"].values(), *told["true"].values()):
        assert sum(row["cases"] for row in rows.values()) == 8
    assert list(told["power_by_standard_errors"]) == ["1", "2", "3"]
    assert list(told["undecided_by_sequences"]) == ["25", "50", "100", "200"]
    assert {"correlation", "mean"} <= set(told["coverage"]) <= {"correlation", "mean", "share"}
    assert list(told["coverage"]["mean"]) == ["10", "20", "50", "200"]
    assert report.table(told).row_count > 20


@pytest.mark.parametrize(("yes", "of"), [(0, 500), (3, 500), (475, 500), (8, 8), (1, 2)])
def test_rates_have_wilsons_interval(yes, of):
    known = scipy.stats.binomtest(yes, of).proportion_ci(method="wilson")
    told = report.rate(yes, of)
    assert told == {"rate": yes / of, "interval": pytest.approx([known.low, known.high]), "cases": of}


def test_there_is_no_rate_of_nothing():
    assert report.rate(0, 0) == {"rate": None, "interval": None, "cases": 0}
    told = report.document([], cases=500, seed=0, complete=False)
    assert "–" in report.headline(told)
    report.table(told)
