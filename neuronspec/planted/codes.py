"""Which units carry a role: one each, two that share it, or all of them in a rotated code."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from neuronspec.planted.parts import SMALL, Linear, Part, Row, forgets, marked

DISTRACTORS = 4
"""Dimensions of a rotated code that have nothing to do with the role."""

FADES = 0.5
"""The share of its past that a distractor keeps at each step."""


@dataclass(frozen=True)
class Code:
    """The carrying units.

    Args:
        rows: their weights; links are to each other.
        decoder: weights by which their hidden states add up to each part, 1 where it is high.
        bearers: the signs of those that carry the role itself.
        copy: the row of another unit that follows the role.
        itself: the carrying unit in whose place ``copy`` reads its own past; None where it reads only theirs.
    """

    rows: tuple[Row, ...]
    decoder: Float[Tensor, "part unit"]
    bearers: dict[int, int]
    copy: Row
    itself: int | None


def plain(parts: tuple[Part, ...], at: int, kind: str, vocabulary: str, sign: int, duplicated: bool) -> Code:
    """Return a code in which every part is one unit, and the role one or two.

    No other part reads the one at ``at``, so its sign may be reversed, or the unit doubled.
    """
    size = len(parts) + duplicated
    rows = [part.row(number, size, kind, vocabulary) for number, part in enumerate(parts)]
    decoder = torch.diag(torch.tensor([1 / row.level for row in rows]))
    rows[at] = _with_sign(sign, rows[at], at)
    decoder[:, at] *= sign
    bearers = {at: sign}
    if duplicated:
        decoder = torch.cat([decoder, decoder[:, at : at + 1]], 1)
        decoder[at] /= 2
        bearers[len(parts)] = sign
        rows.append(_reading_itself(rows[at], at, len(parts)))
    return Code(tuple(rows), decoder, bearers, rows[at], at)


def _with_sign(sign: int, row: Row, at: int) -> Row:
    """A unit with its sign reversed, but not for its own past: that is reversed already."""
    links = sign * row.links
    links[at] = row.links[at]
    return replace(row, reads=sign * row.reads, links=links)


def _reading_itself(row: Row, at: int, here: int) -> Row:
    """The row of a second unit, which reads its own past in place of the first one's."""
    links = row.links.clone()
    links[at], links[here] = 0, row.links[at]
    return replace(row, links=links)


def rotated(
    parts: tuple[Part, ...], at: int, kind: str, vocabulary: str, read: str, spread: float, rng: torch.Generator
) -> Code:
    """Return a code in which a random rotation spreads parts and distractors over all carrying units.

    They are small enough for tanh to be linear, and a linear system may be rotated: with h = R @ s, a system
    s[t] = A @ s[t - 1] + B @ x[t] becomes h[t] = R @ A @ R.T @ h[t - 1] + R @ B @ x[t].

    Args:
        read: the symbols that distractors tell apart.
        spread: standard deviation of the role; distractors read twice as much.
    """
    size = len(parts) + DISTRACTORS
    systems = [part.linear(number, size, vocabulary) for number, part in enumerate(parts)]
    systems += [_distractor(number, size, vocabulary, read, spread, rng) for number in range(len(parts), size)]
    links, reads = (torch.stack(matrices) for matrices in zip(*systems, strict=True))
    turn = _rotation(size, at, rng)
    gates = forgets(kind, len(vocabulary))
    rows = [
        Row(r, w, gates, SMALL, SMALL / 2) for r, w in zip(SMALL * turn @ reads, turn @ links @ turn.T, strict=True)
    ]
    copy = Row(SMALL * reads[at], links[at] @ turn.T, gates, SMALL, SMALL * spread)
    signs = {number: 1 if weight > 0 else -1 for number, weight in enumerate(turn[:, at].tolist())}
    return Code(tuple(rows), turn.T[: len(parts)] / SMALL, signs, copy, None)


def _distractor(number: int, size: int, vocabulary: str, read: str, spread: float, rng: torch.Generator) -> Linear:
    values = torch.randn(len(read), generator=rng)
    values = 2 * spread * (values - values.mean()) / values.std()
    return FADES * torch.eye(size)[number], marked(dict(zip(read, values.tolist(), strict=True)), vocabulary)


def _rotation(size: int, at: int, rng: torch.Generator) -> Float[Tensor, "unit dimension"]:
    """A random rotation that spreads dimension ``at`` evenly: no unit has more of it than another."""
    columns = torch.randn(size, size, generator=rng, dtype=torch.float64)
    columns[:, 0] = columns[:, 0].sign()  # QR keeps its direction: ± 1 / sqrt(size) in every unit
    turn = torch.linalg.qr(columns).Q.float()
    turn[:, [0, at]] = turn[:, [at, 0]]
    return turn
