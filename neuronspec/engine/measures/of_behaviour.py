"""Measures of behaviour: of what the network generates, and of what it expects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import singledispatch

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor, nn

from neuronspec.engine.measures.estimates import Estimate, per_sequence, ratio
from neuronspec.engine.measures.view import View, estimate
from neuronspec.engine.runs.activations import Activations
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.sequences import NOWHERE, Sequences, holds, moments
from neuronspec.errors import Undecidable, did_you_mean
from neuronspec.language import behaviour_measures as words
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression
from neuronspec.language.moments import Shifted
from neuronspec.language.signals import char, one_of, symbol
from neuronspec.networks.tasks import Completion, Example, joined
from neuronspec.networks.training import IGNORED

# Of what the network generates: one value per sequence.


@singledispatch
def of_completion(measure: object, run: Completion, example: Example, at: int) -> float:
    """Return a measure of what the network generated from the prompt of an example; NaN where it has none.

    Args:
        at: the step of the moment that the measure asks for, see ``steps_asked``.
    """
    raise NotImplementedError(f"no measure of a run for {measure!r}")


@of_completion.register
def _exact_match_of_completion(measure: words.exact_match, run: Completion, example: Example, at: int) -> float:
    return run.exact


@of_completion.register(words.length)
@of_completion.register(words.count)
def _number_of_tokens(measure: words.length | words.count, run: Completion, example: Example, at: int) -> float:
    if measure.what is None:
        return len(run.came)
    if isinstance(measure.what, char | symbol):
        counted = tokens(measure.what, example)
        return sum(run.came.count(token) for token in counted) if counted else math.nan
    text = Sequences([Example(joined(run.prompt, run.came))])
    return float(holds(measure.what, text)[len(run.prompt) :].sum())


@of_completion.register
def _step_of_of_completion(measure: words.step_of, run: Completion, example: Example, at: int) -> float:
    wanted = tokens(measure.what, example)
    return next((len(run.prompt) + i for i, token in enumerate(run.said) if token in wanted), math.nan)


@of_completion.register
def _emits_of_completion(measure: words.emits, run: Completion, example: Example, at: int) -> float:
    step, wanted = at - len(run.prompt), tokens(measure.what, example)
    if step < 0 or not wanted:  # the sequence lacks the moment or the symbol, or is given as far as that
        return math.nan
    return step < len(run.said) and run.said[step] in wanted


def steps_asked(measure: Expression, examples: Sequence[Example]) -> list[int]:
    """Return the step in each example of the moment that a measure asks for; NOWHERE where it asks for none."""
    return _steps_of(measure.at, examples) if isinstance(measure, words.emits) else [NOWHERE] * len(examples)


def _steps_of(moment: object, examples: Sequence[Example]) -> list[int]:
    """The step of a moment; what a network generates may go on beyond the end of what is due."""
    if isinstance(moment, Shifted):
        inner = _steps_of(moment.moment, examples)
        return [NOWHERE if step == NOWHERE else max(NOWHERE, step + moment.steps) for step in inner]
    return moments(moment, Sequences(examples)).tolist()


def tokens(what: Expression, example: Example) -> tuple[str, ...]:
    """Return the tokens that a character, ``one_of`` or a symbol stands for; none where a sequence lacks the symbol."""
    if isinstance(what, char):
        return (what.symbol,)
    if isinstance(what, one_of):
        return tuple(what.symbols)
    return tuple(v for name, v in example.symbols.items() if name == what.name)  # type: ignore[attr-defined]


def check_symbols(measure: Expression, examples: Sequence[Example]) -> None:
    """Raise Undecidable for a symbol that no sequence has."""
    known = {name for example in examples for name in example.symbols}
    for part in measure.operands():
        if isinstance(part, symbol) and part.name not in known:
            raise Undecidable(f"the task gives no symbol {part.name!r}{did_you_mean(part.name, known)}")


def self_generated(subject: Subject, examples: Sequence[Example], wanted: Sequence[Claim]) -> list[Example | None]:
    """Return examples with the texts that the network generates; None where a run does not meet every wanted claim.

    Events and symbols describe the prompt, and stay; labels describe the text that was due, and are dropped.
    """
    runs = replace(subject, verification=tuple(examples), whole=None).completions()
    try:
        steps = [steps_asked(claim.measure, examples) for claim in wanted]
    except Undecidable:  # none has the moment
        return [None] * len(examples)
    generated: list[Example | None] = []
    for number, (run, example) in enumerate(zip(runs, examples, strict=True)):
        values = (of_completion(c.measure, run, example, at[number]) for c, at in zip(wanted, steps, strict=True))
        met = all(claim.met_by(float(value)) for claim, value in zip(wanted, values, strict=True))
        text = joined(run.prompt, run.came)
        events = {name: step for name, step in example.events.items() if step < len(text)}
        generated.append(replace(example, text=text, events=events, labels={}) if met else None)
    return generated


@estimate.register(words.exact_match)
@estimate.register(words.length)
@estimate.register(words.count)
@estimate.register(words.step_of)
@estimate.register(words.emits)
def _estimate_from_runs(measure: words.Behaviour, view: View) -> Estimate:
    numbers, used = of_runs(measure, view)
    among = among_those(measure, used, view)
    return per_sequence(numbers, among, yes_no=isinstance(measure, words.exact_match | words.emits))


def among_those(measure: words.Behaviour, used: Bool[np.ndarray, " batch"], view: View) -> Bool[np.ndarray, " batch"]:
    """The sequences in which an edit could be made, and where ``among`` holds at some step."""
    if not used.any():
        raise Undecidable(f"no sequence to measure: {measure.under} could be made in none")
    among: np.ndarray = np.any(holds(measure.among, view.sequences), axis=0)
    if not (used & among).any():
        raise Undecidable(f"no sequence to measure: {measure.among} occurs in none")
    return used & among


def of_runs(measure: words.Behaviour, view: View) -> tuple[Float[np.ndarray, "lane batch"], Bool[np.ndarray, " batch"]]:
    """Return the value of a measure in each sequence on every lane, and the sequences that an edit could be made in."""
    examples = view.subject.verification
    check_symbols(measure, examples)
    steps = steps_asked(measure, examples)
    if measure.under is None:
        runs, used = [view.subject.completions()], np.ones(len(examples), dtype=bool)
    else:
        runs, used = view.subject.edited_completions(measure.under, view.lanes)
    if not view.subject.network.ends:
        used = used & np.array([len(example.text) > example.prompt for example in examples])
        if not used.any():
            raise Undecidable("no sequence to measure: all are given to the end, and there is nothing to say")
    numbers = [
        [of_completion(measure, run, e, at) for run, e, at in zip(lane, examples, steps, strict=True)] for lane in runs
    ]
    if isinstance(measure, words.emits) and np.isnan(numbers).all():
        raise Undecidable(f"no sequence to measure: {measure.at} is in none, or lies within the prompt")
    return np.array(numbers, dtype=float), used


# Of what the network expects: teacher-forced.


def _readings(measure: words.Behaviour, view: View) -> tuple[Iterator[Activations], Bool[np.ndarray, " batch"]]:
    """The run over the sequences on every lane, and the sequences that count."""
    if measure.under is None:
        runs, used = iter([view.subject.clean(view.split)]), np.ones(len(view.sequences.examples), dtype=bool)
    else:
        runs, used = view.subject.edited(measure.under, view.lanes)
    return runs, among_those(measure, used, view)


@estimate.register(words.cross_entropy)
@estimate.register(words.perplexity)
def _estimate_cross_entropy(measure: words.Behaviour, view: View) -> Estimate:
    runs, among = _readings(measure, view)
    due = view.subject.network.due(view.sequences.examples)
    counted = np.where(among, (due != IGNORED).sum(0).cpu().numpy(), 0.0)
    losses = np.stack([_losses(run.logits, due) for run in runs])
    parts = np.stack([np.where(among, losses, 0.0), np.broadcast_to(counted, losses.shape)], -1)
    return Estimate(parts, ratio if isinstance(measure, words.cross_entropy) else _perplexity)


def _losses(logits: Tensor, due: Tensor) -> Float[np.ndarray, " batch"]:
    """The negative log probability of what was due, summed over each sequence."""
    losses = nn.functional.cross_entropy(logits.flatten(0, 1), due.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view(due.shape).double().sum(0).cpu().numpy()


def _perplexity(totals: np.ndarray) -> np.ndarray:
    return np.exp(ratio(totals))


@estimate.register
def _estimate_probability(measure: words.probability, view: View) -> Estimate:
    runs, among = _readings(measure, view)
    examples, network = view.sequences.examples, view.subject.network
    check_symbols(measure, examples)
    step = moments(measure.at, view.sequences) - 1 + network.bridge  # it is expected one token before it is read
    is_target = np.zeros((len(examples), len(network.vocabulary)))
    for row, example in zip(is_target, examples, strict=True):
        row[[token in tokens(measure.what, example) for token in network.vocabulary]] = 1
    batch = np.arange(len(examples))
    expected = [run.logits[np.maximum(step, 0), batch].double().softmax(-1).cpu().numpy() for run in runs]
    expects = among & (step >= network.bridge)
    if not expects.any():
        raise Undecidable(f"no sequence to measure: {measure.at} is in none, or at its first step")
    return per_sequence((np.stack(expected) * is_target).sum(-1), expects & is_target.any(1))
