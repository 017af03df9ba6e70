"""A calibration can be run again."""

import pytest
from joblib import parallel_config

from neuronspec.calibration import report, run


@pytest.mark.parametrize(("here", "there"), [(1, 2), (2, 1)])
def test_the_numbers_do_not_depend_on_the_processes_nor_on_their_threads(monkeypatch, with_threads, here, there):
    monkeypatch.setattr(run, "START_UP", 0)
    with_threads(here)
    with parallel_config(backend="loky", inner_max_num_threads=there):
        _, elsewhere = run._results(0, [1, 1], jobs=2, texts=40)
    ours = run._result(0, 1, 1, 40)
    assert [report.case_json(case) for case in ours.cases] == [report.case_json(case) for case in elsewhere.cases]
    assert ours.trials == elsewhere.trials
