"""The parts of a user's module: embedding, recurrent part and read-out, found or named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from neuronspec.errors import NetworkError, did_you_mean
from neuronspec.networks import user_cell
from neuronspec.networks.cells import KINDS
from neuronspec.networks.cells.cell import Cell
from neuronspec.networks.cells.gated import GatedCell
from neuronspec.networks.cells.kind import Kind
from neuronspec.networks.recurrent import Layer
from neuronspec.networks.restoring import evaluating, same_randomness
from neuronspec.networks.user_cell import listed, types

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
ATTENTION = (
    nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.TransformerDecoder,
    nn.TransformerDecoderLayer,
)  # fmt: skip
PROTOCOL = ("sites", "start", "step")


def layers_of(part: Any) -> list[Layer]:
    """The layers of one of torch's recurrent modules, or of a cell written by hand."""
    if isinstance(part, Cell):
        return [Layer(part)]
    if isinstance(part, nn.RNNCellBase):
        return [Layer(_gated(part, ""))]
    sides = ("", "_reverse") if part.bidirectional else ("",)
    return [Layer(*(_gated(part, f"_l{layer}{side}") for side in sides)) for layer in range(part.num_layers)]


def _gated(part: Any, suffix: str) -> GatedCell:
    named = {name: getattr(part, name + suffix, None) for name in WEIGHTS}
    weights = {name: weight.detach() for name, weight in named.items() if weight is not None}
    zeros = weights["weight_hh"].new_zeros(len(weights["weight_hh"]))
    kind = _kind(part)
    assert kind is not None
    return GatedCell(kind, {"bias_ih": zeros, "bias_hh": zeros} | weights)


def _kind(part: object) -> Kind | None:
    """The kind of one of torch's recurrent modules; None for all else."""
    mode = _mode(part)
    return next((kind for kind in KINDS.values() if mode and kind.torch == mode), None)


def _mode(part: object) -> str | None:
    """What torch calls the kind of a layer, and of the cell that is one step of it."""
    if isinstance(part, nn.RNNBase):
        return part.mode
    if isinstance(part, nn.RNNCell):
        return f"RNN_{part.nonlinearity.upper()}"
    return "LSTM" if isinstance(part, nn.LSTMCell) else "GRU" if isinstance(part, nn.GRUCell) else None


def any_weight(*parts: object) -> Tensor:
    """A weight of the first part that has one: its type and device are those of all."""
    weights = (weight for part in parts if isinstance(part, nn.Module) for weight in part.parameters())
    return next(weights, torch.empty(0))


