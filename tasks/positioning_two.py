"""Two words at two positions: the task of positioning, with two words and their positions read after the line."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from neuronspec import count, emits, event, symbol
from neuronspec.networks import Example

from .positioning import COMMON, GRU_128, POSITIONS, SHORTEST, Language, Words, asked, drawn, positioning, says

LANGUAGE = Language.of(200, seed=0)
WHICH = ("target", "second")


def both(first: Words, second: Words, at: Sequence[int], words: Words) -> Example:
    """Return two lines of which the second has both words, each at its position."""
    one, two = (asked(first, second, n, word) for n, word in zip(at, words, strict=True))
    return replace(
        one,
        text=(*one.text[: at[1]], words[1], *one.text[at[1] + 1 :]),
        source=(*one.source, *two.source[-2:]),
        events={f"{which}_step": n for which, n in zip(WHICH, at, strict=True)},
        symbols={f"{which}_token": word for which, word in zip(WHICH, words, strict=True)},
    )


def sample(rng: random.Random) -> Example:
    """Draw two lines, and ask for two words of the second one where they stand."""
    first, second = LANGUAGE.pair(rng)
    at = rng.sample(range(1, len(second) + 1), 2)
    return both(first, second, at, [second[n - 1] for n in at])


def probe(rng: random.Random) -> Example:
    """Draw two lines, and ask for two common words at two positions; beside it stands the same for two others."""
    first, at = LANGUAGE.line(rng), rng.sample(POSITIONS, 2)
    second = LANGUAGE.line(rng, first[-1], shortest=max(*at, SHORTEST))
    words = rng.sample(LANGUAGE.words[:COMMON], 4)
    example, pair = (both(LANGUAGE.said(first), LANGUAGE.said(second), at, two) for two in (words[:2], words[2:]))
    others = {"other_token": words[2], "other_second_token": words[3]}
    return replace(example, symbols={**example.symbols, **others}, pair=pair)


def steps(example: Example) -> list[int]:
    """Return the steps at which both words are due."""
    return [example.events[f"{which}_step"] for which in WHICH]


task = replace(
    positioning(LANGUAGE, {"gru_128": replace(GRU_128, learning_rate=0.012, steps=4000)}),
    sample=sample,
    evaluate_on=probe,
    generated_only=[
        claim
        for token, due in ((symbol(f"{which}_token"), event(f"{which}_step")) for which in WHICH)
        for claim in (count(token).between(1, 1), emits(token, at=due) >= 1)
    ],
    measures={
        "both_common_words": says(drawn(probe, "common words"), steps),
        "any_two_words": says(drawn(sample, "any words"), steps),
    },
    from_lines=None,
)
"""Its competence is about the first word that is asked for, which may come before the second or after it."""
