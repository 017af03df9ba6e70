"""A word at a position, or the end: the task of positioning, in which the line may be asked to end at the position.

The end is predicted, never read, and is no word of the text: a text that ends at step 5 has its last word at step 4. So
the moment that all examples have is the step before what is asked for.
"""

from __future__ import annotations

import random
from dataclasses import replace

from neuronspec import count, emits, event, symbol
from neuronspec.networks import Example

from .positioning import END, GRU_128, Language, drawn, positioning, says

LANGUAGE = Language.of(200, seed=0)
TRAINED, EXAMINED = 0.15, 0.5
"""How often the end is asked for."""


def word(example: Example) -> Example:
    """Return an example in which a word is asked for, with the step before it."""
    return replace(example, events={**example.events, "step_before": example.events["target_step"] - 1})


def end(example: Example) -> Example:
    """Return an example in which the end is asked for, where it was a word: its line is cut there."""
    at = example.events["target_step"]
    return replace(
        example,
        text=example.text[:at],
        source=(*example.source[:-2], END, str(at)),
        events={"step_before": at - 1, "last_step": at - 1},
        symbols={"target_token": END},
        pair=None,
    )


def sample(rng: random.Random) -> Example:
    """Draw two lines, and ask for any word of the second one where it stands, or for its end there."""
    example = LANGUAGE.sample(rng)
    return end(example) if rng.random() < TRAINED else word(example)


def probe(rng: random.Random) -> Example:
    """Draw two lines, and ask for a common word or the end; beside it stands the same for another word."""
    example = LANGUAGE.probe(rng)
    if rng.random() < EXAMINED:
        ending, pair = end(example), word(replace(example, pair=None))
        other = example.symbols["target_token"]
        return replace(ending, symbols={**ending.symbols, "other_token": other}, pair=pair)
    return replace(word(example), pair=word(example.pair))


def after_step_before(example: Example) -> list[int]:
    """Return the step at which what is asked for is due."""
    return [example.events["step_before"] + 1]


asked, due = symbol("target_token"), event("step_before") + 1

task = replace(
    positioning(LANGUAGE, {"gru_128": GRU_128}),
    sample=sample,
    evaluate_on=probe,
    generated_only=[count(asked) <= 1, emits(asked, at=due) >= 1],
    competence=emits(asked, at=due) >= 0.95,
    measures={
        "common_words": says(drawn(LANGUAGE.probe, "common words")),
        "any_word": says(drawn(LANGUAGE.held_out, "any word")),
        "the_end": says([end(example) for example in drawn(LANGUAGE.probe, "the end")], after_step_before),
    },
    from_lines=None,
)
