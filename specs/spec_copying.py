"""Copying: three letters kept over a delimiter, and said again."""

from functools import reduce
from operator import or_

from neuronspec import (
    Spec,
    auroc,
    before,
    cell,
    char,
    correlation,
    exact_match,
    hidden,
    label,
    median_over_seeds,
    refuted,
    saturation,
    share_of_seeds,
    side_effect,
    size,
    task_measure,
    upcoming,
)

SOURCE = "Edwin Chen, Exploring LSTMs: Copy Task"
LETTERS = "abc"
PLACES = ("first", "second", "third")

top = hidden.layer(1)
reading, saying, asked = before("X"), ~before("X"), char("X")
tells = 0.85  # AUROC from which on a unit counts as a detector


def next_is(letter):
    return auroc(upcoming(letter), where=saying)


def predictor(letter):
    """The top unit that goes best with "the next letter is this one"."""
    return top.best(next_is(letter))


def starter(letter):
    """The top unit that tells best, at X, whether the string began with a letter."""
    return top.best(auroc(label(f"first_is_{letter}"), where=asked))


predictors = reduce(or_, [top.all(next_is(letter) >= tells) for letter in LETTERS])
fixed = reduce(
    or_, [top.all(auroc(label(f"{p}_is_{c}"), where=saying) >= tells) for p in PLACES for c in LETTERS]
)  # units that tell one place of the string, whatever is to be said now
off = top.all(saturation(where=reading, low=0.2, high=2) >= 0.99)  # below 0.2 while the letters are read


def predicts(letter, bound):
    """Claim that one unit predicts a letter, better than it tells that the string began with it."""
    return (auroc(upcoming(letter), of=predictor(letter), where=saying) >= bound).against(label(f"first_is_{letter}"))


def ordered(site, by, order):
    """How one unit at X goes with the strings sorted by the first letter first (rank), or the last one first (back)."""
    place = label(f"{by}_{order}")
    return correlation(place, of=site.best(correlation(place, where=asked)), where=asked)


def quieter():
    """How much more of the top hidden state, each unit by its largest value, is near zero while letters are read."""

    def near_zero(where):
        return saturation(of=top, where=where, high=2, relative=True)

    return near_zero(reading) - near_zero(saying)


sorter = cell.layer(1).best(correlation(label("rank_abc"), where=asked))

copying = Spec(
    "copying/lstm",
    seeds=20,
    says="The top units of an LSTM that copies say what comes next, rather than what the string began with.",
    source=SOURCE,
    claims={
        "it copies every string": exact_match() >= 0.99,
        "it copies four letters": refuted(median_over_seeds(task_measure("four_letters")) >= 0.1),
        **{
            f"at X, one top unit tells whether the string began with {letter}": (
                auroc(label(f"first_is_{letter}"), of=starter(letter), where=asked) >= 0.95
            )
            for letter in LETTERS
        },
        **{f"one top unit says that the next letter is {letter}": predicts(letter, 0.85) for letter in LETTERS},
        "the unit that tells at X that the string began with a says then that a comes next, in nearly all networks": (
            refuted(share_of_seeds(auroc(upcoming("a"), of=starter("a"), where=saying) >= 0.8) >= 0.9)
        ),
        "at least three top units are predictors": size(predictors) >= 3,
        "three of four top units are predictors and of no fixed place": refuted(size(predictors - fixed) >= 15),
        "one cell unit at X orders the strings, the first letter first (r)": (
            median_over_seeds(ordered(cell.layer(1), "rank", "abc")) >= 0.8
        ),
        **{
            f"the first letter first, where before training the last comes first ({order})": side_effect(
                ordered(cell.layer(1), "rank", order) - ordered(cell.layer(1), "back", order) >= 0.05
            )
            for order in ("abc", "bca", "cab")
        },
        "that order is exact": refuted(ordered(cell.layer(1), "rank", "abc") >= 0.99),
        "its order has the second letter in it, too, in many networks (so may that of other units)": (
            share_of_seeds(
                side_effect(
                    correlation(label("rank_abc"), of=sorter, where=asked)
                    - correlation(label("lead_abc"), of=sorter, where=asked)
                    >= 0
                )
            )
            >= 0.3
        ),
        "that unit tells the third letter, of strings that begin with the same two": refuted(
            share_of_seeds(
                side_effect(auroc(label("third_is_c"), of=sorter, where=asked & label("begins_with_aa")) >= 0.9)
            )
            >= 0.8
        ),
        "the top hidden state is quieter while letters are read than while they are said": quieter() >= 0.1,
        "the predictor of b is off while letters are read, in most networks": refuted(
            share_of_seeds(side_effect(saturation(of=predictor("b"), where=reading, low=0.2, high=2) >= 0.9)) >= 0.8
        ),
        "some predictor is off while letters are read, in most networks": refuted(
            share_of_seeds(size(predictors & off) >= 1) >= 0.8
        ),
    },
)


def other_kind(recipe, count):
    """The same of a network without a cell state."""
    return Spec(
        recipe,
        seeds=10,
        says="Where copying is learnt without a cell state, more of the top units say what comes next.",
        source=SOURCE + " (across kinds)",
        claims={
            "it copies every string": exact_match() >= 0.99,
            **{f"one top unit says that the next letter is {letter}": predicts(letter, 0.9) for letter in LETTERS},
            f"at least {count} of the 20 top units are predictors and of no fixed place": size(predictors - fixed)
            >= count,
            "the top hidden state is quieter while letters are read than while they are said": refuted(
                quieter() >= 0.12
            ),
        },
    )


copying_gru = other_kind("copying/gru", 8)
copying_rnn = other_kind("copying/rnn", 12)

copying_one_layer = Spec(
    "copying/lstm_one_layer",
    seeds=20,
    says="One layer is enough to copy three letters.",
    source=SOURCE + " (contrast)",
    claims={
        "it copies every string": exact_match() >= 0.99,
        "one cell unit at X orders the strings, the first letter first (r)": (
            median_over_seeds(ordered(cell, "rank", "abc")) >= 0.8
        ),
    },
)
