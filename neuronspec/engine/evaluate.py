"""Measures -> estimates, for the claimed units and for all that stands in for them at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from neuronspec.engine.patching import Clean
from neuronspec.engine.picks import Lane, UnitSet, units
from neuronspec.engine.signals import Sequences, holds, moments, values
from neuronspec.engine.statistics import Estimate, per_sequence, ratio
from neuronspec.engine.subject import Subject
from neuronspec.errors import Undecidable, did_you_mean
from neuronspec.language import measures as words
from neuronspec.language.expression import Expression
from neuronspec.language.signals import char, one_of, symbol
from neuronspec.language.units import Site
from neuronspec.networks.tasks import Example, Generated
from neuronspec.networks.training import IGNORED, encode

STATES = ("hidden", "cell")

TINY = 1e-13
"""A variance below this share of the largest square is rounding of float32: the values are constant."""


@dataclass(frozen=True)
class View:
    """What a measure is taken on: a network, a split of its sequences, and lanes of unit sets."""

    subject: Subject
    lanes: Sequence[Lane]
    split: str = "verification"

    @property
    def sequences(self) -> Sequences:
        return self.subject.clean(self.split).sequences

    def sets(self, of: Expression) -> list[UnitSet]:
        """The units on each lane."""
        return [units(of, lane, self.subject.sizes) for lane in self.lanes]


def scores(subject: Subject, measure: Expression, site: Site) -> Float[np.ndarray, " unit"]:
    """Return a measure of every unit of a site, on the discovery split."""
    with subject.clock.phase("pick"):
        whole = units(site, {}, subject.sizes)
        singles: list[Lane] = [{_SCORED: replace(whole, indices=(i,), signs=(1,))} for i in whole.indices]
        view = View(subject, singles, "discovery")
        return estimate(replace(measure, of=_SCORED), view).values


_SCORED = Site("hidden")[0]
"""Stands for the one unit of a lane while every unit of a site is scored."""


@singledispatch
def estimate(measure: object, view: View) -> Estimate:
    """Return the estimate of a measure on every lane of a view.

    Raises:
        Undecidable: what the measure is about never occurs.
    """
    raise NotImplementedError(f"no estimate for {measure!r}")


# Of units: [lane sequence part], where a part is a sum over the steps of one sequence.


def activations(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the units of each lane, signed, and the steps at which they count.

    Returns:
        ``[lane time batch unit]``, NaN beyond the units that a lane has; and ``[time batch]``, true where
        ``where`` holds and the edit, if any, could be made.
    """
    sets = view.sets(measure.of)  # type: ignore[arg-type]
    kept = holds(measure.where, view.sequences)
    if measure.under is None:
        clean = view.subject.clean(view.split)
        runs = iter([clean] * len(sets))
    else:
        places = {chosen.place for chosen in sets}
        runs, used = view.subject.edited(measure.under, view.lanes, places)
        kept = kept & used
    moved = sets[0].moved
    if moved and sets[0].site not in STATES:  # a state begins at 0; a gate has no value before the first step
        kept = kept & (view.sequences.steps > 0)
    if not kept.any():
        raise Undecidable(f"no step to measure at: {_why_no_step(measure)}")
    widest = max(len(chosen.indices) for chosen in sets)
    laid = np.full((len(sets), *kept.shape, widest), np.nan)
    for lane, (chosen, run) in enumerate(zip(sets, runs, strict=True)):
        own = run.values[chosen.place][..., list(chosen.indices)] * np.array(chosen.signs, dtype=float)
        laid[lane, ..., : len(chosen.indices)] = np.diff(own, axis=0, prepend=0.0) if moved else own
    return laid, kept


def _why_no_step(measure: words.UnitMeasure) -> str:
    if measure.where is None:
        return f"{measure.under} could be made in no sequence"
    return f"{measure.where} never holds"


def _one_unit(measure: words.UnitMeasure, view: View) -> tuple[np.ndarray, np.ndarray]:
    laid, kept = activations(measure, view)
    if laid.shape[-1] == 0:
        return np.full(laid.shape[:-1], np.nan), kept
    return laid[..., 0], kept