class Search:
    """Finds the parts of a module; its errors list the candidates."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.modules = dict(module.named_modules())
        self.names = {id(part): name for name, part in self.modules.items()}

    def error(self, text: str) -> NetworkError:
        return NetworkError(f"{type(self.module).__name__}: {text}")

    def name(self, part: Any) -> str:
        """A part as messages call it: by its name in the module, else by its own or its type's name."""
        kind = part.__name__ if hasattr(part, "__name__") else type(part).__name__
        return self.names.get(id(part)) or kind

    def names_of(self, parts: Sequence[Any], embedding: Any, read_out: Any) -> dict[str, str]:
        names = {"recurrent": ", ".join(map(self.name, parts))}
        ends = {"embedding": embedding, "read_out": read_out}
        return names | {word: self.name(part) for word, part in ends.items() if part is not None}

    def refuse_unsteppable(self, all_named: bool) -> None:
        """Raise where parts cannot be run in steps, or could hide between those that can."""
        for part in self.modules.values():
            if ".quantized" in type(part).__module__:
                raise self.error(f"{self.name(part)} is quantized: wrap the module as it was before")
        attention = [part for part in self.modules.values() if isinstance(part, ATTENTION)]
        if attention and not all_named:
            part = attention[0]
            raise self.error(
                f"{self.with_kind(part)} stands in the path, and attention cannot be run in steps; where it lies "
                "outside embedding → recurrent → read-out, name all three: "
                "wrap(module, embedding=..., recurrent=..., read_out=...)"
            )

    def recurrent(self, named: Any) -> list[Any]:
        """The recurrent parts that the user named, or the only one there is."""
        if named is None:
            candidates = self._recurrent_in(self.modules.values())
            if len(candidates) != 1:
                raise self._not_one_recurrent(candidates)
            return candidates
        parts = named if isinstance(named, list | tuple) else [named]
        if not parts:
            raise self.error("recurrent=[]: name at least one recurrent part")
        return [self._checked_recurrent(self._looked_up("recurrent", part)) for part in parts]

    def _recurrent_in(self, modules: Iterable[nn.Module]) -> list[Any]:
        """All recurrent parts, without those inside another: a user's cell may be made of torch's."""
        recurrent = [part for part in modules if isinstance(part, Cell) or _kind(part)]
        nested = {id(inner) for part in recurrent for inner in part.modules() if inner is not part}
        return [part for part in recurrent if id(part) not in nested]

    def _not_one_recurrent(self, candidates: list[Any]) -> NetworkError:
        if candidates:
            return self.error(
                f"{len(candidates)} recurrent parts: {self._listed(candidates)}; name one, or a list of them in the "
                f'order in which they run: wrap(module, recurrent="{self.name(candidates[0])}")'
            )
        kinds = sorted({type(part).__name__ for part in self._leaves()})
        return self.error(
            f"no recurrent part (RNN, LSTM, GRU, their cells, or a cell with {listed(PROTOCOL)}); it is made of "
            f"{', '.join(kinds) or 'nothing'}. One that is not part of the module is named: "
            "wrap(module, recurrent=cell)"
        )

    def _leaves(self) -> list[nn.Module]:
        return [part for part in self.modules.values() if part is not self.module and not any(part.children())]

    def _checked_recurrent(self, part: Any) -> Any:
        if isinstance(part, Cell) or _kind(part):
            return part
        inner = self._recurrent_in(part.modules()) if isinstance(part, nn.Module) else []
        inside = f"; inside it: {self._listed(inner)}" if inner else ""
        missing = listed([word for word in PROTOCOL if not hasattr(part, word)])
        raise self.error(
            f"recurrent={self.name(part)} ({type(part).__name__}) is no RNN, LSTM or GRU of torch, and as a cell "
            f"written by hand it lacks {missing}{inside}"
        )

    def _looked_up(self, word: str, part: Any) -> Any:
        """A part by its name, or as it is."""
        if isinstance(part, str):
            if part not in self.modules or not part:
                near = did_you_mean(part, filter(None, self.modules))
                raise self.error(f"{word}={part!r}: there is no such submodule{near}")
            return self.modules[part]
        if word != "recurrent" and not callable(part):
            raise self.error(f"{word}={part!r}: expected a name, a module or a function")
        return part

    def embedding(self, named: Any, parts: Sequence[Any]) -> Any:
        embedding = self._end("embedding", named, nn.Embedding, parts)
        for part in embedding.modules() if isinstance(embedding, nn.Module) else ():
            if getattr(part, "max_norm", None) is not None:
                name = self.name(part)
                raise self.error(
                    f"the embedding {name} has max_norm={part.max_norm}, which changes its weights whenever they are "
                    f"read; apply it once and take it away: module.{name}.weight.data.renorm_({part.norm_type:g}, 0, "
                    f"{part.max_norm}); module.{name}.max_norm = None"
                )
        return embedding

    def read_out(self, named: Any, parts: Sequence[Any]) -> Any:
        return self._end("read_out", named, nn.Linear, parts)

    def _end(self, word: str, named: Any, kind: type[nn.Module], used: Sequence[Any]) -> Any:
        """The part before or after the recurrent ones: as named, or the only one of its type that is not in use."""
        if named is False:
            return None
        if named is not None:
            return self._looked_up(word, named)
        in_use = {id(part) for whole in used if isinstance(whole, nn.Module) for part in whole.modules()}
        candidates = [part for part in self.modules.values() if isinstance(part, kind) and id(part) not in in_use]
        if len(candidates) > 1:
            raise self.error(
                f"{len(candidates)} parts could be the {word.replace('_', '-')}: {self._listed(candidates)}; name it: "
                f'wrap(module, {word}="{self.name(candidates[-1])}")'
            )
        return candidates[0] if candidates else None

    def _listed(self, parts: Sequence[Any]) -> str:
        return ", ".join(map(self.with_kind, parts))

    def with_kind(self, part: Any) -> str:
        """A part by name and size: ``encoder.rnn (LSTM 2×128)``."""
        kind, size = type(part).__name__, ""
        if isinstance(part, nn.RNNBase):
            size = f" {part.num_layers}×{part.hidden_size}"
        elif isinstance(part, nn.RNNCellBase):
            size = f" {part.hidden_size}"
        elif isinstance(part, nn.Linear):
            size = f" {part.in_features}→{part.out_features}"
        elif isinstance(part, nn.Embedding):
            size = f" {part.num_embeddings}→{part.embedding_dim}"
        return f"{self.name(part)} ({kind}{size})"

    def check_weights(self, parts: Sequence[Any]) -> None:
        """Raise where the weights are not real numbers of one type on one device."""
        weights = [weight for part in parts if isinstance(part, nn.Module) for weight in part.parameters()]
        if any(map(is_lazy, weights)):
            raise self.error("weights are not there yet: run the module once, or load them")
        if any(weight.layout is not torch.strided for weight in weights):
            raise self.error("weights are sparse: convert them with .to_dense()")
        if not all(weight.is_floating_point() for weight in weights):
            raise self.error(f"weights are {types(weights)}, expected float32 or float64")
        if not {weight.dtype for weight in weights} <= {torch.float32, torch.float64}:
            raise self.error(f"weights are {types(weights)}: convert with module.float()")
        if len({weight.dtype for weight in weights}) > 1:
            raise self.error(f"weights are {types(weights)}: convert with module.float() or module.double()")
        devices = sorted({str(weight.device) for weight in weights})
        if len(devices) > 1 or devices == ["meta"]:
            raise self.error(f"weights are on {listed(devices)}: move them to one device with module.to(...)")

    def width(self, parts: Sequence[Any], embedding: Any, symbols: int | None) -> int:
        """How many features the first layer reads; those of the embedding must be as many."""
        size = getattr(parts[0], "input_size", None)
        embedded = embedding.embedding_dim if isinstance(embedding, nn.Embedding) else None
        if None not in (size, embedded) and size != embedded:
            raise self.error(
                f"the embedding {self.with_kind(embedding)} gives {embedded} features, and {self.name(parts[0])} reads "
                f"{size}; name all that lies before it: wrap(module, embedding=lambda tokens: ...)"
            )
        one_hot = symbols if embedding is None else None
        known = [width for width in (size, embedded, one_hot) if width is not None]
        if not known:
            raise self.error(
                f"the cell {self.name(parts[0])} does not say how many features it reads: give it an attribute "
                "input_size"
            )
        return known[0]

    def check_alphabet(
        self, symbols: int | None, embedding: Any, read_out: Any, size: int | None, inputs: int, features: bool
    ) -> None:
        if symbols is None:
            return
        if size not in (None, symbols):
            raise self.error(f"alphabet of {symbols} symbols, and the read-out {self.name(read_out)} has {size}")
        if isinstance(embedding, nn.Embedding) and embedding.num_embeddings != symbols:
            raise self.error(
                f"alphabet of {symbols} symbols, "
                f"and the embedding {self.name(embedding)} has {embedding.num_embeddings}"
            )
        if embedding is None and not features and inputs != symbols:
            raise self.error(
                f"alphabet of {symbols} symbols, and without an embedding the network reads {inputs} features; name "
                "what turns tokens into them: wrap(module, embedding=...)"
            )


