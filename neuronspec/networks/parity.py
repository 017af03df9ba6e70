"""Proof that a network in steps is the network it was made from, before anything is said about it.

Stepped and fused, batched and one at a time, padded and not, with an edit that changes nothing and without: all give
the same values at every site of every step.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isnan, nan
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from neuronspec.errors import NetworkError
from neuronspec.networks.cells.cell import Edit, Place
from neuronspec.networks.models import LanguageModel, Model
from neuronspec.networks.recurrent import Layer, Recurrent, run
from neuronspec.networks.restoring import evaluating, full_precision, same_randomness, without_warnings
from neuronspec.networks.wrap import Adapted

ALLOWED = {torch.float32: 1e-5, torch.float64: 1e-9}
"""Largest difference, times the largest value where that is above 1."""

PREFIXES = 8
PADDING = 2
LOGITS = "logits"
QUIET = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Identity)  # change nothing in eval mode

Values: TypeAlias = dict[Place, Tensor]
"""What each site of each layer, and the read-out after the last, gives: ``[time batch unit]``."""

Finding: TypeAlias = tuple[float, NetworkError | None]
"""How far two runs lie apart, and what to say where that is too far."""


def check(
    model: Model,
    inputs: Shaped[Tensor, "time batch *features"],
    lengths: Int[Tensor, " batch"],
    *,
    fused: Sequence[nn.Module | None] | None = None,
    own: Callable[[Tensor], Any] | None = None,
) -> dict[str, float]:
    """Return the largest difference of each check that the network allows, by the name of the check.

    ``stepped = fused`` is left out where there is no fused form, ``module's own forward`` where the model is no
    user's module; that is NaN where it cannot be copied or called with the inputs alone, or gives nothing like logits.

    Args:
        model: one network, not replicates.
        inputs: tokens or features; a few short sequences are enough (``sample``).
        lengths: of each sequence.
        fused: torch's own form of each recurrent part, None for a layer that has none; by itself the user's own
            modules, or those of torch with the same weights.
        own: takes the place of the module's forward, and is called with inputs in the module's own layout.

    Raises:
        NetworkError: where a difference is above 1e-5 of the largest value, or of 1 (1e-9 in float64); or where the
            network gives NaN or infinity. A network with large weights may magnify float32's rounding above that: a
            difference that is gone in a copy in float64 is let pass, where such a copy can be made.
    """
    with torch.no_grad(), full_precision(inputs.device), same_randomness(inputs.device):
        forms = _fused_forms(model) if fused is None else fused
        found = _findings(model, inputs, lengths, forms, own)
        faults = {name: fault for name, (_, fault) in found.items() if fault is not None}
        real = _faults_in_double(model, inputs, lengths, forms, own) if faults else None
        for name, fault in faults.items():
            if real is None or name in real:
                raise fault
    return {name: largest for name, (largest, _) in found.items()}


def _findings(
    model: Model, inputs: Tensor, lengths: Tensor, forms: Sequence[nn.Module | None], own: Any
) -> dict[str, Finding]:
    """What each check found, in the order in which they are told."""
    clean = _values(model, inputs, lengths)
    _check_finite(clean, lengths)
    allowed = _allowed([*clean.values(), inputs], lengths)
    found: dict[str, Finding] = {}
    if any(form is not None for form in forms):
        found["stepped = fused"] = _stepped_is_fused(model, forms, inputs, lengths, clean, allowed)
    found["batched = single"] = _batched_is_single(model, inputs, lengths, clean, allowed)
    found["padded = unpadded"] = _padded_is_unpadded(model, inputs, lengths, allowed)
    found["no-op edit = clean"] = _edited_is_clean(model, inputs, lengths, clean, allowed)
    if len(inputs) > 1 and all(layer.backwards is None for layer in model.layers):
        found["resumed = whole"] = _resumed_is_whole(model, inputs, lengths, clean, allowed)
    if isinstance(model, Adapted):
        found["module's own forward"] = _own_is_ours(model, inputs, own)
    return found


def _faults_in_double(
    model: Model, inputs: Tensor, lengths: Tensor, forms: Sequence[nn.Module | None], own: Any
) -> set[str] | None:
    """The checks that a copy in float64 fails too; None where it cannot be copied or run so."""
    try:
        twin, forms, own = copy.deepcopy((model, forms, own))
        parts = [*vars(twin).values(), *twin.recurrent] if isinstance(twin, Adapted) else [twin]
        for part in (*parts, *forms, own):
            if isinstance(part, nn.Module):
                part.double()
        inputs = inputs.double() if inputs.is_floating_point() else inputs
        with same_randomness(inputs.device):
            found = _findings(twin, inputs, lengths, forms, own)
    except Exception:  # functions of the user's that hold float32 tensors fail in any way
        return None
    return {name for name, (largest, fault) in found.items() if fault is not None or isnan(largest)}


def sample(model: Any, seed: int = 0, time: int = 8, batch: int = 4) -> tuple[Tensor, Int[Tensor, " batch"]]:
    """Return a few random sequences that the model reads, time first, and their lengths; the first is the longest.

    Raises:
        NetworkError: where only the user's own embedding knows what it reads.
    """
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, time + 1, (batch,), generator=generator)
    lengths[0] = time
    vocabulary = model.vocabulary if isinstance(model, Adapted) else model.symbols
    device = model.device if isinstance(model, Adapted) else next(model.parameters()).device
    if vocabulary is not None:
        return torch.randint(vocabulary, (time, batch), generator=generator).to(device), lengths.to(device)
    if not model.reads_features:
        raise model.error(f"cannot make inputs for the embedding {model.parts['embedding']}: give some, or an alphabet")
    features = torch.randn(time, batch, model.inputs, generator=generator, dtype=model.dtype)
    return features.to(device), lengths.to(device)


@dataclass
class _Comparison:
    """Two runs side by side: how far they lie apart, and where they part."""

    names: str
    allowed: float
    largest: float = 0.0
    parted: list[tuple[int, Place]] = field(default_factory=list)

    def add(self, place: Place, ours: Tensor, theirs: Tensor, first: int = 0, lengths: Tensor | None = None) -> None:
        """Compare ``[time batch unit]`` from step ``first`` on, up to the end of each sequence."""
        apart = torch.where(ours == theirs, 0, (ours - theirs).abs()).nan_to_num(nan=torch.inf)
        apart = _alive(apart.amax(2), lengths).amax(1)
        self.largest = max(self.largest, float(apart.max()))
        for step in (apart > self.allowed).nonzero()[:1].flatten().tolist():
            self.parted.append((first + step, place))

    @property
    def first(self) -> str:
        """Where they part first; of places in one layer the first that was compared."""
        step, place = min(self.parted, key=lambda found: (found[0], found[1][0]))
        return f"first at step {step} in {_spoken(place)}"

    def finding(self) -> Finding:
        if not self.parted:
            return self.largest, None
        apart = f"differ by {self.largest:.2g} (allowed {self.allowed:.2g})"
        return self.largest, NetworkError(f"{self.names} {apart}, {self.first}")


def _spoken(place: Place) -> str:
    layer, site = place
    return "the logits" if site == LOGITS else f"{site} of layer {layer}"


def _alive(values: Float[Tensor, "time batch"], lengths: Tensor | None) -> Float[Tensor, "time batch"]:
    """The values within each sequence, 0 past its end."""
    if lengths is None:
        return values
    return values.where(torch.arange(len(values), device=values.device).unsqueeze(1) < lengths, 0)


def _values(model: Model, inputs: Tensor, lengths: Tensor, edit: Edit | None = None) -> Values:
    """All that a run gives, in the order in which a step computes it."""
    layers = model.layers
    logits, _, recorded = model(inputs, edit=edit, record=_everywhere(layers), lengths=lengths)
    return recorded | ({(len(layers), LOGITS): logits} if logits.shape[-1] else {})


def _everywhere(layers: Sequence[Layer]) -> list[Place]:
    return [(number, site) for number, layer in enumerate(layers) for site in layer.sites]


def _check_finite(clean: Values, lengths: Tensor) -> None:
    faults = _Comparison("", 0.0)
    for place, values in clean.items():
        faults.add(place, values.isfinite().to(values.dtype), torch.ones_like(values), lengths=lengths)
    if faults.parted:
        raise NetworkError(f"a clean run gives NaN or infinity, {faults.first}")


def _allowed(values: Iterable[Tensor], lengths: Tensor | None = None) -> float:
    numbers = [value for value in values if value.is_floating_point()]
    largest = max(float(_alive(value.abs().amax(2), lengths).max()) for value in numbers)
    return ALLOWED[numbers[0].dtype] * max(1.0, largest)


# Each sequence alone, without padding, and with an edit that changes nothing.


def _batched_is_single(model: Model, inputs: Tensor, lengths: Tensor, clean: Values, allowed: float) -> Finding:
    apart = _Comparison("batched and single runs", allowed)
    for row in range(inputs.shape[1]):
        one = slice(row, row + 1)
        for place, values in _values(model, inputs[:, one], lengths[one]).items():
            apart.add(place, clean[place][:, one], values, lengths=lengths[one])
    return apart.finding()


def _padded_is_unpadded(model: Model, inputs: Tensor, lengths: Tensor, allowed: float) -> Finding:
    """Each sequence alone, as it is and followed by its own first steps once more."""
    apart = _Comparison("padded and unpadded runs", allowed)
    for row, length in enumerate(lengths.tolist()):
        alone, own = inputs[:length, row : row + 1], lengths[row : row + 1]
        padded = _values(model, torch.cat([alone, *[alone[:1]] * PADDING]), own)
        for place, values in _values(model, alone, own).items():
            apart.add(place, padded[place][:length], values)
    return apart.finding()


def _edited_is_clean(model: Model, inputs: Tensor, lengths: Tensor, clean: Values, allowed: float) -> Finding:
    apart = _Comparison("runs with an edit that changes nothing and without", allowed)
    edited = _values(model, inputs, lengths, lambda layer, site, step, value: value.clone())
    for place, values in edited.items():
        apart.add(place, values, clean[place], lengths=lengths)
    return apart.finding()


def _resumed_is_whole(model: Model, inputs: Tensor, lengths: Tensor, clean: Values, allowed: float) -> Finding:
    """From the middle on: an embedding or a read-out that looks at other steps too gives something else there."""
    apart, half = _Comparison("resumed and whole runs", allowed), len(inputs) // 2
    everywhere = _everywhere(model.layers)
    _, states, _ = model(inputs[:half])
    logits, _, resumed = model(inputs[half:], states, record=everywhere)
    ends = (lengths - half).clamp(min=0)
    for place, values in (resumed | ({(len(model.layers), LOGITS): logits} if logits.shape[-1] else {})).items():
        apart.add(place, values, clean[place][half:], first=half, lengths=ends)
    return apart.finding()


# Against torch's fused layers.


def _fused_forms(model: Model) -> Sequence[nn.Module | None]:
    if isinstance(model, Adapted):
        return model.fused
    return [_as_torch(model.recurrent)] if isinstance(model, LanguageModel) and model.recurrent.kind.torch else []


def _as_torch(ours: Recurrent) -> nn.Module:
    """Torch's module with our weights, made without drawing random ones first."""
    weights = ours.state_dict()
    like = weights["weight_ih_l0"]
    name, _, nonlinearity = str(ours.kind.torch).partition("_")
    options = {"nonlinearity": nonlinearity.lower()} if nonlinearity else {}
    theirs = getattr(nn, name)(like.shape[1], ours.units, ours.depth, device="meta", dtype=like.dtype, **options)
    theirs.to_empty(device=like.device)
    theirs.load_state_dict(weights)
    return theirs