def _sums(kept: np.ndarray, *terms: np.ndarray) -> np.ndarray:
    """Sum each term over the steps that count: ``[lane time batch]`` -> ``[lane batch part]``."""
    return np.stack([np.where(kept, term, 0.0).sum(-2) for term in np.broadcast_arrays(*terms)], -1)


@estimate.register
def _(measure: words.correlation, view: View) -> Estimate:
    x, kept = _one_unit(measure, view)
    y = values(measure.signal, view.sequences)
    kept = kept & np.isfinite(y)
    y = np.where(kept, y, 0.0)
    _want_variety(measure.signal, y[kept])
    y = (y - y[kept].mean()) / np.abs(y[kept] - y[kept].mean()).max()
    largest = np.where(kept, np.abs(x), 0.0).max((1, 2), keepdims=True)
    x = x - np.where(kept, x, 0.0).sum((1, 2), keepdims=True) / kept.sum()
    x = np.divide(x, largest, out=np.zeros_like(x), where=largest > 0)
    return Estimate(_sums(kept, np.ones_like(x), x, y, x * x, y * y, x * y), _pearson)


def _want_variety(signal: Expression, seen: np.ndarray) -> None:
    if not len(seen):
        raise Undecidable(f"{signal} is defined at no step that counts")
    if (seen == seen[0]).all():
        what = "never holds" if seen[0] == 0 else "always holds"
        constant = what if "condition" in signal.kinds else f"is always {seen[0]:g}"
        raise Undecidable(f"{signal} {constant} at the steps that count")


def _pearson(totals: np.ndarray) -> np.ndarray:
    n, x, y, xx, yy, xy = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        vx, vy = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
        r = (xy / n - x * y / n**2) / np.sqrt(vx * vy)
    return np.where((vx > TINY) & (vy > TINY), r, np.nan)


@estimate.register
def _(measure: words.mean, view: View) -> Estimate:
    laid, kept = activations(measure, view)
    present = np.isfinite(laid)
    return Estimate(_sums(kept, np.where(present, laid, 0.0).sum(-1), present.sum(-1)))


@estimate.register
def _(measure: words.spread, view: View) -> Estimate:
    x, kept = _one_unit(measure, view)
    finish = _relative_deviation if measure.relative else _deviation
    return Estimate(_sums(kept, np.ones_like(x), x, x * x), finish)


def _deviation(totals: np.ndarray) -> np.ndarray:
    n, x, xx = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.maximum(xx / n - (x / n) ** 2, 0.0))


