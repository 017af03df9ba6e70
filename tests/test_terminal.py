"""What a person reads."""

import math

import pytest
from rich.console import Console

from neuronspec.engine.verdicts.judge import Outcome
from neuronspec.terminal import PIPE_WIDTH, Live, _seed, console, number, span


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1"), (0.12345, "0.123"), (1234.5, "1.23e+03"), (math.nan, "–"), (-0.05, "-0.05")]
)
def test_number(value, shown):
    assert number(value) == shown


def test_span():
    assert span(0.5, 1) == "0.5 to 1"
    assert span(math.nan, math.nan) == ""


def test_what_is_piped_is_wide_and_plain(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = console()
    assert piped.width == PIPE_WIDTH
    assert not piped.is_terminal
    monkeypatch.setenv("COLUMNS", "97")
    assert console().width == 97


def test_a_log_gets_a_line_now_and_then_not_a_bar(capsys):
    with Live(Console(force_terminal=False)) as watcher:
        watcher.last -= 60
        watcher.training("tiny/gru", 50, 100)
        watcher.training("tiny/gru", 60, 100)
        watcher.warn("the [disk] is full")
    assert capsys.readouterr().out == "training tiny/gru: 50 %\nwarning: the [disk] is full\n"


def unit(index, **of):
    return {"site": "hidden", "layer": 0, "index": index, "sign": -1 if index == 3 else 1} | ({"of": of} if of else {})


def told(*units, **ranking):
    return _seed(
        Outcome("supported", value=0.5, units={"it": list(units)}, rankings={"it": ranking} if ranking else {})
    )


def test_units_are_named_and_sets_per_value_are_counted():
    assert told(unit(1), unit(3)).endswith("  hidden[1] -hidden[3]")
    assert told(unit(1, asked="a"), unit(3, asked="a"), unit(2, asked="b"), symbol="asked", values={}).endswith(
        "  hidden: 1.5 units for each of 2 values of asked"
    )
    assert told(unit(1, asked="a", other="b"), unit(2, asked="b", other="b")).endswith(
        "  hidden: 1 units for each of 2 values of asked, other"
    )
