"""Signals -> arrays: their values at each step of some sequences."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, singledispatch
from itertools import accumulate, count

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from neuronspec.errors import Undecidable, did_you_mean
from neuronspec.language import moments as moment_words
from neuronspec.language import signals as words
from neuronspec.networks.tasks import Example, Text

NOWHERE = -1
"""The step of a moment that a sequence does not have."""

PAST = -1
"""The code in place of a symbol past a sequence's end."""


@dataclass(frozen=True)
class Sequences:
    """Some examples side by side; arrays about them are ``[time batch]``, NaN past a sequence's end.

    Args:
        generated: where a network goes on with them itself, the codes of the text so far, ``PAST`` beyond it.
    """

    examples: Sequence[Example]
    generated: Int[np.ndarray, "time batch"] | None = None

    @cached_property
    def codes(self) -> Int[np.ndarray, "time batch"]:
        """The symbols as numbers, ``PAST`` past a sequence's end."""
        if self.generated is not None:
            return self.generated
        codes = np.full((max(len(e.text) for e in self.examples), len(self.examples)), PAST)
        for column, example in enumerate(self.examples):
            codes[: len(example.text), column] = codes_of(example.text)
        return codes

    @cached_property
    def lengths(self) -> Int[np.ndarray, " batch"]:
        return (self.codes != PAST).sum(0)

    @property
    def time(self) -> int:
        return len(self.codes)

    @cached_property
    def steps(self) -> Float[np.ndarray, "time batch"]:
        """The step itself, NaN past the end."""
        return self.within(np.broadcast_to(np.arange(self.time)[:, None], self.codes.shape))

    def within(self, values: Shaped[np.ndarray, "time batch"]) -> Float[np.ndarray, "time batch"]:
        """Return the values as numbers, NaN past the end."""
        return np.where(self.codes == PAST, np.nan, values)

    def rows(self, per_example: Sequence[Sequence[float]]) -> Float[np.ndarray, "time batch"]:
        """Lay one list of values per example side by side."""
        values = np.full((self.time, len(self.examples)), np.nan)
        for column, row in enumerate(per_example):
            values[: len(row), column] = row
        return values


def codes_of(text: Text) -> Int[np.ndarray, " time"]:
    """Return the symbols of a text as numbers: characters as code points, words beyond these."""
    if isinstance(text, str):
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(int)
    return np.fromiter(map(_code, text), dtype=int, count=len(text))


@cache
def _code(symbol: str) -> int:
    return ord(symbol) if len(symbol) == 1 else sys.maxunicode + 1 + next(_words)


_words = count()


@singledispatch
def values(signal: object, on: Sequences) -> Float[np.ndarray, "time batch"]:
    """Return the value of a signal at every step; yes/no as 1 and 0, NaN where it is undefined."""
    raise NotImplementedError(f"no array for {signal!r}")


def holds(signal: object, on: Sequences) -> Bool[np.ndarray, "time batch"]:
    """Return where a yes/no signal holds; everywhere (but past the end) for None."""
    return np.isfinite(on.steps) if signal is None else values(signal, on) == 1


@values.register
def _values_of_char(signal: words.char, on: Sequences) -> np.ndarray:
    return on.within(_is(signal.symbol, on))


@values.register
def _values_of_one_of(signal: words.one_of, on: Sequences) -> np.ndarray:
    return on.within(np.isin(on.codes, codes_of(signal.symbols)))


def _is(symbol: str, on: Sequences) -> np.ndarray:
    return on.codes == _code(symbol)


@values.register
def _values_of_regex(signal: words.regex, on: Sequences) -> np.ndarray:
    return on.rows([_matched(signal.pattern, example.text) for example in on.examples])


def _matched(pattern: str, text: Text) -> list[bool]:
    """Where a pattern matches; in a text of words, joined by blanks, every word that a match touches."""
    joined = text if isinstance(text, str) else " ".join(text)
    matched = [False] * len(joined)
    for match in re.finditer(pattern, joined):
        matched[match.start() : match.end()] = [True] * len(match.group())
    if isinstance(text, str):
        return matched
    starts = [0, *accumulate(len(word) + 1 for word in text)]
    return [any(matched[start : start + len(word)]) for start, word in zip(starts, text, strict=False)]


@values.register
def _values_of_inside(signal: words.inside, on: Sequences) -> np.ndarray:
    opens, closes = _is(signal.open, on), _is(signal.close or signal.open, on)
    if signal.close in (None, signal.open):
        within = opens.cumsum(0) % 2 == 1
    else:  # the latest mark decides; a second opening one, or a closing one outside, changes nothing
        step = np.arange(on.time)[:, None]
        latest = (np.maximum.accumulate(np.where(mark, step, NOWHERE), axis=0) for mark in (opens, closes))
        within = np.greater(*latest)
    before = np.concatenate([np.zeros_like(within[:1]), within[:-1]])
    return on.within(before & ~closes)


@values.register
def _values_of_depth(signal: words.depth, on: Sequences) -> np.ndarray:
    return on.within((_is(signal.open, on).astype(int) - _is(signal.close, on)).cumsum(0))


@values.register
def _values_of_count_of(signal: words.count_of, on: Sequences) -> np.ndarray:
    return np.where(np.isfinite(on.steps), np.nancumsum(values(signal.signal, on), axis=0), np.nan)


@values.register
def _values_of_remaining(signal: words.remaining, on: Sequences) -> np.ndarray:
    counted = values(words.count_of(signal.signal), on)
    return np.nanmax(counted, axis=0) - counted


@values.register
def _values_of_position(signal: words.position, on: Sequences) -> np.ndarray:
    return on.steps


