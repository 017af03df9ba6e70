"""The roles that can be planted.

Every function takes a kind (``rnn``, ``lstm`` or ``gru``) and, beside its own arguments, those of
``build.Variant``: ``units sign decoys duplicated rotated noise seed``. "Exact" means, without noise and at
every step of every text: while the signal holds, the hidden state of the unit is above 0.7, else below 0.1. Rotated,
that is true of one direction.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

from neuronspec.errors import NeuronspecError
from neuronspec.language.signals import Signal, char, count_of, inside, one_of, regex
from neuronspec.planted.build import Planted, Role, plant
from neuronspec.planted.parts import Bit, Counter, Latch

LETTERS = "abcdefgh"


def planted_detector(kind: str, on: str = "c", *, alphabet: str = LETTERS, **variant: Any) -> Planted:
    """Return a network with a unit that is high exactly on the characters ``on``.

    Exact, rotated too. The read-out says 1 where the unit is high, 0 elsewhere.
    """
    role = Role(
        parts=(Bit(-1, dict.fromkeys(on, 2), {}),),
        signal=_any_of(on),
        alphabet=alphabet,
        marks=on,
        draw=lambda rng: _mixed(rng, alphabet, on),
        description=f"a detector of {on!r}",
        says={0: "1"},
    )
    return plant(kind, role, **variant)


def planted_latch(
    kind: str, marks: str = "()", *, opening: bool = False, alphabet: str = LETTERS, **variant: Any
) -> Planted:
    """Return a network with a unit that is high between an opening and a closing mark.

    Exact, at cell and hidden alike. The unit reads a latch, which is high at the opening mark too. Gates hold that
    latch in an LSTM (input and forget gate) and a GRU (update gate); in an RNN it is bistable. Rotated, it is exact
    where marks come in pairs and are not nested, as in its texts. The read-out says 1 inside, 0 elsewhere.

    Args:
        marks: both marks, two different symbols.
        opening: whether the latch itself is to be the unit; the signal then holds at the opening mark too.
        alphabet: all other symbols.
    """
    if len(marks) != 2:
        raise NeuronspecError(f"marks={marks!r}: expected an opening and a closing one")
    begin, close = marks[0], marks[1]
    latch, between = Latch(begin, close), Bit(-1, {close: -2}, {0: 2})
    role = Role(
        parts=(latch,) if opening else (latch, between),
        signal=char(begin) | inside(begin, close) if opening else inside(begin, close),
        alphabet=alphabet + marks,
        marks=marks,
        draw=lambda rng: _bracketed(rng, alphabet, begin, close),
        description=f"a latch between {begin!r} and {close!r}",
        says={0 if opening else 1: "1"},
    )
    return plant(kind, role, **variant)


def planted_tally(kind: str, up: str = "a", down: str = "b", *, alphabet: str = "cde", **variant: Any) -> Planted:
    """Return a network with a unit that goes up at one symbol and down at another, and completes a^n X b^n by it.

    The cell of an LSTM moves by 0.05, exactly; its hidden state is the tanh of that. All else moves by 0.0001 where
    tanh is as good as linear: within 0.02 of a count up to counts of 50, within 0.2 up to 100, rotated too. The
    read-out says ``down`` while the count is above one quarter, then the end.

    Args:
        alphabet: further symbols, which come among the first; ``X`` is always there.
    """
    _symbol("up", up)
    _symbol("down", down)
    role = Role(
        parts=(Counter(up, down),),
        signal=count_of(char(up)) - count_of(char(down)),
        alphabet=up + "X" + down + alphabet,
        marks=up + "X" + down,
        draw=lambda rng: _counted(rng, up, down, alphabet),
        description=f"a counter of {up!r} less {down!r}",
        says={0: down},
        otherwise="$",
        answers="$",
        spread=3.0,
    )
    return plant(kind, role, **variant)


def planted_copy(kind: str, lag: int = 3, on: str = "c", *, alphabet: str = LETTERS, **variant: Any) -> Planted:
    """Return a network with a unit that is high where the symbol ``lag`` steps before was one of ``on``.

    Exact, rotated too. A register of ``lag`` units, the first a detector, hands it on to the unit, one step each. The
    read-out says 1 where the unit is high, 0 elsewhere.
    """
    _whole("lag", lag, 1)
    role = Role(
        parts=(Bit(-1, dict.fromkeys(on, 2), {}), *(Bit(-1, {}, {stage: 2}) for stage in range(lag))),
        signal=_earlier(on, lag),
        alphabet=alphabet,
        marks=on,
        draw=lambda rng: _mixed(rng, alphabet, on, lag),
        description=f"a copy of {on!r} from {lag} steps before",
        says={lag: "1"},
    )
    return plant(kind, role, **variant)


def planted_trigger(kind: str, delimiter: str = "|", *, alphabet: str = LETTERS, **variant: Any) -> Planted:
    """Return a network with a unit that is high at the first delimiter only.

    Exact. A latch, set at the first delimiter and never reset, keeps the unit from firing again. It cannot be
    rotated: the latch matters only together with a delimiter, which no linear code can express. The read-out says 1 at
    the first delimiter, 0 elsewhere.
    """
    _symbol("delimiter", delimiter)
    role = Role(
        parts=(Latch(delimiter, ""), Bit(-3, {delimiter: 4}, {0: -2})),
        signal=char(delimiter) & count_of(char(delimiter)).equals(1),
        alphabet=alphabet + delimiter,
        marks=delimiter,
        draw=lambda rng: _delimited(rng, alphabet, delimiter),
        description=f"a trigger at the first {delimiter!r}",
        says={1: "1"},
        is_linear=False,
    )
    return plant(kind, role, **variant)


def planted_predictor(
    kind: str, letter: str = "a", *, letters: str = "abc", period: int = 3, **variant: Any
) -> Planted:
    """Return a network that continues a word of ``period`` letters that is repeated, and the unit of one letter.

    Exact, rotated too. Every letter has a register of ``period`` units; the last of them is high where this letter was
    read ``period - 1`` steps before, so that it comes next. The read-out says the letter whose last unit is high, and
    0 before the word has been read once.
    """
    _whole("period", period, 2)
    _symbol("letter", letter)
    if letter not in letters:
        raise NeuronspecError(f"letter={letter!r}: expected one of letters={letters!r}")
    parts = [
        Bit(-1, {}, {number * period + stage - 1: 2}) if stage else Bit(-1, {symbol: 2}, {})
        for number, symbol in enumerate(letters)
        for stage in range(period)
    ]
    last = {symbol: (number + 1) * period - 1 for number, symbol in enumerate(letters)}
    role = Role(
        parts=tuple(parts),
        signal=_earlier(letter, period - 1),
        alphabet=letters,
        marks=letter,
        draw=lambda rng: _repeated(rng, letters, letter, period),
        description=f"a predictor of {letter!r}",
        says={part: symbol for symbol, part in last.items()},
        answers="0$",
        at=last[letter],
    )
    return plant(kind, role, **variant)


def _whole(name: str, value: int, low: int) -> None:
    if not isinstance(value, int) or value < low:
        raise NeuronspecError(f"{name}={value!r}: expected a whole number of at least {low}")


def _symbol(name: str, value: str) -> None:
    if not isinstance(value, str) or len(value) != 1:
        raise NeuronspecError(f"{name}={value!r}: expected one symbol")


def _any_of(symbols: str) -> Signal:
    return char(symbols) if len(symbols) == 1 else one_of(symbols)


def _earlier(symbols: str, lag: int) -> Signal:
    """Hold where one of the symbols stands ``lag`` steps before."""
    return regex(f"(?s)(?<=[{re.escape(symbols)}].{{{lag - 1}}}).")


# Texts.


def _random_text(rng: Random, alphabet: str, low: int, high: int) -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(low, high)))


def _mixed(rng: Random, alphabet: str, on: str, lag: int = 0) -> str:
    """Symbols in any order: those of ``on`` more often than others, and one in the middle, early enough for a lag."""
    rest = "".join(symbol for symbol in alphabet if symbol not in on)
    text = [rng.choice(on if rng.random() < 0.3 else rest) for _ in range(rng.randint(16, 28) + 2 * lag)]
    text[len(text) // 2] = rng.choice(on)
    return "".join(text)


def _bracketed(rng: Random, alphabet: str, begin: str, close: str) -> str:
    pairs = [
        _random_text(rng, alphabet, 1, 6) + begin + _random_text(rng, alphabet, 1, 6) + close
        for _ in range(rng.randint(1, 3))
    ]
    return "".join(pairs) + _random_text(rng, alphabet, 0, 4)


def _counted(rng: Random, up: str, down: str, alphabet: str) -> str:
    n = rng.randint(1, 8)
    before = list(up * n + _random_text(rng, alphabet, 2, 8))
    rng.shuffle(before)
    return "".join(before) + "X" + down * n


def _delimited(rng: Random, alphabet: str, delimiter: str) -> str:
    return delimiter.join(_random_text(rng, alphabet, 1, 6) for _ in range(rng.randint(3, 4)))


def _repeated(rng: Random, letters: str, letter: str, period: int) -> str:
    """A word with the letter and at least one other in it, repeated."""
    others = "".join(symbol for symbol in letters if symbol != letter)
    word = [letter, rng.choice(others), *rng.choices(letters, k=period - 2)]
    rng.shuffle(word)
    return "".join(word) * rng.randint(3, 6)
