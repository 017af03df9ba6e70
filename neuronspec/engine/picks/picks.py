"""Picks: which units a spec means in one network, found on the discovery split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from neuronspec.engine.measures.evaluate import scores
from neuronspec.engine.measures.fits import fitted_samples, labelled
from neuronspec.engine.measures.of_behaviour import check_symbols, tokens
from neuronspec.engine.numerics import linear_svm
from neuronspec.engine.picks.attribution import attribute
from neuronspec.engine.runs.activations import STATES
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.sequences import moments
from neuronspec.engine.unit_sets import Chosen, Lane, Scores, ScoresByValue, UnitSet, UnitSets, bases, layer_of, units
from neuronspec.errors import NetworkError, Undecidable
from neuronspec.language import picks as words
from neuronspec.language.expression import Expression
from neuronspec.language.units import Site, Unit
from neuronspec.networks.tasks import Example

HELD_OUT = 4
"""Every fourth sequence of the discovery split is held out, to judge how many units an accuracy needs."""


def found(expression: Expression, subject: Subject) -> Lane:
    """Return the units that each pick and named unit of an expression means in a network; each is picked once."""
    for base in bases(expression):
        with subject.shared("pick", base):
            if base not in subject.picks:
                subject.picks[base] = pick(base, subject)
    return {base: subject.picks[base] for base in bases(expression)}


@singledispatch
def pick(base: object, subject: Subject) -> Chosen:
    """Return the units that a pick or a named unit means in a network.

    Raises:
        Undecidable: there is too little on the discovery split to pick by.
    """
    raise NotImplementedError(f"no pick for {base!r}")


def _whole(site: Site, subject: Subject) -> UnitSet:
    """All units of a site."""
    whole = units(site, {}, subject.sizes)
    assert isinstance(whole, UnitSet), "a site is one set"
    return whole


@pick.register
def _pick_unit(base: Unit, subject: Subject) -> UnitSet:
    return replace(_whole(base.site, subject), indices=(base.index,), signs=(base.sign,))


@pick.register
def _pick_best(base: words.Best, subject: Subject) -> UnitSet:
    score, signs = _oriented(base.score, scores(subject, base.score, base.site))
    return _ranked(base, subject, score, base.n, signs)


@pick.register
def _pick_all(base: words.All, subject: Subject) -> UnitSet:
    claim: Any = base.score
    score, signs = _oriented(claim.measure, scores(subject, claim.measure, base.site))
    subject.rankings[base] = _ranking(score, signs)
    met = [i for i in range(len(score)) if claim.met_by(score[i])]
    return replace(_whole(base.site, subject), orientation=signs).holding(met)


def _oriented(measure: Any, score: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Scores after each unit is turned so that its score lies above the centre, and the signs that turn them.

    Example: a correlation of -0.9 becomes 0.9 with sign -1; an AUROC of 0.2, of centre 0.5, becomes 0.8 with sign -1.
    """
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
    whole = _whole(base.of_site, subject)
    signs = signs or whole.orientation
    subject.rankings[base] = ranking = _ranking(score, signs)
    return replace(whole, orientation=signs).holding([i for i, _, _ in ranking.scored[:number]])


def number_to_keep(keep: float, size: int) -> int:
    """Return how many units of a site to keep: a share is rounded to the nearest number, halves up, at least one.

    Example: of 30 units, 0.35 keeps 11 (10.5 rounds up), and 4 keeps 4.
    """
    if keep >= 1:
        return min(int(keep), size)
    return max(1, math.floor(keep * size + 0.5))


@pick.register
def _pick_svm_rfe(base: words.SvmRfe, subject: Subject) -> Chosen:
    symbol = base.by_symbol
    with subject.clock.phase("pick"):
        clean, site = subject.clean("discovery"), _whole(base.site, subject)
        known = labelled(base.labels, base.where, clean.sequences)  # type: ignore[arg-type]
        held_out = np.arange(len(clean.sequences.examples)) % HELD_OUT == 0
        has_label, values = known.classes >= 0, clean.values[site.place].astype(float)
        if site.site not in STATES:  # a gate has no value at a bridged state
            has_label = has_label & (clean.sequences.steps >= subject.network.bridge)
        fitted, judged = has_label & ~held_out, has_label & held_out
        try:
            x, labels = fitted_samples(values[fitted], known.classes[fitted], known.names)
        except Undecidable as error:
            raise Undecidable(f"{base}: {error}") from None
        if not judged.any():
            raise Undecidable(f"{base}: no label in the sequences held out, every {HELD_OUT}th")
        unseen, classes = values[judged], torch.from_numpy(known.classes[judged])
        if symbol is None:
            y, classes = linear_svm.one_vs_rest(labels[None], len(known.names)), classes[None]
        else:  # one problem for each value: that value against all others
            of = torch.arange(len(known.names))[:, None]
            y, classes = ((labels == of).double() * 2 - 1)[:, None], (classes == of).long()
        scored, sets = _eliminated(base, site, y, (x, torch.from_numpy(unseen), classes))
        if symbol is None:
            subject.rankings[base] = scored[0]
            return sets[0]
        subject.rankings[base] = ScoresByValue(symbol.name, {(v,): s for v, s in zip(known.names, scored, strict=True)})
        return UnitSets((symbol.name,), {(v,): s for v, s in zip(known.names, sets, strict=True)})


