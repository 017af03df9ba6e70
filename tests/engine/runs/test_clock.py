"""Who bears the time of what is shared."""

import pytest

from neuronspec.engine.runs import clock as module
from neuronspec.engine.runs.clock import Clock


@pytest.fixture
def spend(monkeypatch):
    """Let time pass; nothing else does."""
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])

    def spend(seconds):
        now[0] += seconds

    return spend


def test_time_goes_to_the_innermost_phase_of_the_claim_that_is_judged(spend):
    clock = Clock(claim=0)
    with clock.phase("judge"):
        spend(1)
        with clock.phase("intervene"):
            spend(4)
        spend(2)
    assert clock.own(0) == {"judge": 3, "intervene": 4}
    assert clock.own(1) == {}
    assert clock.shares(1) == [{}]


def asked(clock, spend, what, seconds, inner=()):
    with clock.phase("pick", shared=what):
        for name in inner:
            asked(clock, spend, name, 0)
        spend(seconds)


def test_who_asks_later_bears_as_much_as_who_asked_first(spend):
    clock = Clock()
    for claim in range(4):
        clock.claim = claim
        with clock.phase("judge"):
            spend(1)
            if claim != 2:
                asked(clock, spend, "best unit", 6 if claim == 0 else 0)
    assert [clock.own(claim) for claim in range(4)] == [{"judge": 1}] * 4
    assert [part.get("pick", 0) for part in clock.shares(4)] == [2, 2, 0, 2]


def test_what_was_done_before_the_first_claim_is_borne_by_all(spend):
    clock = Clock()
    with clock.phase("trace"):
        spend(6)
    assert clock.shares(3) == [{"trace": 2}] * 3


def test_what_a_shared_work_needed_is_borne_by_those_who_asked_for_that(spend):
    clock = Clock()
    clock.claim = 0
    with clock.phase("pick", shared="unit"):
        asked(clock, spend, "run", 8)
        spend(2)
    clock.claim = 1
    asked(clock, spend, "unit", 0)  # it is there: the run is not asked for again
    assert clock.shares(2) == [{"pick": 5}] * 2


def test_works_that_need_each_other_come_to_an_end(spend):
    clock = Clock(claim=0)
    with clock.phase("pick", shared="a"):
        asked(clock, spend, "b", 1, inner=["a"])
    assert clock.shares(1) == [{"pick": 1}]


def test_no_second_is_lost(spend):
    clock = Clock()
    with clock.phase("trace"):
        spend(1)
        asked(clock, spend, "run", 2)
    for claim in range(3):
        clock.claim = claim
        with clock.phase("judge"):
            spend(1)
            asked(clock, spend, "run", 0)
            asked(clock, spend, f"own {claim // 2}", 3)
    whole = sum(sum(s.values()) for s in clock.shares(3)) + sum(sum(clock.own(n).values()) for n in range(3))
    assert whole == pytest.approx(3 + 3 + 9)