def _stepped_is_fused(
    model: Any, forms: Sequence[nn.Module | None], inputs: Tensor, lengths: Tensor, clean: Values, allowed: float
) -> Finding:
    """Every fused part reads what our layers give before it, so that a difference is its own."""
    apart = _Comparison("stepped and fused runs", allowed)
    layers, first = model.layers, 0
    for form in forms:
        depth = getattr(form, "num_layers", 1)
        if form is not None:
            reads = clean[first - 1, "hidden"] if first else model.embed(inputs)
            with evaluating(form), without_warnings():
                _compare_form(apart, form, layers[first : first + depth], first, reads, lengths)
        first += depth
    return apart.finding()


def _compare_form(
    apart: _Comparison, form: nn.Module, layers: Sequence[Layer], first: int, inputs: Tensor, lengths: Tensor
) -> None:
    """Compare the output at every step, and the last states of every prefix: torch shows no other states."""
    time = len(inputs)
    states = [(number, site) for number, layer in enumerate(layers) for site in layer.start(1)]
    for steps in {*range(1, min(time, PREFIXES) + 1), time}:
        ends = lengths.clamp(max=steps)
        output, last = _fused_run(form, inputs[:steps], ends)
        _, _, ours = run(layers, inputs[:steps], record={*states, (len(layers) - 1, "hidden")}, lengths=ends)
        for number, site in states:
            end = _last(ours[number, site], ends, layers[number].backwards is not None)
            apart.add((first + number, site), end.unsqueeze(0), last[site][number].unsqueeze(0), first=steps - 1)
        top = len(layers) - 1
        apart.add((first + top, "hidden"), ours[top, "hidden"], output, lengths=ends)


