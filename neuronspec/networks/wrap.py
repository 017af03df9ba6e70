"""A user's torch module as a ``Model``: with her weights, and our steps in place of torch's fused ones.

Embedding, recurrent part and read-out are found where there is one of each, and named by the user otherwise. The module
is not changed: weights are read by reference at every run, and every run is as in eval mode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from neuronspec.errors import NetworkError
from neuronspec.networks.cells.cell import Cell, Edit, Place, State
from neuronspec.networks.parts import Search, any_weight, check_parts, layers_of, read_out_size
from neuronspec.networks.recurrent import Layer, run
from neuronspec.networks.restoring import evaluating
from neuronspec.networks.user_cell import types


@dataclass(frozen=True, eq=False)
class Adapted:
    """A user's module as a ``Model``: embedding, recurrent layers in steps, read-out.

    Args:
        recurrent: the user's fused layers and cells, in the order in which they run.
        embedding: what turns tokens into features; without one, tokens are read as one-hot vectors.
        head: what turns hidden states into logits, if anything does.
        inputs: how many features the first layer reads.
        vocabulary: how many tokens there are, where the network reads tokens and that is known.
        symbols: how many logits there are.
        batch_first: whether the module's own layout is ``[batch time]``.
        parts: what was found or named, for messages.
    """

    module: nn.Module
    recurrent: tuple[Any, ...]
    embedding: Callable[[Tensor], Tensor] | None
    head: Callable[[Tensor], Tensor] | None
    inputs: int
    vocabulary: int | None
    symbols: int | None
    batch_first: bool
    parts: dict[str, str]

    @property
    def layers(self) -> list[Layer]:
        """The recurrent layers, with the weights that the module has now."""
        return [layer for part in self.recurrent for layer in layers_of(part)]

    @property
    def fused(self) -> list[nn.Module | None]:
        """Torch's own form of each recurrent part; None for a cell written by hand."""
        return [None if isinstance(part, Cell) else part for part in self.recurrent]

    @property
    def causal(self) -> bool:
        """Whether every layer reads forwards only."""
        return all(layer.backwards is None for layer in self.layers)

    @property
    def device(self) -> torch.device:
        return any_weight(*self.recurrent, self.module).device

    @property
    def dtype(self) -> torch.dtype:
        return any_weight(*self.recurrent, self.module).dtype

    @property
    def reads_features(self) -> bool:
        """Whether features of ``inputs`` numbers may take the place of tokens."""
        return self.embedding is None or isinstance(self.embedding, nn.Embedding)

    @property
    def read_out(self) -> Callable[[Tensor], Tensor] | None:
        """What turns hidden states ``[time batch unit]`` into logits ``[time batch symbol]``; None without one."""
        return None if self.head is None else self._read_out

    def embed(self, tokens: Shaped[Tensor, "time batch *features"]) -> Float[Tensor, "time batch input"]:
        """Return what the recurrent layers read; features are that already, unless the user named an embedding.

        Raises:
            NetworkError: where the layers cannot read its output.
        """
        with evaluating(self.module, self.embedding):
            features = self._features(tokens)
        self._check_numbers("embedding", features)
        if features.shape != (*tokens.shape[:2], self.inputs):
            got, expected = list(features.shape), [*tokens.shape[:2], self.inputs]
            raise self.error(f"the embedding gives {got}, and {self.parts['recurrent']} reads {expected}")
        return features

    def _features(self, tokens: Tensor) -> Tensor:
        if self.reads_features and tokens.is_floating_point():
            return tokens
        if self.embedding is not None:
            return self.embedding(tokens)
        if self.vocabulary is None:
            raise self.error(f"{self.parts['recurrent']} reads features [time batch {self.inputs}], not tokens")
        return nn.functional.one_hot(tokens, self.vocabulary).to(self.dtype)

    def _read_out(self, hidden: Float[Tensor, "time batch unit"]) -> Float[Tensor, "time batch symbol"]:
        assert self.head is not None
        with evaluating(self.module, self.head):
            logits = self.head(hidden)
        self._check_numbers("read_out", logits)
        return logits

    def _check_numbers(self, part: str, values: object) -> None:
        if not isinstance(values, Tensor) or values.dtype != self.dtype:
            got = types([values]) if isinstance(values, Tensor) else type(values).__name__
            raise self.error(f"{part} {self.parts.get(part)} gives {got}, and the weights are {types([self.zero])}")

    @property
    def zero(self) -> Tensor:
        """A number of the type and on the device of the weights."""
        return torch.zeros((), dtype=self.dtype, device=self.device)

    def __call__(
        self,
        tokens: Tensor,
        states: list[State] | None = None,
        edit: Edit | None = None,
        record: Collection[Place] = (),
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[State], dict[Place, Tensor]]:
        """Return logits ``[time batch symbol]``, the states after the last step and what was recorded.

        See ``recurrent.run`` for the arguments. Without a read-out, there are no symbols: ``[time batch 0]``.
        """
        with evaluating(self.module, *self.recurrent):
            hidden, after, recorded = run(self.layers, self.embed(tokens), states, edit, record, lengths)
            logits = hidden[..., :0] if self.head is None else self._read_out(hidden)
        return logits, after, recorded

    def error(self, text: str) -> NetworkError:
        return NetworkError(f"{type(self.module).__name__}: {text}")