def _eliminated(
    base: words.SvmRfe, site: UnitSet, y: torch.Tensor, samples: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> tuple[list[Scores], list[UnitSet]]:
    """For each problem the units in reverse order of elimination, and the set that is kept.

    Args:
        samples: those to fit on, those to judge by, and the class numbers of the latter.
    """
    x, judged, classes = samples
    elimination = linear_svm.eliminate(linear_svm.standardised(x, x).expand(len(y), -1, -1), y)
    curve = linear_svm.held_out(elimination, linear_svm.standardised(judged, x).expand(len(y), -1, -1), classes)
    orders, size = elimination.order.flip(1).tolist(), len(site.indices)
    fewest = [number_to_keep(base.keep, size)] * len(y) if base.keep else curve.smallest(base.accuracy or 0.0)
    if None in fewest:
        best = float(curve.accuracy.amax(1).min())
        raise Undecidable(f"{base}: the labels are read with an accuracy of {best:.3g} at best")
    scored = [
        Scores([(unit, 1, float(size - n)) for n, unit in enumerate(order)], curve=accuracy)
        for order, accuracy in zip(orders, curve.accuracy.tolist(), strict=True)
    ]
    return scored, [site.holding(sorted(order[:n])) for order, n in zip(orders, fewest, strict=True)]


@pick.register
def _pick_top(base: words.Top, subject: Subject) -> Chosen:
    with subject.clock.phase("pick"):
        score, examples = contributions(base.score, base.site, subject)
        whole, symbol = _whole(base.site, subject), base.by_symbol
        if symbol is None:
            return _ranked(base, subject, np.nanmean(score, 0), number_to_keep(base.keep, score.shape[1]))
        means = _mean_by_value(score, [example.symbols.get(symbol.name, "") for example in examples])
        return _best_of_each(base, subject, symbol.name, {v: (whole, mean) for v, mean in means.items()})


def _mean_by_value(score: Float[np.ndarray, "batch unit"], value: Sequence[str]) -> dict[tuple[str, ...], np.ndarray]:
    """The mean score of each unit over the sequences of each value."""
    values, scored = np.array(value), np.isfinite(score).all(1)
    return {(v,): score[scored & (values == v)].mean(0) for v in sorted(set(values[scored]) - {""})}


def _best_of_each(
    base: Any,
    subject: Subject,
    name: str,
    by_value: Mapping[tuple[str, ...], tuple[UnitSet, np.ndarray]],
    error: float = math.nan,
) -> UnitSets:
    """Of candidates for each value, the units of the highest scores."""
    rankings, sets = {}, {}
    for value, (candidates, score) in by_value.items():
        order = sorted(candidates.indices, key=lambda i: -score[i])
        rankings[value] = Scores([(i, candidates.orientation[i], float(score[i])) for i in order], error)
        sets[value] = candidates.holding(order[: number_to_keep(base.keep, len(score))])
    subject.rankings[base] = ScoresByValue(name, rankings)
    return UnitSets((name,), sets)


@pick.register
def _pick_integrated_gradients(base: words.IntegratedGradients, subject: Subject) -> Chosen:
    candidates = units(base.units, found(base.units, subject), subject.sizes)
    with subject.clock.phase("pick"):
        attributed = attribute(subject, base.outcome, base.at, candidates.place, base.baseline)
        if isinstance(candidates, UnitSet):
            score, error = attributed.ranking, float(attributed.error.max())
            order = sorted(candidates.indices, key=lambda i: -score[i])
            scored = [(i, candidates.orientation[i], float(score[i])) for i in order]
            subject.rankings[base] = Scores(scored, error)
            return candidates.holding(order[: number_to_keep(base.keep, len(score))])
        name, *other_symbols = candidates.symbols
        if other_symbols:
            names = " and ".join(candidates.symbols)
            several = f"the candidates are for the values of {len(candidates.symbols)} symbols, {names}"
            raise NetworkError(f"{base}: {several}: expected one")
        examples = subject.clean("discovery").sequences.examples
        value = [e.symbols.get(name, "") for e, used in zip(examples, attributed.used, strict=True) if used]
        means = _mean_by_value(attributed.scores, value)
        by_value = {v: (one, means[v]) for v, one in candidates.sets.items() if v in means}
        if not by_value:
            raise Undecidable(f"{base}: no sequence that it is about has units of its own")
        return _best_of_each(base, subject, name, by_value, float(attributed.error.max()))


def contributions(
    score: Any, site: Site, subject: Subject
) -> tuple[Float[np.ndarray, "batch unit"], Sequence[Example]]:
    """Return what each unit adds to the logit of a token at a moment: its value times its read-out weight.

    The sequences are those of the discovery split; one that lacks the moment or the token has NaN. A symbol is
    expected one token before it is read. Where the read-out is not linear, its derivative stands for the weight.

    Raises:
        NetworkError: the site is not what the read-out reads.
    """
    last = len(subject.network.model.layers) - 1
    if site.name != "hidden" or layer_of(site) != last:
        raise NetworkError(f"{score}: the read-out reads hidden of layer {last}, not {site}")
    clean, vocabulary = subject.clean("discovery"), subject.network.vocabulary
    examples = clean.sequences.examples
    check_symbols(score, examples)
    at = moments(score.at, clean.sequences) - 1 + subject.network.bridge
    targets = [[vocabulary.index(t) for t in tokens(score.what, e) if t in vocabulary] for e in examples]
    used = [n for n, step in enumerate(at) if step >= subject.network.bridge and targets[n]]
    if not used:
        raise Undecidable(f"{score}: {score.at} is in no sequence of the discovery split, or at its first step")
    hidden = torch.from_numpy(clean.values[last, "hidden"][at[used], used]).requires_grad_()
    with torch.enable_grad():
        logits = subject.network.model.read_out(hidden[None])[0]  # type: ignore[attr-defined]
        total = torch.stack([logits[row, targets[n]].sum() for row, n in enumerate(used)]).sum()
        (weight,) = torch.autograd.grad(total, hidden)
    contribution = np.full((len(examples), hidden.shape[1]), np.nan)
    contribution[used] = (hidden.detach() * weight).double().numpy()
    return contribution, examples
