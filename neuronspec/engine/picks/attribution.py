"""Attribution: how much of an outcome each unit's state at one step accounts for.

By integrated gradients from a baseline to the values that all units of one place have at the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from neuronspec.engine.numerics.integrated_gradients import TOLERANCE, Integral, integrated_gradients
from neuronspec.engine.picks.onward import Onward, Probability, Target, target
from neuronspec.engine.runs.activations import Activations
from neuronspec.engine.runs.subject import Subject
from neuronspec.engine.runs.tracing import Network
from neuronspec.engine.sequences import NOWHERE, holds, moments
from neuronspec.errors import NetworkError, SpecError, Undecidable, did_you_mean
from neuronspec.language import behaviour_measures as words
from neuronspec.language.expression import Expression
from neuronspec.language.moments import Moment
from neuronspec.language.picks import BASELINES
from neuronspec.networks.cells.cell import Place
from neuronspec.networks.tasks import Example

SMALL = 1e-6
"""Relative errors are divided by at least this: a smaller gain counts as none."""


@dataclass(frozen=True)
class Attribution:
    """How much of an outcome each unit of a place accounts for at a step, in the sequences that have both.

    Args:
        outcome: what was attributed; of a perplexity, which is no sum over sequences, the cross-entropy.
        used: the sequences that the rows of the others are about.
        gained: the outcome at the values minus the outcome at the baseline.
        nodes: at how many points of the path the gradient was taken.
    """

    outcome: Expression
    scores: Float[np.ndarray, "row unit"]
    used: Bool[np.ndarray, " batch"]
    gained: Float[np.ndarray, " row"]
    nodes: Int[np.ndarray, " row"]

    @property
    def ranking(self) -> Float[np.ndarray, " unit"]:
        """The mean score of each unit over the sequences, signed: what units are picked by."""
        return self.scores.mean(0, dtype=float)

    @property
    def error(self) -> Float[np.ndarray, " row"]:
        """How far the sum of each sequence's scores is from the gain."""
        return np.abs(self.scores.sum(1, dtype=float) - self.gained)

    @property
    def complete(self) -> bool:
        """Whether the scores of every sequence add up to within ``TOLERANCE``."""
        return bool((self.error <= TOLERANCE).all())

    @property
    def left_out(self) -> int:
        """How many sequences lack the step, the outcome or the baseline."""
        return int((~self.used).sum())


def attribute(
    subject: Subject,
    outcome: Expression,
    at: Moment,
    place: Place,
    baseline: str = "contrast",
    split: str = "discovery",
    nodes: int | None = None,
) -> Attribution:
    """Return the integrated gradients of an outcome for all units of a place at a moment, teacher-forced.

    Args:
        outcome: ``probability(token, at=)``, or ``cross_entropy()``, summed over what is due from the moment on.
        place: layer and site.
        baseline: ``zero``; ``mean``, over the sequences at their moments; ``pair``, the paired sequence's values at
            its moment; ``past``, the mean over the steps of the sequence itself before the moment; or ``contrast``,
            the mean over the sequences of which the outcome asks another token, or, where it asks the same of all,
            over those in which another token is due.
        nodes: see ``integrated_gradients``.

    Raises:
        SpecError: an outcome that cannot be attributed, an unknown baseline or place.
        Undecidable: no sequence has the moment, the outcome or the baseline; says which.
        NetworkError: a value or a gradient is not finite.
    """
    return attribute_all(subject, [outcome], at, place, baseline, split, nodes)[0]


@torch.inference_mode(False)
def attribute_all(
    subject: Subject,
    outcomes: Sequence[Expression],
    at: Moment,
    place: Place,
    baseline: str = "contrast",
    split: str = "discovery",
    nodes: int | None = None,
) -> list[Attribution]:
    """Attribute several outcomes at once: they share the run, unless each has a contrast of its own.

    See ``attribute`` for the arguments.
    """
    _check(subject, outcomes, place, baseline)
    with subject.clock.phase("pick"):
        state = _step_state(subject, at, place, subject.clean(split))
        targets = [target(outcome, state.run.sequences, subject.network) for outcome in outcomes]
        groups = [[each_target] for each_target in targets] if baseline == "contrast" else [targets]
        return [
            attribution for group in groups for attribution in _attributed(subject, at, state, group, baseline, nodes)
        ]


