"""Picks: which units a spec means in one network, found on the discovery split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from neuronspec.engine import svm_rfe
from neuronspec.engine.attribution import attribute
from neuronspec.engine.behaviour_measures import check_symbols, tokens
from neuronspec.engine.evaluate import scores
from neuronspec.engine.fits import fitted_samples, labelled
from neuronspec.engine.picks import Lane, Scores, UnitSet, bases, layer_of, units
from neuronspec.engine.signals import NOWHERE, moments
from neuronspec.engine.subject import Subject
from neuronspec.errors import NetworkError, Undecidable
from neuronspec.language import units as words
from neuronspec.language.expression import Expression
from neuronspec.language.units import Site, Unit

HELD_OUT = 4
"""Every so manieth sequence of the discovery split is held out where a pick goes by accuracy."""


def found(expression: Expression, subject: Subject) -> Lane:
    """Return what each pick and named unit of an expression means in a network: found once, and kept there."""
    for base in bases(expression):
        if base not in subject.picks:
            subject.picks[base] = pick(base, subject)
    return {base: subject.picks[base] for base in bases(expression)}


@singledispatch
def pick(base: object, subject: Subject) -> UnitSet:
    """Return the units that a pick or a named unit means in a network.

    Raises:
        Undecidable: there is too little on the discovery split to pick by.
    """
    raise NotImplementedError(f"no pick for {base!r}")


def _whole(site: Site, subject: Subject) -> UnitSet:
    """All units of a site."""
    return units(site, {}, subject.sizes)


@pick.register
def _(base: Unit, subject: Subject) -> UnitSet:
    return replace(_whole(base.site, subject), indices=(base.index,), signs=(base.sign,))


@pick.register
def _(base: words.Best, subject: Subject) -> UnitSet:
    score, signs = _oriented(base.score, scores(subject, base.score, base.site))
    return _ranked(base, subject, score, base.n, signs)


@pick.register
def _(base: words.All, subject: Subject) -> UnitSet:
    claim: Any = base.score
    score, signs = _oriented(claim.measure, scores(subject, claim.measure, base.site))
    subject.rankings[base] = _ranking(score, signs)
    met = [i for i in range(len(score)) if claim.met_by(score[i])]
    return replace(_whole(base.site, subject), orientation=signs).holding(met)


def _oriented(measure: Any, score: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Scores as they are once each unit points in the direction in which its score lies above the centre."""
    if measure.centre is None:
        return score, (1,) * len(score)
    signs = np.where(score < measure.centre, -1, 1)
    return measure.centre + signs * (score - measure.centre), tuple(signs.tolist())


def _ranking(score: Float[np.ndarray, " unit"], signs: Sequence[int]) -> Scores:
    order = [int(i) for i in np.argsort(-score, kind="stable") if math.isfinite(score[i])]
    return Scores([(i, signs[i], float(score[i])) for i in order])


def _ranked(
    base: Any, subject: Subject, score: np.ndarray, number: int, signs: tuple[int, ...] | None = None
) -> UnitSet:
    """The units of the highest scores."""
    whole = _whole(base.place, subject)
    signs = signs or whole.orientation
    subject.rankings[base] = _ranking(score, signs)
    return replace(whole, orientation=signs).holding([i for i, _, _ in subject.rankings[base].scored[:number]])


def kept(keep: float, size: int) -> int:
    """Return how many units of a site to keep: of a share the nearest number, halves up, and at least one."""
    if keep >= 1:
        return min(int(keep), size)
    return max(1, math.floor(keep * size + 0.5))


@pick.register
def _(base: words.SvmRfe, subject: Subject) -> UnitSet:
    with subject.clock.phase("pick"):
        clean, site = subject.clean("discovery"), _whole(base.site, subject)
        known = labelled(base.labels, base.where, clean.sequences)  # type: ignore[arg-type]
        held_out = np.arange(len(clean.sequences.examples)) % HELD_OUT == 0 if base.keep is None else np.zeros(1, bool)
        there, values = known.classes >= 0, clean.values[site.place].astype(float)
        fitted, new = there & ~held_out, there & held_out
        try:
            x, labels = fitted_samples(values[fitted], known.classes[fitted], known.names)
        except Undecidable as error:
            raise Undecidable(f"{base}: {error}") from None
        y = svm_rfe.one_vs_rest(labels[None], len(known.names))
        elimination = svm_rfe.eliminate(svm_rfe.standardised(x, x)[None], y)
        order = elimination.order[0].tolist()
        subject.rankings[base] = Scores([(unit, 1, float(n + 1)) for n, unit in enumerate(order)][::-1])
        if base.keep is not None:
            return site.holding(sorted(order[-kept(base.keep, len(order)) :]))
        judged = svm_rfe.standardised(torch.from_numpy(values[new]), x)[None]
        curve = svm_rfe.held_out(elimination, judged, torch.from_numpy(known.classes[new])[None])
        subject.rankings[base] = replace(subject.rankings[base], curve=curve.accuracy[0].tolist())
        fewest = curve.smallest(base.accuracy or 0.0)[0]
        if fewest is None:
            best = float(curve.accuracy.max())
            raise Undecidable(f"{base}: the labels are read with an accuracy of {best:.3g} at best")
        return site.holding(sorted(order[-fewest:]))


@pick.register
def _(base: words.Top, subject: Subject) -> UnitSet:
    with subject.clock.phase("pick"):
        score = contributions(base.score, base.site, subject)
        return _ranked(base, subject, score, kept(base.keep, len(score)))


@pick.register
def _(base: words.IntegratedGradients, subject: Subject) -> UnitSet:
    candidates = units(base.units, found(base.units, subject), subject.sizes)
    with subject.clock.phase("pick"):
        attributed = attribute(subject, base.outcome, base.at, candidates.place, base.baseline)
        score = attributed.ranking
        order = sorted(candidates.indices, key=lambda i: -score[i])
        scored = [(i, candidates.orientation[i], float(score[i])) for i in order]
        subject.rankings[base] = Scores(scored, float(attributed.error.max()))
        return candidates.holding(order[: kept(base.keep, subject.sizes[candidates.place])])


def contributions(score: Any, site: Site, subject: Subject) -> Float[np.ndarray, " unit"]:
    """Return what each unit adds to the logit of a token at a moment: its value times its read-out weight.

    It is the mean over sequences. A symbol is expected one step before it is read. Of a read-out that is not linear
    the derivative stands for the weight.

    Raises:
        NetworkError: the site is not what the read-out reads.
    """
    last = len(subject.network.model.layers) - 1
    if site.name != "hidden" or layer_of(site) != last:
        raise NetworkError(f"{score}: the read-out reads hidden of layer {last}, not {site}")
    clean, vocabulary = subject.clean("discovery"), subject.network.vocabulary
    examples = clean.sequences.examples
    check_symbols(score, examples)
    at = moments(score.at, clean.sequences) - 1
    asked = [[vocabulary.index(t) for t in tokens(score.what, e) if t in vocabulary] for e in examples]
    used = [n for n, step in enumerate(at) if step > NOWHERE and asked[n]]
    if not used:
        raise Undecidable(f"{score}: {score.at} is in no sequence of the discovery split, or at its first step")
    hidden = torch.from_numpy(clean.values[last, "hidden"][at[used], used]).requires_grad_()
    with torch.enable_grad():
        logits = subject.network.model.read_out(hidden[None])[0]  # type: ignore[attr-defined]
        total = torch.stack([logits[row, asked[n]].sum() for row, n in enumerate(used)]).sum()
        (weight,) = torch.autograd.grad(total, hidden)
    return (hidden.detach() * weight).double().mean(0).numpy()