def _relative_deviation(totals: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return _deviation(totals) / np.abs(totals[..., 1] / totals[..., 0])


@estimate.register
def _(measure: words.saturation, view: View) -> Estimate:
    laid, kept = activations(measure, view)
    far = np.abs(laid)
    if measure.relative:
        largest = np.where(kept[..., None], far, 0.0).max((1, 2), keepdims=True)
        far = np.divide(far, largest, out=np.full_like(far, np.nan), where=largest > 0)
    present = np.isfinite(far)
    extreme = present & ((far <= measure.low) | (far >= measure.high))
    return Estimate(_sums(kept, extreme.sum(-1).astype(float), present.sum(-1)))


@estimate.register
def _(measure: words.size, view: View) -> Estimate:
    sizes = np.array([len(chosen.indices) for chosen in view.sets(measure.units)], dtype=float)
    batch = len(view.sequences.examples)
    return per_sequence(np.repeat(sizes[:, None], batch, 1), np.ones(batch, dtype=bool))


# Of what the network generates: one value per sequence.


@singledispatch
def of_run(measure: object, run: Generated, example: Example) -> float:
    """Return a measure of what the network generated from the prompt of an example; NaN where it has none."""
    raise NotImplementedError(f"no measure of a run for {measure!r}")


@of_run.register
def _(measure: words.exact_match, run: Generated, example: Example) -> float:
    return run.exact


@of_run.register(words.length)
@of_run.register(words.count)
def _(measure: words.length | words.count, run: Generated, example: Example) -> float:
    if measure.what is None:
        return len(run.came)
    if isinstance(measure.what, char | symbol):
        wanted = tokens(measure.what, example)
        return sum(run.came.count(token) for token in wanted) if wanted else math.nan
    text = Sequences([Example(run.prompt + run.came)])
    return float(holds(measure.what, text)[len(run.prompt) :].sum())


@of_run.register
def _(measure: words.step_of, run: Generated, example: Example) -> float:
    wanted = tokens(measure.what, example)
    return next((len(run.prompt) + i for i, token in enumerate(run.came) if token in wanted), math.nan)


@of_run.register
def _(measure: words.emits, run: Generated, example: Example) -> float:
    step, wanted = example.events[_AT] - len(run.prompt), tokens(measure.what, example)
    if step < 0 or not wanted:  # the sequence lacks the moment or the symbol, or is given as far as that
        return math.nan
    return step < len(run.came) and run.came[step] in wanted


_AT = "at"
"""The event that stands for the moment a measure asks for."""


def tokens(what: Expression, example: Example) -> str:
    """Return the tokens that a character, ``one_of`` or a symbol stands for; none where a sequence lacks the symbol."""
    if isinstance(what, char):
        return what.symbol
    if isinstance(what, one_of):
        return what.symbols
    return example.symbols.get(what.name, "")  # type: ignore[attr-defined]


def _check_symbols(measure: Expression, examples: Sequence[Example]) -> None:
    """Raise Undecidable for a symbol that no sequence has."""
    known = {name for example in examples for name in example.symbols}
    for part in measure.parts():
        if isinstance(part, symbol) and part.name not in known:
            raise Undecidable(f"the task gives no symbol {part.name!r}{did_you_mean(part.name, known)}")


@estimate.register(words.exact_match)
@estimate.register(words.length)
@estimate.register(words.count)
@estimate.register(words.step_of)
@estimate.register(words.emits)
def _(measure: words.Behaviour, view: View) -> Estimate:
    numbers, used = _of_runs(measure, view)
    among = _among(measure, used, view)
    return per_sequence(numbers, among, yes_no=isinstance(measure, words.exact_match | words.emits))


def _among(measure: words.Behaviour, used: Bool[np.ndarray, " batch"], view: View) -> Bool[np.ndarray, " batch"]:
    """The sequences that an edit could be made in, and that are asked for."""
    if not used.any():
        raise Undecidable(f"no sequence to measure: {measure.under} could be made in none")
    asked: np.ndarray = np.any(holds(measure.among, view.sequences), axis=0)
    if not (used & asked).any():
        raise Undecidable(f"no sequence to measure: {measure.among} occurs in none")
    return used & asked


def _of_runs(
    measure: words.Behaviour, view: View
) -> tuple[Float[np.ndarray, "lane batch"], Bool[np.ndarray, " batch"]]:
    examples = view.subject.verification
    _check_symbols(measure, examples)
    if isinstance(measure, words.emits):
        at = moments(measure.at, Sequences(examples)).tolist()
        examples = [replace(e, events={_AT: step}) for e, step in zip(examples, at, strict=True)]
    if measure.under is None:
        runs, used = [view.subject.runs()], np.ones(len(examples), dtype=bool)
    else:
        runs, used = view.subject.edited_runs(measure.under, view.lanes)
    if not view.subject.network.ends:
        used = used & np.array([len(example.text) > example.prompt for example in view.subject.verification])
        if not used.any():
            raise Undecidable("no sequence to measure: all are given to the end, and there is nothing to say")
    numbers = [[of_run(measure, run, e) for run, e in zip(lane, examples, strict=True)] for lane in runs]
    if isinstance(measure, words.emits) and np.isnan(numbers).all():
        raise Undecidable(f"no sequence to measure: {measure.at} is in none, or lies within the prompt")
    return np.array(numbers, dtype=float), used


# Of what the network expects: teacher-forced.


def _readings(measure: words.Behaviour, view: View) -> tuple[Iterator[Clean], Bool[np.ndarray, " batch"]]:
    """The run over the sequences on every lane, and the sequences that count."""
    if measure.under is None:
        runs, used = iter([view.subject.clean(view.split)]), np.ones(len(view.sequences.examples), dtype=bool)
    else:
        runs, used = view.subject.edited(measure.under, view.lanes)
    return runs, _among(measure, used, view)


@estimate.register(words.cross_entropy)
@estimate.register(words.perplexity)
def _(measure: words.Behaviour, view: View) -> Estimate:
    runs, among = _readings(measure, view)
    network = view.subject.network
    _, due = encode(view.sequences.examples, network.vocabulary, network.ends)
    given = torch.tensor([example.prompt for example in view.sequences.examples])
    due[torch.arange(len(due)).unsqueeze(1) + 1 < given] = IGNORED  # what is given is not expected
    counted = np.where(among, (due != IGNORED).sum(0).numpy(), 0.0)
    losses = np.stack([_losses(run.logits, due) for run in runs])
    parts = np.stack([np.where(among, losses, 0.0), np.broadcast_to(counted, losses.shape)], -1)
    return Estimate(parts, ratio if isinstance(measure, words.cross_entropy) else _perplexity)


def _losses(logits: Tensor, due: Tensor) -> Float[np.ndarray, " batch"]:
    """The negative log probability of what was due, summed over each sequence."""
    each = nn.functional.cross_entropy(
        logits.flatten(0, 1), due.to(logits.device).flatten(), ignore_index=IGNORED, reduction="none"
    )
    return each.view(due.shape).double().sum(0).cpu().numpy()


def _perplexity(totals: np.ndarray) -> np.ndarray:
    return np.exp(ratio(totals))


@estimate.register
def _(measure: words.probability, view: View) -> Estimate:
    runs, among = _readings(measure, view)
    examples, network = view.sequences.examples, view.subject.network
    _check_symbols(measure, examples)
    step = moments(measure.at, view.sequences) - 1  # a symbol is expected one step before it is read
    asked = np.zeros((len(examples), len(network.vocabulary)))
    for row, example in zip(asked, examples, strict=True):
        row[[token in tokens(measure.what, example) for token in network.vocabulary]] = 1
    batch = np.arange(len(examples))
    expected = [run.logits[np.maximum(step, 0), batch].double().softmax(-1).cpu().numpy() for run in runs]
    if not (among & (step >= 0)).any():
        raise Undecidable(f"no sequence to measure: {measure.at} is in none, or at its first step")
    return per_sequence((np.stack(expected) * asked).sum(-1), among & (step >= 0) & asked.any(1))


# Differences.


def _edited(measure: words.Difference) -> words.Measure:
    return replace(measure.measure, under=measure.under)


def _both(measure: words.Difference, view: View) -> tuple[Estimate, Estimate]:
    """The edited and the clean measure, on the sequences that have both."""
    edited, clean = estimate(_edited(measure), view), estimate(measure.measure, view)
    both = np.any(edited.parts, axis=-1, keepdims=True) & np.any(clean.parts, axis=-1, keepdims=True)
    return replace(edited, parts=edited.parts * both), replace(clean, parts=clean.parts * both)


@estimate.register
def _(measure: words.Gap, view: View) -> Estimate:
    return estimate(measure.left, view).minus(estimate(measure.right, view))


@estimate.register
def _(measure: words.shift, view: View) -> Estimate:
    edited, clean = _both(measure, view)
    return edited.minus(clean)


@estimate.register
def _(measure: words.change, view: View) -> Estimate:
    edited, clean = _both(measure, view)
    return edited.relative_to(clean)


@estimate.register
def _(measure: words.moves, view: View) -> Estimate:
    clean, _ = _of_runs(measure.measure, view)
    edited, possible = _of_runs(_edited(measure), view)  # type: ignore[arg-type]
    used = _among(_edited(measure), possible, view)  # type: ignore[arg-type]
    return per_sequence((edited - clean == measure.by).astype(float), used & np.isfinite(clean[0]), yes_no=True)