def adapt(
    module: object,
    *,
    symbols: int | None = None,
    embedding: Any = None,
    recurrent: Any = None,
    read_out: Any = None,
    batch_first: bool | None = None,
) -> Adapted:
    """Return a user's module as a ``Model``, with our stepped layers in the place of the fused ones.

    Args:
        module: the ``torch.nn.Module``.
        symbols: the size of the alphabet, if there is one; read-out and embedding must have it too.
        embedding: a name, a module or a function ``[time batch] -> [time batch input]``; None finds the one
            ``nn.Embedding``, and reads one-hot vectors or features where there is none; False looks for none.
        recurrent: a name, a module, a ``Cell`` written by hand, or a list of these; None finds the only one.
        read_out: a name, a module or a function ``[time batch unit] -> [time batch symbol]``; None finds the one
            ``nn.Linear`` outside the recurrent part; False looks for none.
        batch_first: whether the module reads ``[batch time]``; None takes it from its recurrent part, and is False
            where that does not say.

    Raises:
        NetworkError: where a part is missing, ambiguous, of a kind or a type that cannot be run in steps, or of a
            size that does not fit.
    """
    if not isinstance(module, nn.Module):
        raise NetworkError(f"expected a torch.nn.Module, got {type(module).__name__}")
    search = Search(module)
    search.refuse_unsteppable(all_named=None not in (embedding, recurrent, read_out))
    parts = search.recurrent(recurrent)
    found_embedding = search.embedding(embedding, parts)
    found_read_out = search.read_out(read_out, [*parts, found_embedding])
    search.check_weights([*parts, found_embedding, found_read_out])
    inputs = search.width(parts, found_embedding, symbols)
    check_parts(search, parts, inputs)
    size = read_out_size(search, found_read_out, layers_of(parts[-1])[-1].sites["hidden"])
    search.check_alphabet(symbols, found_embedding, found_read_out, size, inputs, features=embedding is False)
    layouts = [batch_first, *(getattr(part, "batch_first", None) for part in (*parts, module))]
    return Adapted(
        module=module,
        recurrent=tuple(parts),
        embedding=found_embedding,
        head=found_read_out,
        inputs=inputs,
        vocabulary=None if embedding is False else _vocabulary(found_embedding, inputs, symbols, size),
        symbols=size,
        batch_first=bool(next((layout for layout in layouts if layout is not None), False)),
        parts=search.names_of(parts, found_embedding, found_read_out),
    )


def _vocabulary(embedding: Any, inputs: int, symbols: int | None, size: int | None) -> int | None:
    if isinstance(embedding, nn.Embedding):
        return embedding.num_embeddings
    if embedding is not None:
        modules = embedding.modules() if isinstance(embedding, nn.Module) else ()
        tables = [part for part in modules if isinstance(part, nn.Embedding)]
        return symbols or (tables[0].num_embeddings if len(tables) == 1 else None)
    return inputs if inputs == (size if symbols is None else symbols) else None


# A user's tensors, in her module's own layout.


