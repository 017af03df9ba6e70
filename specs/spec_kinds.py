"""Across kinds: what LSTM, peephole LSTM, GRU and plain RNN do to learn the same four tasks.

The units that carry an answer are those with the largest integrated gradients at the delimiter, between a string and
its pair, which has another answer. Measured is the share of strings in which they bring the pair's answer over.
"""

from neuronspec import (
    Spec,
    auroc,
    before,
    cell,
    char,
    correlation,
    count_of,
    emits,
    event,
    exact_match,
    hidden,
    interchange,
    length,
    median_over_seeds,
    moves,
    probability,
    refuted,
    symbol,
    task_measure,
    upcoming,
)

SOURCE = "Edwin Chen, Exploring LSTMs (across kinds)"
SITES = {"lstm": cell, "peephole_lstm": cell, "gru": hidden, "rnn": hidden}

tally = count_of("a") - count_of("b")
began_with_a = count_of("A") >= 1
last_b = probability("b", at=event("answer"))
letter = probability(symbol("answer"), at=event("answer"))
delimiter = event("delimiter")


def counts(site):
    """How well one unit goes with the a's read and the b's still owed."""
    return correlation(tally, of=site.best(correlation(tally)))


def keeps(site):
    """How well one unit goes with the string having begun with A, over what comes between."""
    began = correlation(began_with_a, where=char("x"))
    return correlation(began_with_a, of=site.best(began), where=char("x"))


def foretells(site):
    """How well one unit detects that the next letter is an a."""
    coming = auroc(upcoming("a"), where=~before("X"))
    return auroc(upcoming("a"), of=site.best(coming), where=~before("X"))


def one_b_fewer(under):
    return moves(length("b"), by=-1, under=under)


def other_letter(under):
    return emits(symbol("other"), at=event("answer"), under=under)


# What one unit says; the answer that rests on the units; how an edit shows; what goes beyond the training range.
TASKS = {
    "counting": (counts, last_b, one_b_fewer, "largest_exact"),
    "selective_counting": (counts, last_b, one_b_fewer, "largest_exact"),
    "memory": (keeps, letter, other_letter, "largest_exact"),
    "copying": (foretells, letter, other_letter, "four_letters"),
}


def across(recipe, *, says, beyond, unit, enough, too_few=None):
    """Claim of one kind on one task how far it goes, what its best unit says, and how many units carry the answer.

    Args:
        beyond: lower and upper bound of what goes beyond the training range.
        unit: the bound of the best unit; negative where no unit reaches it.
        enough: so many units carry the answer over in eight of ten sequences.
        too_few: so many do in hardly any network; None where one unit is enough in many.
    """
    task, kind = recipe.split("/")
    one_says, answer, shows, further = TASKS[task]
    site, shown = (SITES[kind].layer(1), hidden.layer(1)) if task == "copying" else (SITES[kind], SITES[kind])
    said = one_says(shown)

    def carry(n):
        units = site.integrated_gradients(answer, at=delimiter, baseline="pair", keep=n)
        return shows(interchange(units, at=delimiter)) >= 0.8

    return Spec(
        recipe,
        seeds=10,
        says=says,
        source=SOURCE,
        claims={
            "it completes its strings": exact_match() >= 0.97,
            "beyond its training range": median_over_seeds(task_measure(further)).between(*beyond),
            "the best unit": said >= unit if unit > 0 else refuted(said >= -unit),
            **{f"units that carry the answer: {n}": refuted(carry(n)) for n in [too_few] if n},
            f"units that carry the answer: {enough}": carry(enough),
        },
    )


FEW = "It counts in one or two cell units, and goes on counting."
MANY = "It learns its strings without a unit that counts: several units hold the number together."

counting_lstm = across("counting/lstm", says=FEW, beyond=(12, 60), unit=0.95, enough=2)
counting_peephole = across("counting/peephole_lstm", says=FEW, beyond=(11, 60), unit=0.95, enough=2)
counting_gru = across("counting/gru", says=MANY, beyond=(9, 12), unit=-0.95, enough=4, too_few=1)
counting_rnn = across("counting/rnn", says=MANY, beyond=(0, 12), unit=-0.95, enough=5, too_few=1)

selective_lstm = across("selective_counting/lstm", says=FEW, beyond=(12, 30), unit=0.95, enough=2)
selective_peephole = across("selective_counting/peephole_lstm", says=FEW, beyond=(12, 30), unit=0.95, enough=2)
selective_gru = across("selective_counting/gru", says=MANY, beyond=(9, 14), unit=-0.98, enough=5, too_few=1)
selective_rnn = across("selective_counting/rnn", says=MANY, beyond=(0, 12), unit=-0.95, enough=8, too_few=4)

HELD = "A handful of units say which letter it was."
memory_lstm = across("memory/lstm", says=HELD, beyond=(11, 60), unit=0.8, enough=3, too_few=1)
memory_peephole = across("memory/peephole_lstm", says=HELD, beyond=(11, 60), unit=0.8, enough=3, too_few=1)
memory_gru = across("memory/gru", says=HELD, beyond=(11, 60), unit=0.9, enough=4, too_few=1)
memory_rnn = across("memory/rnn", says=HELD, beyond=(10, 60), unit=0.9, enough=5, too_few=2)

SPREAD = "One unit foretells a letter; it takes more than two of twenty to have another one said."
copying_lstm = across("copying/lstm", says=SPREAD, beyond=(0, 0.1), unit=0.8, enough=8, too_few=3)
copying_peephole = across("copying/peephole_lstm", says=SPREAD, beyond=(0, 0.1), unit=0.8, enough=8, too_few=2)
copying_gru = across("copying/gru", says=SPREAD, beyond=(0, 0.1), unit=0.9, enough=8, too_few=4)
copying_rnn = across("copying/rnn", says=SPREAD, beyond=(0, 0.1), unit=0.9, enough=8, too_few=4)