def _last(
    values: Float[Tensor, "time batch unit"], ends: Int[Tensor, " batch"], both: bool
) -> Float[Tensor, "batch unit"]:
    """The state after the last step that each direction takes."""
    last = values[ends - 1, torch.arange(len(ends), device=ends.device)]
    half = values.shape[2] // 2
    return torch.cat([last[:, :half], values[0, :, half:]], -1) if both else last


def _fused_run(
    form: Any, inputs: Tensor, lengths: Tensor
) -> tuple[Float[Tensor, "time batch unit"], Mapping[str, Sequence[Tensor]]]:
    """The hidden states of the last layer, and for every layer its last ``hidden`` (and ``cell``)."""
    if isinstance(form, nn.RNNCellBase):
        return _looped(form, inputs, lengths)
    output, last = form(pack_padded_sequence(inputs, lengths.cpu(), enforce_sorted=False))
    states = last if isinstance(last, tuple) else (last,)
    shape = (form.num_layers, 2 if form.bidirectional else 1)
    sides = [list(state.unflatten(0, shape).movedim(1, 2).flatten(2)) for state in states]
    return pad_packed_sequence(output, total_length=len(inputs))[0], dict(zip(("hidden", "cell"), sides, strict=False))


def _looped(
    form: nn.Module, inputs: Tensor, lengths: Tensor
) -> tuple[Float[Tensor, "time batch unit"], Mapping[str, Sequence[Tensor]]]:
    state, tapes = None, []
    for x in inputs:
        state = form(x, state)
        tapes.append(state if isinstance(state, tuple) else (state,))
    whole = [torch.stack(tape) for tape in zip(*tapes, strict=True)]
    return whole[0], {
        name: [_last(tape, lengths, False)] for name, tape in zip(("hidden", "cell"), whole, strict=False)
    }


