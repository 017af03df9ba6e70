"""Interventions as lanes of one batch against running every string again from its start."""

import pytest
from planted import STRINGS, subject

import neuronspec as ns
from neuronspec.engine.unit_sets import UnitSet
from neuronspec.networks.threads import one_thread

UNIT = ns.cell[0]
LANES = [{UNIT: UnitSet(0, "cell", (i,), (1,), (1,) * 6)} for i in range(6)]
UNDER = ns.delay(UNIT, 1, at=ns.first("X") + 2)


def as_lanes(examined):
    examined.edited_completions(UNDER, LANES)


def one_lane(examined):
    examined.edited_completions(UNDER, LANES[:1])


def one_by_one(examined):
    for lane in LANES:
        for string in STRINGS[1:]:
            subject((string,)).edited_completions(UNDER, [lane])


@pytest.mark.benchmark(group="intervene: six unit sets on nine strings")
@pytest.mark.parametrize("how", [one_lane, as_lanes, one_by_one], ids=lambda how: how.__name__)
def test_interventions(benchmark, how):
    examined = subject()
    examined.completed()
    with one_thread():
        benchmark.pedantic(how, (examined,), rounds=5, warmup_rounds=1)