@values.register
def _values_of_since(signal: words.since, on: Sequences) -> np.ndarray:
    steps = on.steps
    occurrences = np.where(values(signal.signal, on) == 1, steps, -np.inf)
    elapsed = steps - np.maximum.accumulate(occurrences, axis=0)
    return np.where(np.isfinite(elapsed), elapsed, np.nan)


@values.register
def _values_of_upcoming(signal: words.upcoming, on: Sequences) -> np.ndarray:
    per_step = values(signal.signal, on)
    return np.concatenate([per_step[1:], np.full_like(per_step[:1], np.nan)])


@values.register
def _values_of_steps_to(signal: words.steps_to, on: Sequences) -> np.ndarray:
    at = moments(signal.moment, on)
    return np.where(at == NOWHERE, np.nan, at - on.steps)


@values.register
def _values_of_label(signal: words.label, on: Sequences) -> np.ndarray:
    known = {name for example in on.examples for name in example.labels}
    if signal.name not in known:
        raise Undecidable(f"no sequence here has a label {signal.name!r}{did_you_mean(signal.name, known)}")
    return on.rows([example.labels.get(signal.name, ()) for example in on.examples])


@values.register
def _values_of_before(signal: words.before, on: Sequences) -> np.ndarray:
    return _compared(np.less, signal.moment, on)


@values.register
def _values_of_after(signal: words.after, on: Sequences) -> np.ndarray:
    return _compared(np.greater, signal.moment, on)


def _compared(comparison: np.ufunc, moment: object, on: Sequences) -> np.ndarray:
    """A sequence without the moment has no steps before or after it, unless it goes on and may still reach it."""
    at, steps = moments(moment, on), on.steps
    result = comparison(steps, at) & (at != NOWHERE)
    if on.generated is not None and comparison is np.less:
        result |= _may_come(moment, on)
    return np.where(np.isfinite(steps), result, np.nan)


def _may_come(moment: object, on: Sequences) -> Bool[np.ndarray, " batch"]:
    """Whether a text that goes on may still reach a moment."""
    if isinstance(moment, moment_words.Shifted):
        inner = moments(moment.moment, on)
        return np.where(inner == NOWHERE, _may_come(moment.moment, on), inner + moment.steps >= on.lengths)
    if isinstance(moment, moment_words.event):
        return np.array([example.events.get(moment.name, NOWHERE) for example in on.examples]) >= on.lengths
    return moments(moment, on) == NOWHERE


@values.register
def _values_of_shuffled(signal: words.Shuffled, on: Sequences) -> np.ndarray:
    return on.within(values(signal.signal, on)[:, signal.permutation(len(on.examples))])


@values.register
def _values_of_and(signal: words.And, on: Sequences) -> np.ndarray:
    return np.minimum(values(signal.left, on), values(signal.right, on))


@values.register
def _values_of_or(signal: words.Or, on: Sequences) -> np.ndarray:
    return np.maximum(values(signal.left, on), values(signal.right, on))


@values.register
def _values_of_not(signal: words.Not, on: Sequences) -> np.ndarray:
    return 1 - values(signal.signal, on)


@values.register
def _values_of_plus(signal: words.Plus, on: Sequences) -> np.ndarray:
    return values(signal.left, on) + values(signal.right, on)


@values.register
def _values_of_minus(signal: words.Minus, on: Sequences) -> np.ndarray:
    return values(signal.left, on) - values(signal.right, on)


@values.register
def _values_of_at_least(signal: words.AtLeast, on: Sequences) -> np.ndarray:
    return _threshold(np.greater_equal, signal, on)


@values.register
def _values_of_at_most(signal: words.AtMost, on: Sequences) -> np.ndarray:
    return _threshold(np.less_equal, signal, on)


@values.register
def _values_of_equals(signal: words.Equals, on: Sequences) -> np.ndarray:
    return _threshold(np.equal, signal, on)


def _threshold(comparison: np.ufunc, signal: words.Comparison, on: Sequences) -> np.ndarray:
    per_step = values(signal.signal, on)
    return np.where(np.isnan(per_step), np.nan, comparison(per_step, signal.value))


# Moments.


@singledispatch
def moments(moment: object, on: Sequences) -> Int[np.ndarray, " batch"]:
    """Return the step of a moment in each sequence, NOWHERE in one that lacks it."""
    raise NotImplementedError(f"no step for {moment!r}")


@moments.register
def _step_of_first(moment: moment_words.first, on: Sequences) -> np.ndarray:
    where = holds(moment.signal, on)
    return np.where(where.any(0), where.argmax(0), NOWHERE)


@moments.register
def _step_of_last(moment: moment_words.last, on: Sequences) -> np.ndarray:
    where = holds(moment.signal, on)
    return np.where(where.any(0), len(where) - 1 - where[::-1].argmax(0), NOWHERE)


@moments.register
def _step_of_event(moment: moment_words.event, on: Sequences) -> np.ndarray:
    known = {name for example in on.examples for name in example.events}
    if moment.name not in known:
        raise Undecidable(f"no sequence here has an event {moment.name!r}{did_you_mean(moment.name, known)}")
    at = np.array([example.events.get(moment.name, NOWHERE) for example in on.examples])
    return np.where(at < on.lengths, at, NOWHERE)  # a generated text may end before the event


@moments.register
def _step_of_start(moment: moment_words.Start, on: Sequences) -> np.ndarray:
    return np.zeros(len(on.examples), dtype=int)


@moments.register
def _step_of_end(moment: moment_words.End, on: Sequences) -> np.ndarray:
    return on.lengths - 1


@moments.register
def _step_of_shifted(moment: moment_words.Shifted, on: Sequences) -> np.ndarray:
    inner = moments(moment.moment, on)
    at = inner + moment.steps
    return np.where((inner != NOWHERE) & (at >= 0) & (at < on.lengths), at, NOWHERE)