# Against the module as its user calls it.


def _own_is_ours(adapted: Adapted, inputs: Tensor, own: Callable[[Tensor], Any] | None) -> Finding:
    """NaN where the module gives nothing that could be compared."""
    hidden = (len(adapted.layers) - 1, "hidden")
    logits, _, recorded = adapted(inputs, record=[hidden])
    ours = logits if logits.shape[-1] else recorded[hidden]
    allowed = _allowed([ours])
    found = _nearest(adapted, own, inputs, ours, adapted.batch_first)
    if found is None or found.largest <= allowed:
        return (nan if found is None else found.largest), None
    other = _nearest(adapted, own, inputs, ours, not adapted.batch_first)
    if other is None or other.largest > allowed:
        return found.largest, adapted.error(_disagreement(adapted, found))
    axes, rest = ("time batch", "batch time") if adapted.batch_first else ("batch time", "time batch")
    reads = f"the module's own forward reads [{axes}], and not [{rest}]"
    return found.largest, adapted.error(f"{reads}: wrap(module, batch_first={not adapted.batch_first})")


@dataclass
class _Nearest:
    largest: float
    step: int


def _nearest(
    adapted: Adapted, own: Callable[[Tensor], Any] | None, inputs: Tensor, ours: Tensor, batch_first: bool
) -> _Nearest | None:
    """How far the module's answer lies from ours, in the layout and scale in which they are nearest."""
    theirs = _answer(adapted, own, inputs.transpose(0, 1) if batch_first else inputs)
    if theirs is None:
        return None
    scales = (ours, ours.log_softmax(-1), ours.softmax(-1)) if adapted.symbols else (ours,)
    found = []
    for (first, answer), scale in product(_layouts(theirs, *ours.shape), scales):
        apart = (answer - scale[first:]).abs().nan_to_num(nan=torch.inf).amax((1, 2))
        step = int((apart > _allowed([ours])).nonzero()[:1].sum())
        found.append(_Nearest(float(apart.max()), first + step))
    return min(found, key=lambda each: each.largest, default=None)


