"""Rankings of all units, as they are read and shown."""

import numpy as np
import pytest
import torch

import neuronspec as ns
from neuronspec.engine.scan.result import Ranking
from neuronspec.engine.scan.scan import scan


def planted(*columns, read="abababab", **signals):
    """A scan of units with these values."""
    pieces = torch.tensor(columns, dtype=torch.float32).T.unsqueeze(1)
    return scan([pieces], signals or {"b": ns.char("b")}, read, 1, ns.cell)


ALTERNATING = [0, 1, 0, 1, 0, 1, 0, 1]
FALLING = [3, 2, 3, 2, 3, 2, 2, 3]
CONSTANT = [0.1] * 8


def test_a_ranking_is_best_first_with_signs():
    found = planted(CONSTANT, FALLING, ALTERNATING)
    best = found.ranking("b")
    assert best.units == [ns.cell[2], -ns.cell[1], ns.cell[0]]
    assert best.scores.tolist() == [1, 0.75, 0.5]
    assert best[1] == (-ns.cell[1], 0.75)
    assert (best.gap(), best.median, len(best)) == (0.25, 1, 3)
    assert np.isnan(best.gap(2))


def test_a_constant_unit_has_no_correlation_and_comes_last():
    found = planted(CONSTANT, FALLING, ALTERNATING)
    ranked = found.ranking("b", by="correlation")
    assert ranked.units[2] == ns.cell[0]
    assert np.isnan(ranked.scores[2])
    assert ranked.scores[:2].tolist() == pytest.approx([1, 0.5])
    assert (ranked.median, found["b"].auroc[0], found["b"].bound[0]) == (0, 0.5, 0)


def test_what_is_shown():
    found = planted(CONSTANT, FALLING, ALTERNATING, b=ns.char("b"), step=ns.position())
    assert repr(found) == "Scan of 3 units of cell over 8 steps: b, step"
    ranked = found.ranking("b")
    assert repr(ranked) == "auroc(char('b')): cell[2] 1.000, next -cell[1] 0.750, median -cell[1] 0.750, of 3 units"
    assert str(ranked).splitlines() == [
        "auroc(char('b')), 3 units; gap 0.250",
        "    0  cell[2] 1.000",
        "    1  -cell[1] 0.750  median",
        "    2  cell[0] 0.500",
    ]
    assert found.ranking("step").measure == "correlation"
    assert repr(Ranking(ns.char("b"), "auroc", [ns.cell[0]], np.array([0.9]))) == (
        "auroc(char('b')): cell[0] 0.900, median cell[0] 0.900, of 1 units"
    )
