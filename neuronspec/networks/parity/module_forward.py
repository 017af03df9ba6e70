"""The network against the module as its user calls it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import nan
from typing import Any

import torch
from torch import Tensor, nn

from neuronspec.networks.parity.comparison import LOGITS, Finding, allowed_difference
from neuronspec.networks.restoring import evaluating, same_randomness, without_warnings
from neuronspec.networks.wrap import Adapted

UNCHANGING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Identity)  # in eval mode


def forward_is_adapted(adapted: Adapted, inputs: Tensor, forward: Callable[[Tensor], Any] | None) -> Finding:
    """Compare our answer with the module's; the difference is NaN where it gives nothing that could be compared."""
    hidden = (len(adapted.layers) - 1, "hidden")
    logits, _, recorded = adapted(inputs, record=[hidden])
    ours = logits if logits.shape[-1] else recorded[hidden]
    allowed = allowed_difference([ours])
    difference = _nearest(adapted, forward, inputs, ours, adapted.batch_first)
    if difference is None or difference.largest <= allowed:
        return (nan if difference is None else difference.largest), None
    transposed = _nearest(adapted, forward, inputs, ours, not adapted.batch_first)
    if transposed is None or transposed.largest > allowed:
        return difference.largest, adapted.error(_disagreement(adapted, difference))
    axes, other = ("time batch", "batch time") if adapted.batch_first else ("batch time", "time batch")
    reads = f"the module's own forward reads [{axes}], and not [{other}]"
    return difference.largest, adapted.error(f"{reads}: wrap(module, batch_first={not adapted.batch_first})")


@dataclass
class _Difference:
    largest: float
    step: int


def _nearest(
    adapted: Adapted, forward: Callable[[Tensor], Any] | None, inputs: Tensor, ours: Tensor, batch_first: bool
) -> _Difference | None:
    """The difference between the module's answer and ours, in the layout and scale in which it is smallest."""
    answer = _answer(adapted, forward, inputs.transpose(0, 1) if batch_first else inputs)
    if answer is None:
        return None
    # Many modules answer with probabilities, or their logarithms, where we have logits.
    scales = (ours, ours.log_softmax(-1), ours.softmax(-1)) if adapted.symbols else (ours,)
    differences = []
    for (first, laid_out), scaled in product(_layouts(answer, *ours.shape), scales):
        by_step = (laid_out - scaled[first:]).abs().nan_to_num(nan=torch.inf).amax((1, 2))
        step = int((by_step > allowed_difference([ours])).nonzero()[:1].sum())
        differences.append(_Difference(float(by_step.max()), first + step))
    return min(differences, key=lambda difference: difference.largest, default=None)


def _answer(adapted: Adapted, replacement: Callable[[Tensor], Any] | None, inputs: Tensor) -> Tensor | None:
    """The answer of a copy of the module: a forward may keep states, and change them."""
    try:
        forward = replacement or copy.deepcopy(adapted.module)
        with same_randomness(inputs.device), evaluating(forward, adapted.module), without_warnings():
            return _first_tensor(forward(inputs, *_missing_states(forward)))
    except Exception:  # a user's forward may require more than inputs alone
        return None


def _missing_states(forward: Callable[..., Any]) -> list[None]:
    """None for each required argument beside the inputs: it is mostly a state, and None then means zeros."""
    parameters = inspect.signature(getattr(forward, "forward", forward)).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.default is p.empty and p.kind in positional]
    return [None] * (len(required) - 1)


def _first_tensor(answer: object) -> Tensor | None:
    """The logits of an answer: the answer itself, its first tensor, or the one that is named so."""
    if isinstance(answer, Tensor):
        return answer if answer.is_floating_point() else None
    if isinstance(answer, Mapping):
        answer = [answer[LOGITS]] if LOGITS in answer else list(answer.values())
    if isinstance(answer, list | tuple):
        return next((tensor for part in answer if (tensor := _first_tensor(part)) is not None), None)
    return _first_tensor(getattr(answer, LOGITS)) if hasattr(answer, LOGITS) else None


def _layouts(answer: Tensor, time: int, batch: int, size: int) -> Iterator[tuple[int, Tensor]]:
    """The answer as ``[time batch symbol]`` from some step on, for every layout that it could have."""
    shape = tuple(answer.shape)
    if shape == (time, batch, size):
        yield 0, answer
    if shape == (batch, time, size):
        yield 0, answer.transpose(0, 1)
    if shape == (time * batch, size):
        yield 0, answer.unflatten(0, (time, batch))
        yield 0, answer.unflatten(0, (batch, time)).transpose(0, 1)
    if shape == (batch, size):
        yield time - 1, answer.unsqueeze(0)


def _disagreement(adapted: Adapted, difference: _Difference) -> str:
    used = [part for part in (*adapted.recurrent, adapted.embedding, adapted.head) if isinstance(part, nn.Module)]
    inner = {id(part) for whole in used for part in whole.modules()}
    left_out = [
        f"{name}: {type(part).__name__}"
        for name, part in adapted.module.named_modules()
        if id(part) not in inner and not any(part.children()) and not isinstance(part, UNCHANGING)
    ]
    listed = f" ({', '.join(left_out)})" if left_out else ""
    what, path = ("logits", " → read-out") if adapted.symbols else ("hidden states", "")
    return (
        f"the module's own forward gives other {what} (by {difference.largest:.2g}, first at step {difference.step}) "
        f"than embedding → recurrent{path}: something between them is left out{listed}; "
        "name the parts, e.g. wrap(module, read_out=lambda hidden: ...)"
    )