def _answer(adapted: Adapted, own: Callable[[Tensor], Any] | None, inputs: Tensor) -> Tensor | None:
    """What a copy of the module answers: a forward may keep states, and change them."""
    try:
        forward = own or copy.deepcopy(adapted.module)
        with same_randomness(inputs.device), evaluating(forward, adapted.module), without_warnings():
            return _first_tensor(forward(inputs, *_wanted_states(forward)))
    except Exception:  # a user's forward may want anything else than inputs alone
        return None


def _wanted_states(forward: Callable[..., Any]) -> list[None]:
    """None for each argument that a forward wants beside its inputs: mostly a state, and none means zeros."""
    parameters = inspect.signature(getattr(forward, "forward", forward)).parameters.values()
    wanted = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [None] * (len(wanted) - 1)


def _first_tensor(answer: object) -> Tensor | None:
    """The logits of an answer: it, its first part, or what it calls so."""
    if isinstance(answer, Tensor):
        return answer if answer.is_floating_point() else None
    if isinstance(answer, Mapping):
        answer = [answer[LOGITS]] if LOGITS in answer else list(answer.values())
    if isinstance(answer, list | tuple):
        return next((found for part in answer if (found := _first_tensor(part)) is not None), None)
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


def _disagreement(adapted: Adapted, found: _Nearest) -> str:
    used = [part for part in (*adapted.recurrent, adapted.embedding, adapted.head) if isinstance(part, nn.Module)]
    inner = {id(part) for whole in used for part in whole.modules()}
    left = [
        f"{name}: {type(part).__name__}"
        for name, part in adapted.module.named_modules()
        if id(part) not in inner and not any(part.children()) and not isinstance(part, QUIET)
    ]
    listed = f" ({', '.join(left)})" if left else ""
    what, path = ("logits", " → read-out") if adapted.symbols else ("hidden states", "")
    return (
        f"the module's own forward gives other {what} (by {found.largest:.2g}, first at step {found.step}) than "
        f"embedding → recurrent{path}: something between them is left out{listed}; "
        "name the parts, e.g. wrap(module, read_out=lambda hidden: ...)"
    )