def _check(subject: Subject, outcomes: Sequence[Expression], place: Place, baseline: str) -> None:
    for outcome in outcomes:
        _check_outcome(outcome)
    if baseline not in BASELINES:
        raise SpecError(f"baseline {baseline!r} does not exist{did_you_mean(baseline, BASELINES)}")
    if baseline == "contrast" and not all(isinstance(outcome, words.probability) for outcome in outcomes):
        raise SpecError("baseline 'contrast': cross_entropy() asks for no token; take 'zero', 'mean' or 'pair'")
    if place not in subject.sizes:
        wanted, *known = (f"{site} of layer {layer}" for layer, site in [place, *subject.sizes])
        raise SpecError(f"{subject.network.name} has no {wanted}{did_you_mean(wanted, known)}")
    if subject.inputs is not None:
        raise SpecError(f"{subject.network.name} reads tensors, and outcomes are about tokens")


def _check_outcome(outcome: Expression) -> None:
    if getattr(outcome, "generates", False):
        raise SpecError(f"{outcome}: no gradient flows through what a network generates; attribute {ATTRIBUTED}")
    if not isinstance(outcome, words.probability | words.cross_entropy | words.perplexity):
        raise SpecError(f"{outcome} is no outcome of a sequence; attribute {ATTRIBUTED}")
    for option in ("under", "network"):
        if getattr(outcome, option) is not None:
            raise SpecError(f"{outcome}: an outcome is attributed in the network's own clean run; leave {option}= out")


ATTRIBUTED = "probability(token, at=...) or cross_entropy()"


@dataclass(frozen=True)
class _StepState:
    """The state of a place at one step of each sequence."""

    run: Activations
    place: Place
    step: Int[np.ndarray, " batch"]

    @property
    def values(self) -> Float[np.ndarray, "batch unit"]:
        """The values at the step; NaN in a sequence that lacks it."""
        taken = self.run.values[self.place][np.maximum(self.step, 0), np.arange(len(self.step))]
        return np.where((self.step != NOWHERE)[:, None], taken, np.nan)


def _step_state(subject: Subject, at: Moment, place: Place, run: Activations) -> _StepState:
    if place not in run.values:
        run = _read(subject, run.sequences.examples, place)
    return _StepState(run, place, moments(at, run.sequences))


def _read(subject: Subject, examples: Sequence[Example], place: Place) -> Activations:
    return Subject(subject.network, examples, examples, [place], subject.clock).clean("verification")


def _attributed(
    subject: Subject, at: Moment, state: _StepState, targets: Sequence[Target], baseline: str, nodes: int | None
) -> list[Attribution]:
    """The attribution of outcomes that share a baseline, and so a run."""
    network = subject.network
    _common(*_steps(at, state, network))
    start = _baseline(baseline, subject, at, state, targets[0])
    used = [_used(at, state, t, start, network) for t in targets]
    sequences = np.flatnonzero(np.any(used, axis=0))
    onward = Onward.of(network, state.run, state.place, state.step, targets, sequences)
    values = torch.from_numpy(state.values[sequences]).to(network.device)
    try:
        integral = integrated_gradients(onward, values, values.new_tensor(start[sequences]), nodes, onward.at_once)
    except NetworkError as error:
        raise NetworkError(f"{network.shown}: {state.place[1]} of layer {state.place[0]}: {error}") from error
    return [_of_target(t.outcome, integral, k, used[k], used[k][sequences]) for k, t in enumerate(targets)]


def _of_target(outcome: Expression, integral: Integral, number: int, used: np.ndarray, rows: np.ndarray) -> Attribution:
    scores, gained = integral.scores[number].cpu().numpy(), integral.gained[number].cpu().numpy()
    return Attribution(outcome, scores[rows], used, gained[rows], integral.nodes.cpu().numpy()[rows])