def check_parts(search: Search, parts: Sequence[Any], inputs: int) -> None:
    """Check cells that were written by hand, and that each part reads what the part before it gives."""
    width, weight = inputs, any_weight(*parts, search.module)
    for before, part in zip([None, *parts], parts, strict=False):
        expected = getattr(part, "input_size", width)
        if expected != width:
            raise search.error(
                f"recurrent parts do not follow one another: {search.name(before)} gives {width} features, and "
                f"{search.name(part)} reads {expected}"
            )
        if isinstance(part, Cell):
            _check_cell(search, part, weight.new_zeros(2, width))
        width = layers_of(part)[-1].sites["hidden"]


def _check_cell(search: Search, cell: Cell, x: Tensor) -> None:
    try:
        with torch.no_grad(), same_randomness(x.device), evaluating(search.module, cell):
            fault = user_cell.fault(cell, x)
    except Exception as error:  # the user's code may fail in any way
        raise search.error(
            f"the cell {search.name(cell)} fails on an input {list(x.shape)}: {type(error).__name__}: {error}"
        ) from error
    if fault is not None:
        raise search.error(f"the cell {search.name(cell)}: {fault}")


def read_out_size(search: Search, read_out: Any, width: int) -> int | None:
    """How many logits a read-out gives from hidden states of this width."""
    if read_out is None:
        return None
    if isinstance(read_out, nn.Linear):
        if read_out.in_features != width:
            raise search.error(
                f"the read-out {search.with_kind(read_out)} reads {read_out.in_features} numbers, and the hidden state "
                f"of the last layer has {width}; name what lies between: wrap(module, read_out=lambda hidden: ...)"
            )
        return read_out.out_features
    weight = any_weight(read_out, search.module)
    try:
        with torch.no_grad(), same_randomness(weight.device), evaluating(search.module, read_out):
            logits = read_out(weight.new_zeros(2, 3, width))
    except Exception as error:  # the user's code may fail in any way
        raise search.error(
            f"the read-out {search.name(read_out)} fails on hidden states [2, 3, {width}]: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(logits, Tensor) or logits.shape[:-1] != (2, 3):
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise search.error(
            f"the read-out {search.name(read_out)} makes {got} of hidden states [2, 3, {width}], "
            "expected [2, 3, symbol]"
        )
    return logits.shape[-1]
