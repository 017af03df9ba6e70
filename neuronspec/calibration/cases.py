"""Cases: a claim that is known to be null or true, on a sample, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from neuronspec.calibration.candidates import FAMILIES, Candidate, planted_role
from neuronspec.calibration.populations import POOL, Population, populate
from neuronspec.calibration.truth import CLEARED, Truth, ahead, truths, verdicts
from neuronspec.engine.verdicts.judge import Outcome
from neuronspec.networks.tasks import Example

SIZES = (25, 50, 100, 200)
"""Sequences of a sample."""

SLOTS = 8
"""Null cases, and true ones, of a population: two of each family, one false and one unspecific."""

MEASURED = 3
"""Candidates of a family that are measured, in a population."""

NEAR = (1.0, 2.0, 3.0)
"""Standard errors between value and bound at which power is reported beside the headline."""

COSTLY = 0.25
"""How often an AUROC is drawn, relative to another measure: on a whole pool it takes as long as ten others."""

FOLLOWED = 1
"""True claims of a population that are followed as data grow."""


@dataclass(frozen=True)
class Case:
    """A claim, the truth about it, and the verdict.

    Args:
        group: ``null``, ``true``, ``near`` (true, by a few standard errors) or ``growth``.
        claimed: what the claim is in the population: ``false``, ``unspecific`` or ``true``.
        distance: standard errors from the bound: of the value; of an unspecific claim, of the worse of the value and
            its best stand-in.
        lead: standard errors by which the value lies ahead of its best stand-in.
        truth: the claimed value in the population.
        stand_ins: the values there of the controls.
    """

    group: str
    family: str
    claimed: str
    distance: float
    lead: float
    population: int
    role: str
    kind: str
    sequences: int
    measure: str
    claim: str
    bound: float
    truth: float
    stand_ins: Mapping[str, float]
    verdict: str
    value: float
    interval: tuple[float, float]
    reason: str


@dataclass(frozen=True)
class Bound:
    """A bound, and whether a claim with it is true: see ``Case``."""

    at: float
    claimed: str
    distance: float


def judged(seed: int, number: int, cases: int, texts: int = POOL) -> tuple[Population, list[Case]]:
    """Return a population, and the verdicts of its cases.

    A population is replaced by another where one of the families gives no usable claim.

    Args:
        seed: of all populations.
        number: of this one.
        cases: how many null ones are wanted, and how many true ones.
        texts: in the pool.
    """
    attempt = 0
    while True:
        rng = np.random.default_rng([seed, number, attempt])
        population = populate(number, rng, texts)
        known = _known(population, rng)
        planned = _nulls(known, cases, rng), _trues(known["planted role"], ahead(population), cases, rng)
        if len(planned[0]) == len(planned[1]) == cases:
            return population, list(chain(*_judged(population, *planned, rng)))
        attempt += 1


Planned = tuple[Truth, tuple[Bound, ...], int]
"""The truth about a measure, the bounds to claim, and how many sequences are drawn."""


def _known(population: Population, rng: np.random.Generator) -> dict[str, list[Truth]]:
    """The truth about random candidates of every family, in random order."""
    drawn = {name: _choose(family(population, rng), MEASURED, rng) for name, family in FAMILIES.items()}
    drawn["planted role"] = _choose(planted_role(population, rng), 2 * MEASURED, rng)
    known = truths(population, list(chain(*drawn.values())))
    order = [known[i] for i in rng.permutation(len(known))]
    return {name: [truth for truth in order if truth.candidate.family == name] for name in drawn}


def _choose(candidates: Sequence[Candidate], number: int, rng: np.random.Generator) -> list[Candidate]:
    odds = np.array([COSTLY if candidate.shown == "auroc" else 1.0 for candidate in candidates])
    return [candidates[i] for i in rng.choice(len(candidates), number, replace=False, p=odds / odds.sum())]


def _nulls(known: Mapping[str, list[Truth]], number: int, rng: np.random.Generator) -> list[Planned]:
    planned: list[Planned] = []
    for slot in range(number):  # first a false claim of each family, then an unspecific one
        family = known[list(FAMILIES)[slot % len(FAMILIES)]]
        is_false = slot % SLOTS < len(FAMILIES)
        for truth in family if is_false else family[::-1]:
            sequences = int(rng.choice(SIZES))
            bound = _false(truth, sequences, rng) if is_false else _unspecific(truth, sequences, rng)
            if truth.possible(bound.at):
                planned.append((truth, (bound,), sequences))
                break
    return planned


def _false(truth: Truth, sequences: int, rng: np.random.Generator) -> Bound:
    distance = float(rng.uniform(0, 1))
    return Bound(truth.beyond(distance, sequences), "false", -distance)


def _unspecific(truth: Truth, sequences: int, rng: np.random.Generator) -> Bound:
    distance = float(rng.uniform(0, CLEARED))
    return Bound(truth.met_by_all(distance, sequences), "unspecific", distance)


def _trues(role: Sequence[Truth], lead: float, number: int, rng: np.random.Generator) -> list[Planned]:
    """True claims; ``lead`` is the result of ``ahead``."""
    clear = [truth for truth in role if _cleared(truth, lead, max(SIZES), CLEARED) is not None]
    true = [_true(clear[slot % len(clear)], lead, rng) for slot in range(number)] if clear else []
    return [(truth, (bound, *(_near(truth, n) if slot % 2 else ())), n) for slot, (truth, bound, n) in enumerate(true)]


def _true(truth: Truth, lead: float, rng: np.random.Generator) -> tuple[Truth, Bound, int]:
    """A bound, and the fewest sequences, from a random size on, that show that no other unit meets it."""
    fewest, distance = int(rng.choice(SIZES)), float(rng.uniform(CLEARED, 2 * CLEARED))
    for sequences, clearance in [*((size, distance) for size in SIZES if size >= fewest), (max(SIZES), CLEARED)]:
        bound = _cleared(truth, lead, sequences, clearance)
        if bound is not None:
            return truth, bound, sequences
    raise AssertionError("a claim that is clear is clear on the largest sample, at the least distance")


def _near(truth: Truth, sequences: int) -> list[Bound]:
    return [Bound(truth.beyond(-distance, sequences), "true", distance) for distance in NEAR]


def _cleared(truth: Truth, lead: float, sequences: int, distance: float) -> Bound | None:
    """The bound that the value clears by a distance; None where a stand-in is near it, or others may be picked."""
    bound = truth.beyond(-distance, sequences)
    if truth.candidate.picks and lead * math.sqrt(sequences) < CLEARED:
        return None
    if truth.possible(bound) and truth.is_clear(bound, sequences):
        return Bound(bound, "true", distance)
    return None


def _judged(
    population: Population, nulls: Sequence[Planned], trues: Sequence[Planned], rng: np.random.Generator
) -> Iterator[list[Case]]:
    for group, planned in (("null", nulls), ("true", trues)):
        for truth, bounds, sequences in planned:
            discovery, verification = population.draw(sequences, rng), population.draw(sequences, rng)
            first, *others = _cases(group, population, truth, bounds, discovery, verification)
            yield [first, *(replace(case, group="near") for case in others)]
    for truth in _different([truth for truth, _, _ in trues])[:FOLLOWED]:
        yield _followed(population, truth, rng)


def _different(truths: Sequence[Truth]) -> list[Truth]:
    return list({truth.candidate: truth for truth in truths}.values())


def _followed(population: Population, truth: Truth, rng: np.random.Generator) -> list[Case]:
    """A true claim and a false one, on growing parts of one sample."""
    most = max(SIZES)
    discovery, verification = population.draw(most, rng), population.draw(most, rng)
    bounds = [Bound(truth.beyond(d, most), "false" if d > 0 else "true", -d) for d in (CLEARED, -CLEARED)]
    parts = [_cases("growth", population, truth, bounds, discovery[:n], verification[:n]) for n in SIZES]
    return list(chain(*parts))


def _cases(
    group: str,
    population: Population,
    truth: Truth,
    bounds: Sequence[Bound],
    discovery: Sequence[Example],
    verification: Sequence[Example],
) -> list[Case]:
    claims = [truth.claim(bound.at) for bound in bounds]
    outcomes = verdicts(population, claims, discovery, verification, truth.candidate.untrained)
    return [
        _case(group, population, truth, bound, len(verification), outcome)
        for bound, outcome in zip(bounds, outcomes, strict=True)
    ]


def _case(group: str, population: Population, truth: Truth, bound: Bound, sequences: int, outcome: Outcome) -> Case:
    return Case(
        group=group,
        family=truth.candidate.family,
        claimed=bound.claimed,
        distance=bound.distance,
        lead=truth.lead(sequences),
        population=population.number,
        role=population.role,
        kind=population.kind,
        sequences=sequences,
        measure=truth.candidate.shown,
        claim=repr(truth.claim(bound.at)),
        bound=bound.at,
        truth=truth.value,
        stand_ins=truth.stand_ins,
        verdict=outcome.verdict,
        value=outcome.value,
        interval=outcome.interval,
        reason=outcome.reason,
    )
