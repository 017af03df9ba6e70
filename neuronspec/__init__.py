"""Specs for neurons: state what you believe about the units of a recurrent network, and verify it.

This module holds the words of the language, and ``wrap`` for a network of your own. It loads neither torch nor numpy
(``wrap`` does, when it is first named): pytest imports it in every environment it is installed in.
"""

import importlib as _importlib
import typing as _typing

from neuronspec.language.behaviour_measures import (
    count,
    cross_entropy,
    emits,
    exact_match,
    length,
    perplexity,
    probability,
    step_of,
    task_measure,
)
from neuronspec.language.claims import matched_displacement, refuted, side_effect, unspecific
from neuronspec.language.interventions import (
    add,
    clamp,
    delay,
    freeze,
    interchange,
    keep_only,
    patch,
    quantile,
    set_to,
    to_mean,
    zero,
)
from neuronspec.language.measures import change, moves, shift
from neuronspec.language.moments import end, event, first, last, start
from neuronspec.language.over_seeds import median_over_seeds, share_of_seeds
from neuronspec.language.ready import minimal, necessary, specific, sufficient
from neuronspec.language.signals import (
    after,
    before,
    char,
    count_of,
    depth,
    inside,
    label,
    one_of,
    position,
    regex,
    remaining,
    since,
    steps_to,
    symbol,
    upcoming,
)
from neuronspec.language.sites import (
    candidate,
    cell,
    decoder,
    encoder,
    forget_gate,
    hidden,
    input_gate,
    output_gate,
    reset_gate,
    update_gate,
)
from neuronspec.language.spec import Spec
from neuronspec.language.unit_measures import (
    auprc,
    auroc,
    contribution,
    correlation,
    f1,
    gate_input,
    mean,
    overlap,
    peak,
    probe,
    r2,
    saturation,
    share,
    size,
    spread,
)
from neuronspec.language.units import each, increments, others


def __getattr__(name: str) -> _typing.Any:
    if name == "wrap":
        return _importlib.import_module("neuronspec.notebook").wrap
    raise AttributeError(f"module 'neuronspec' has no attribute {name!r}")


__all__ = [
    "Spec",
    "add",
    "after",
    "auprc",
    "auroc",
    "before",
    "candidate",
    "cell",
    "change",
    "char",
    "clamp",
    "contribution",
    "correlation",
    "count",
    "count_of",
    "cross_entropy",
    "decoder",
    "delay",
    "depth",
    "each",
    "emits",
    "encoder",
    "end",
    "event",
    "exact_match",
    "f1",
    "first",
    "forget_gate",
    "freeze",
    "gate_input",
    "hidden",
    "increments",
    "input_gate",
    "inside",
    "interchange",
    "keep_only",
    "label",
    "last",
    "length",
    "matched_displacement",
    "mean",
    "median_over_seeds",
    "minimal",
    "moves",
    "necessary",
    "one_of",
    "others",
    "output_gate",
    "overlap",
    "patch",
    "peak",
    "perplexity",
    "position",
    "probability",
    "probe",
    "quantile",
    "r2",
    "refuted",
    "regex",
    "remaining",
    "reset_gate",
    "saturation",
    "set_to",
    "share",
    "share_of_seeds",
    "shift",
    "side_effect",
    "since",
    "size",
    "specific",
    "spread",
    "start",
    "step_of",
    "steps_to",
    "sufficient",
    "symbol",
    "task_measure",
    "to_mean",
    "unspecific",
    "upcoming",
    "update_gate",
    "zero",
]
