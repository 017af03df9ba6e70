"""Integrated gradients of any function, checked by their sum.

Along the straight path from a baseline to the values, ``score = (value - baseline) * mean gradient`` (Sundararajan,
Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", eq. 1). The mean is taken by Gauss-Legendre quadrature.
Scores are complete: they add up to what the function gains on the path (their proposition 1).

Of ``f(x, y) = x y`` from (0, 0) to (2, 3), the mean gradient is (1.5, 1): both scores are 3, and add up to the gain 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuronspec.errors import NetworkError

Outcome: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""``outcome(values, which)``: from values ``[lane some unit]`` of some of the batch (``which``, ``[some]``), every
target's value ``[target lane some]``."""

LADDER = (4, 8, 16, 32, 64, 128)
"""Numbers of points that are tried in turn; n points integrate polynomials up to degree 2 n - 1 exactly."""
TOLERANCE = 1e-3
"""How far the sum of the scores may be from the gain."""


@dataclass(frozen=True)
class Integral:
    """Scores of every unit.

    Args:
        gained: the outcome at the values minus the outcome at the baseline.
        nodes: at how many points of the path the gradient was taken.
    """

    scores: Float[Tensor, "target batch unit"]
    gained: Float[Tensor, "target batch"]
    nodes: Int[Tensor, " batch"]

    @property
    def error(self) -> Float[Tensor, "target batch"]:
        """How far the sum of the scores is from the gain."""
        return (self.scores.double().sum(-1) - self.gained).abs()


@torch.inference_mode(False)
def integrated_gradients(
    outcome: Outcome,
    values: Float[Tensor, "batch unit"],
    baseline: Float[Tensor, "batch unit"],
    nodes: int | None = None,
    rows: int = 4096,
) -> Integral:
    """Integrate the gradient of an outcome from the baseline to the values.

    All nodes and sequences run as one batch, and the targets share it.

    Args:
        nodes: points of the path; None takes, for each sequence, the fewest of ``LADDER`` with which the scores of
            all targets add up to within ``TOLERANCE``, and the most there are where none do.
        rows: how many nodes times sequences run at once, at most.

    Raises:
        NetworkError: a value, an outcome or a gradient is not finite.
    """
    if not (values.isfinite().all() and baseline.isfinite().all()):
        raise NetworkError("the values or the baseline are infinite or NaN")
    pending = torch.arange(len(values), device=values.device)
    gained = _in_pieces(partial(_gained, outcome, values, baseline), pending, rows // 2)
    scores = values.new_zeros(len(gained), *values.shape)
    integral = Integral(scores, gained, torch.zeros_like(pending))
    for number in LADDER if nodes is None else (nodes,):
        new_scores = _in_pieces(partial(_scores, outcome, values, baseline, number, rows), pending, rows // number)
        scores[:, pending], integral.nodes[pending] = new_scores, number
        if not (new_scores.isfinite().all() and gained.isfinite().all()):
            raise NetworkError("the outcome or its gradient is infinite or NaN on the path from the baseline")
        pending = pending[integral.error[:, pending].amax(0) > TOLERANCE]
        if not len(pending):
            break
    return integral


def _in_pieces(of: Callable[[Tensor], Tensor], which: Tensor, size: int) -> Tensor:
    return torch.cat([of(piece) for piece in which.split(max(1, size))], 1)


@torch.no_grad()
def _gained(outcome: Outcome, values: Tensor, baseline: Tensor, which: Tensor) -> Float[Tensor, "target some"]:
    start, end = outcome(torch.stack([baseline[which], values[which]]), which).unbind(1)
    return end - start


def _scores(
    outcome: Outcome, values: Tensor, baseline: Tensor, nodes: int, rows: int, which: Tensor
) -> Float[Tensor, "target some unit"]:
    at, weights = (values.new_tensor(numbers / 2) for numbers in np.polynomial.legendre.leggauss(nodes))
    start, difference = baseline[which], (values - baseline)[which]
    at_once = max(1, rows // len(which))
    pieces = zip((at + 0.5).split(at_once), weights.split(at_once), strict=True)
    parts = [
        torch.einsum("l,tlsu->tsu", share, _gradients(outcome, start + node.view(-1, 1, 1) * difference, which))
        for node, share in pieces
    ]
    return torch.stack(parts).sum(0) * difference


@torch.enable_grad()
def _gradients(
    outcome: Outcome, path: Float[Tensor, "lane some unit"], which: Tensor
) -> Float[Tensor, "target lane some unit"]:
    """The gradient of each target; by ``torch.autograd.grad``, so that no parameter is given one."""
    path.requires_grad_()
    targets = outcome(path, which)
    if not targets.requires_grad:  # no target depends on the values
        return path.new_zeros(len(targets), *path.shape)
    gradients = [torch.autograd.grad(t.sum(), path, retain_graph=True, materialize_grads=True) for t in targets]
    return torch.stack([gradient for (gradient,) in gradients])
