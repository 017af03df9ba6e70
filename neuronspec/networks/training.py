"""Recipe and seeds -> weights.

Seeds train together in fixed blocks, as one batched network on one thread, so that a network does not depend
on which other seeds are trained, nor on the number of cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neuronspec.errors import TaskError
from neuronspec.networks.models import EncoderDecoder, LanguageModel, build, stack, tokens_of, unstack
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example, Text
from neuronspec.networks.threads import one_thread

TRAINING = 1
"""Goes up with every change of this file that changes the trained weights: keys of the store hold it."""

CURVE_POINTS = 50
IGNORED = -100


@dataclass(frozen=True)
class Trained:
    """The weights of one network, and its loss at some training steps."""

    seed: int
    weights: dict[str, Tensor]
    curve: list[tuple[int, float]]


def block_of(seed: int, recipe: Recipe) -> range:
    """Return the seeds that train together with this one."""
    first = seed - seed % recipe.block
    return range(first, first + recipe.block)


def blocks_of(seeds: Iterable[int], recipe: Recipe) -> list[range]:
    """Return the blocks that hold these seeds, each once."""
    return sorted({block_of(seed, recipe) for seed in seeds}, key=lambda block: block.start)


def untrained(recipe: Recipe, symbols: int, seed: int) -> LanguageModel:
    """Return the network before training."""
    return build(recipe, symbols).initialise(seed)


def encode(
    examples: Sequence[Example], vocabulary: Text, ends: bool = True
) -> tuple[Int[Tensor, "time batch"], Int[Tensor, "time batch"]]:
    """Return the tokens that are read and those that are to be predicted.

    Past its end a sequence reads token 0 and is to predict nothing (``IGNORED``).

    Args:
        ends: whether the last symbol of the vocabulary is to be predicted at the end of each sequence.
    """
    read = tokens_of([example.text for example in examples], vocabulary)
    lengths = torch.tensor([len(example.text) for example in examples])
    step = torch.arange(len(read)).unsqueeze(1)
    nothing = torch.full_like(read, IGNORED)
    due = torch.where(step + 1 < lengths, torch.cat([read[1:], nothing[:1]]), nothing)
    return read, torch.where(step + 1 == lengths, len(vocabulary) - 1, due) if ends else due


@one_thread()
def train_block(
    recipe: Recipe,
    corpus: Sequence[Example],
    vocabulary: Text,
    seeds: Sequence[int],
    progress: Callable[[int], None] = lambda step: None,
    ends: bool = True,
) -> list[Trained]:
    """Train the networks of these seeds as one batched network.

    Args:
        corpus: the sequences to learn.
        progress: called with the number of steps done.
        ends: whether the last symbol closes every sequence.

    Returns:
        one ``Trained`` per seed, in their order.
    """
    singles = [untrained(recipe, len(vocabulary), seed) for seed in seeds]
    model = stack(singles, build(recipe, len(vocabulary), replicates=len(seeds)))
    optimiser, schedule = _optimiser(recipe, model)
    held_out = min(HELD_OUT, len(corpus) // 4) if recipe.until else 0
    reached = _reached(recipe, corpus[len(corpus) - held_out :], vocabulary)
    batches = _batches(recipe, Lesson.of(corpus[: len(corpus) - held_out], vocabulary, ends), seeds)
    curve: list[tuple[int, list[float]]] = []
    for step in range(recipe.steps):
        losses = _losses(model, next(batches))
        optimiser.zero_grad()
        losses.sum().backward()
        if recipe.clip is not None:
            _clip(model, recipe.clip)
        optimiser.step()
        schedule.step()
        progress(step + 1)
        if step % max(1, recipe.steps // CURVE_POINTS) == 0 or step == recipe.steps - 1:
            curve.append((step, losses.tolist()))
            if reached(model):
                break
    weights = unstack(model)
    return [Trained(seed, weights[r], [(step, losses[r]) for step, losses in curve]) for r, seed in enumerate(seeds)]


@dataclass(frozen=True)
class Lesson:
    """Sequences to learn, each axis ``batch`` of one network or ``replicate batch``.

    Args:
        read, due: as ``encode`` gives them.
        source, lengths: what the encoder of each reads first, and its length.
    """

    read: Int[Tensor, " time *batch"]
    due: Int[Tensor, " time *batch"]
    source: Int[Tensor, " source_time *batch"] | None = None
    lengths: Int[Tensor, " *batch"] | None = None

    @classmethod
    def of(cls, examples: Sequence[Example], vocabulary: Text, ends: bool = True) -> Lesson:
        """Return examples as one lesson."""
        read, due = encode(examples, vocabulary, ends)
        sources = [example.source or () for example in examples]
        if not all(sources):
            return cls(read, due)
        return cls(read, due, tokens_of(sources, vocabulary), torch.tensor([len(source) for source in sources]))

    def rows(self, rows: Int[Tensor, "replicate batch"]) -> Lesson:
        """Return the sequences of these rows for each replicate; with sources, all is cut to the longest of these."""
        read, due = self.read[:, rows], self.due[:, rows]
        if self.source is None or self.lengths is None:
            return Lesson(read, due)
        lengths, last = self.lengths[rows], int((due != IGNORED).flatten(1).any(1).sum())
        return Lesson(read[:last], due[:last], self.source[: int(lengths.max()), rows], lengths)

    def logits(self, model: LanguageModel) -> Float[Tensor, "time *batch symbol"]:
        """Return what a network expects after each token."""
        states = None
        if isinstance(model, EncoderDecoder) and self.source is not None and self.lengths is not None:
            states = model.encode(self.source, self.lengths)
        return model(self.read, states)[0]


HELD_OUT = 1000
"""How many of the last sequences (at most a quarter) are held out, where training ends by its accuracy on them."""


def _reached(recipe: Recipe, held_out: Sequence[Example], vocabulary: Text) -> Callable[[LanguageModel], bool]:
    """Whether every replicate predicts the symbol at an event in the wanted share of the held-out sequences."""
    if recipe.until is None:
        return lambda model: False
    event, share = recipe.until
    examples = [
        example for example in held_out if example.events.get(event, 0) > 0
    ]  # the first symbol is given, not predicted
    if not examples:
        message = f"none of {len(held_out)} held-out examples has an event {event!r} past its first step"
        raise TaskError(f"Recipe(until={recipe.until!r}): {message}")
    lesson = Lesson.of(examples, vocabulary)
    last = torch.tensor([example.events[event] - 1 for example in examples])
    due, batch = lesson.due[last, range(len(examples))], torch.arange(len(examples))

    @torch.no_grad()
    def reached(model: LanguageModel) -> bool:
        predicted = lesson.logits(model).movedim(1, 2)[last, batch].argmax(-1)  # [batch replicate]
        return bool(((predicted == due.unsqueeze(1)).double().mean(0) >= share).all())

    return reached


def _losses(model: LanguageModel, lesson: Lesson) -> Float[Tensor, " replicate"]:
    """Mean cross-entropy of each replicate; they share no weights, so the sum trains each as if it were alone."""
    logits, due = lesson.logits(model), lesson.due  # [time replicate batch symbol]
    due = due.unsqueeze(1).expand(logits.shape[:-1]) if due.dim() == 2 else due
    if isinstance(model, EncoderDecoder):  # row by row, which for many symbols is faster
        rows = logits.movedim(1, 0).flatten(0, 2)
        losses = nn.functional.cross_entropy(rows, due.movedim(1, 0).flatten(), ignore_index=IGNORED, reduction="none")
        losses = losses.view(due.shape[1], len(due), -1).movedim(0, 1)
    else:
        losses = nn.functional.cross_entropy(logits.movedim(-1, 1), due, ignore_index=IGNORED, reduction="none")
    return losses.sum((0, 2)) / (due != IGNORED).sum((0, 2))


def _batches(recipe: Recipe, lesson: Lesson, seeds: Sequence[int]) -> Iterator[Lesson]:
    """The whole corpus each time, or a batch ``[time replicate batch]``, drawn for every seed by its own generator."""
    if recipe.batch is None:
        while True:
            yield lesson
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        sequences = lesson.read.shape[1]
        yield lesson.rows(torch.stack([torch.randint(sequences, (recipe.batch,), generator=g) for g in generators]))


def _optimiser(recipe: Recipe, model: nn.Module) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    makers = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}
    optimiser = makers[recipe.optimiser](model.parameters(), lr=recipe.learning_rate)

    def rate(step: int) -> float:
        # With final=0.02, cosine goes from 1 over (1 + 0.02) / 2 = 0.51 at half the steps down to 0.02.
        warmed_up = min(1.0, (step + 1) / recipe.warm_up) if recipe.warm_up else 1.0
        if recipe.schedule == "constant":
            return warmed_up
        done = min(1.0, step / recipe.steps)
        return warmed_up * (recipe.final + (1 - recipe.final) * 0.5 * (1 + math.cos(math.pi * done)))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, rate)


@torch.no_grad()
def _clip(model: nn.Module, largest: float) -> None:
    """Scale the gradient of each replicate down to a norm of at most ``largest``."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    # 1e-6, as in torch's own clip_grad_norm_: a gradient of 0 stays 0.
    scale = (largest / (norms + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