def _used(
    at: Moment, state: _StepState, target: Target, baseline: np.ndarray, network: Network
) -> Bool[np.ndarray, " batch"]:
    among = np.any(holds(target.outcome.among, state.run.sequences), axis=0)
    return _common(
        *_steps(at, state, network),
        (among, f"{target.outcome.among} occurs in none with {at}"),
        (target.last != NOWHERE, f"{target.outcome} is about none with {at}"),
        (
            target.last >= state.step if network.causal else target.last != NOWHERE,
            f"{target.outcome} is decided before {at}",
        ),
        (np.isfinite(baseline).all(1), f"none has a baseline for {at}"),
    )


def _steps(at: Moment, state: _StepState, network: Network) -> list[tuple[np.ndarray, str]]:
    has_step = state.step != NOWHERE
    return [(has_step, f"{at} is in none"), (state.step >= network.bridge, f"{at} is the bridged state in all")]


def _common(*conditions: tuple[Any, str]) -> Bool[np.ndarray, " batch"]:
    """The sequences that meet all conditions; raises Undecidable with the reason of the first that leaves none."""
    used: np.ndarray = np.ones(len(conditions[0][0]), dtype=bool)
    for meets, reason in conditions:
        used = used & meets
        if not used.any():
            raise Undecidable(f"no sequence to attribute: {reason}")
    return used


# Where the path begins.


def _baseline(
    name: str, subject: Subject, at: Moment, state: _StepState, target: Target
) -> Float[np.ndarray, "batch unit"]:
    values = state.values
    if name == "zero":
        return np.zeros_like(values)
    if name == "mean":
        return np.broadcast_to(np.nanmean(values, 0, dtype=float), values.shape)
    if name == "contrast" and isinstance(target, Probability):
        return _contrast(values, target)
    if name == "past":
        return _past(state, subject.network.bridge)
    return _paired(subject, at, state)


def _paired(subject: Subject, at: Moment, state: _StepState) -> Float[np.ndarray, "batch unit"]:
    examples = state.run.sequences.examples
    has_pair = np.array([e.pair is not None for e in examples])
    if not has_pair.any():
        raise Undecidable("baseline='pair': no sequence has a pair: Example(text, pair=Example(...))")
    try:
        paired_state = _step_state(
            subject, at, state.place, _read(subject, [e.pair or e for e in examples], state.place)
        )
    except Undecidable as error:
        raise Undecidable(f"baseline='pair': in the pairs {error}") from None
    return np.where(has_pair[:, None], paired_state.values, np.nan)


def _past(state: _StepState, bridge: int) -> Float[np.ndarray, "batch unit"]:
    """The mean over the steps before the moment, NaN where there is none; a bridged state is the encoder's."""
    steps = np.arange(state.run.sequences.time)[:, None]
    before = ((steps >= bridge) & (steps < state.step))[..., None]
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(before, state.run.values[state.place], 0).sum(0, dtype=float) / before.sum(0)
    return mean


def _contrast(values: Float[np.ndarray, "batch unit"], target: Probability) -> Float[np.ndarray, "batch unit"]:
    """For each sequence, the mean over those of other classes; see ``attribute``."""
    has_step = np.isfinite(values).all(1)
    known = {tokens: number for number, tokens in enumerate(sorted(set(target.asked) - {()}))}
    asked = np.array([known.get(tokens, NOWHERE) for tokens in target.asked])
    if len(present := np.unique(asked[has_step & (asked != NOWHERE)])) > 1:
        means = np.full((len(known) + 1, values.shape[1]), np.nan)  # the last: of a sequence that asks for none
        for number in present:
            means[number] = values[has_step & (asked != number) & (asked != NOWHERE)].mean(0, dtype=float)
        return means[asked]
    due = has_step & (target.last != NOWHERE)
    other = due & np.array([not set(d) & set(a) for d, a in zip(target.due, target.asked, strict=True)])
    if not other.any() or (other == due).all():
        where = "in none" if other.any() else "wherever it is asked for"
        raise Undecidable(f"baseline='contrast': {target.outcome.what} is due {where}, and there is no other class")
    return np.broadcast_to(values[other].mean(0, dtype=float), values.shape)