def to_time_first(
    adapted: Adapted, inputs: object, lengths: Tensor | Sequence[int] | None = None
) -> tuple[Shaped[Tensor, "time batch *features"], Int[Tensor, " batch"]]:
    """Return tokens or features as a run reads them, and the length of every sequence.

    Args:
        inputs: a tensor of tokens ``[batch time]`` or features ``[batch time input]``, with time first where the
            module has it so, or a ``PackedSequence``. Values past the end of a sequence are ignored.
        lengths: of each sequence; all have the whole time where None.

    Raises:
        NetworkError: where they have a shape or type that the network does not read, are empty, or a token is
            outside the vocabulary.
    """
    if isinstance(inputs, PackedSequence):
        if lengths is not None:
            raise adapted.error("lengths and a PackedSequence, which has its own; leave lengths out")
        inputs, lengths = pad_packed_sequence(inputs)
    else:
        inputs = _time_first(adapted, inputs)
    inputs = inputs.to(adapted.device)
    steps = _lengths(adapted, lengths, *inputs.shape[:2])
    return _checked(adapted, inputs, steps), steps


def _time_first(adapted: Adapted, inputs: object) -> Tensor:
    if not isinstance(inputs, Tensor):
        raise adapted.error(f"expected a tensor, got {type(inputs).__name__}")
    if inputs.dim() not in (2, 3):
        axes = "batch time" if adapted.batch_first else "time batch"
        raise adapted.error(f"expected tokens [{axes}] or features [{axes} input], got {list(inputs.shape)}")
    if 0 in inputs.shape:
        raise adapted.error(f"inputs {list(inputs.shape)} are empty")
    return inputs.transpose(0, 1) if adapted.batch_first else inputs


def _lengths(adapted: Adapted, lengths: Tensor | Sequence[int] | None, time: int, batch: int) -> Tensor:
    if lengths is None:
        return torch.full((batch,), time, device=adapted.device)
    steps = torch.as_tensor(lengths, device=adapted.device)
    if steps.is_floating_point() or steps.dtype == torch.bool or steps.shape != (batch,):
        got = f"{types([steps])} {list(steps.shape)}"
        raise adapted.error(f"lengths must be one whole number for each of {batch} sequences, got {got}")
    wrong = [length for length in steps.tolist() if not 1 <= length <= time]
    if wrong:
        raise adapted.error(f"a sequence has length {wrong[0]}, expected 1 to {time}")
    return steps.long()


def _checked(adapted: Adapted, inputs: Tensor, lengths: Tensor) -> Tensor:
    """The inputs as the network reads them, or an error that says why it cannot."""
    if not adapted.reads_features and adapted.vocabulary is None:  # only the user's own embedding knows what it reads
        return inputs
    if inputs.dim() == 2:
        return _tokens(adapted, inputs, lengths)
    if not adapted.reads_features:
        raise adapted.error(f"expected tokens, got features {list(inputs.shape)}")
    if inputs.dtype != adapted.dtype:
        way = {torch.float32: "float", torch.float64: "double"}[adapted.dtype]
        ours = str(adapted.dtype).removeprefix("torch.")
        raise adapted.error(f"features are {types([inputs])} and the weights {ours}: convert with inputs.{way}()")
    if inputs.shape[2] != adapted.inputs:
        raise adapted.error(
            f"features of {inputs.shape[2]} numbers, and {adapted.parts['recurrent']} reads {adapted.inputs}"
        )
    return inputs.masked_fill(_past(inputs, lengths).unsqueeze(2), 0)


def _past(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Where a sequence is over: the padding may be no token, or no number."""
    return torch.arange(len(inputs), device=inputs.device).unsqueeze(1) >= lengths


def _tokens(adapted: Adapted, tokens: Tensor, lengths: Tensor) -> Tensor:
    if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
        raise adapted.error(f"tokens must be whole numbers, got {types([tokens])}")
    if adapted.vocabulary is None:
        reads = f"{adapted.parts['recurrent']} reads features of {adapted.inputs} numbers"
        raise adapted.error(f"expected features, got tokens {list(tokens.shape)}: {reads}, and there is no embedding")
    tokens = tokens.long().masked_fill(_past(tokens, lengths), 0)
    outside = ((tokens < 0) | (tokens >= adapted.vocabulary)).nonzero().tolist()
    if outside:
        step, sequence = outside[0]
        where = f"token {int(tokens[step, sequence])} at step {step} of sequence {sequence}"
        more = f" (and {len(outside) - 1} more)" if len(outside) > 1 else ""
        raise adapted.error(f"{where}{more} is outside the vocabulary of {adapted.vocabulary}")
    return tokens
