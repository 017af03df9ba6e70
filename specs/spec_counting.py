"""Counting: what an LSTM does to learn a^n X b^n, and what a GRU and a plain RNN do not."""

from neuronspec import (
    Spec,
    after,
    before,
    candidate,
    cell,
    correlation,
    count_of,
    delay,
    exact_match,
    first,
    forget_gate,
    hidden,
    increments,
    input_gate,
    length,
    mean,
    median_over_seeds,
    moves,
    others,
    position,
    refuted,
    saturation,
    share_of_seeds,
    size,
    spread,
    task_measure,
    unspecific,
)

SOURCE = "Edwin Chen, Exploring LSTMs, part two: Counting"

tally = count_of("a") - count_of("b")  # a's read, then b's still owed
counter = cell.best(correlation(tally))  # one unit, picked on the discovery split, with its sign
counters = cell.all(correlation(tally) >= 0.95)  # every unit that counts

reading, writing = before("X"), after("X")
under_way = reading & (position() >= 2)  # the first two a's set the unit up
in_use = (reading & (position() >= 1)) | writing  # at the first a there is nothing to forget yet


def back(steps):
    """Give the counters the value they had so many b's ago: as many more are owed."""
    return delay(counters, steps, at=first("X") + (steps + 1))


def forth(steps):
    """Give the counters the value they will have so many b's later: as many fewer are owed."""
    return delay(counters, -steps, at=first("X") + 1)


counting = Spec(
    "counting/lstm",
    seeds=20,
    says="An LSTM trained on a^n X b^n counts in its cell state.",
    source=SOURCE,
    claims={
        "it completes every string in its training range": exact_match() >= 0.99,
        "it goes on exactly to n = 13 and beyond": median_over_seeds(task_measure("largest_exact")) >= 13,
        "its first failure is one b short": share_of_seeds(task_measure("extra_at_first_failure").between(-1, -1))
        >= 0.75,
        "one cell unit counts the a's it has read": correlation(tally, of=counter, where=reading) >= 0.99,
        "the same unit counts the b's it still owes": correlation(tally, of=counter, where=writing) >= 0.99,
        "both on one scale": correlation(tally, of=counter) >= 0.95,
        "at least one unit counts": size(counters) >= 1,
        "it adds the same for every a": spread(of=increments(counter), where=under_way, relative=True) <= 0.1,
        "it takes off the same for every b": spread(of=increments(counter), where=writing, relative=True) <= 0.1,
        "its input gate is nearly constant over the a's": unspecific(
            spread(of=counter.on(input_gate), where=reading) <= 0.15
        ),
        "its input gate is nearly constant over the b's": unspecific(
            spread(of=counter.on(input_gate), where=writing) <= 0.15
        ),
        "its candidate is nearly constant over the a's": unspecific(
            spread(of=counter.on(candidate), where=under_way) <= 0.1
        ),
        "its candidate is nearly constant over the b's": unspecific(
            spread(of=counter.on(candidate), where=writing) <= 0.1
        ),
        "its candidate flips from one end to the other at X": (
            mean(of=counter.on(candidate), where=reading) - mean(of=counter.on(candidate), where=writing) >= 1.5
        ),
        "its forget gate stays near 1": mean(of=counter.on(forget_gate), where=in_use) >= 0.9,
        "the hidden state is sharper than the cell, each unit by its own largest value": (
            saturation(of=hidden, relative=True) - saturation(of=cell, relative=True) >= 0.1
        ),
        "the hidden state is sharper than the cell on raw values": refuted(
            saturation(of=hidden) - saturation(of=cell) >= 0
        ),
        "a hidden unit counts as linearly as the cell": refuted(
            correlation(tally, of=hidden.best(correlation(tally))) >= 0.95
        ),
        "setting the counters one step back prints exactly one more b": moves(length("b"), by=1, under=back(1)) >= 0.8,
        "setting the counters two steps back prints exactly two more b's": moves(length("b"), by=2, under=back(2))
        >= 0.8,
        "setting the counters three steps back prints exactly three more b's": (
            moves(length("b"), by=3, under=back(3)) >= 0.8
        ),
        "setting the counters one step forth prints exactly one b fewer": moves(length("b"), by=-1, under=forth(1))
        >= 0.8,
        "setting the counters two steps forth prints exactly two b's fewer": moves(length("b"), by=-2, under=forth(2))
        >= 0.8,
        "setting the counters three steps forth prints exactly three b's fewer": (
            moves(length("b"), by=-3, under=forth(3)) >= 0.8
        ),
        "setting all units but the counters one step back does not": (
            moves(length("b"), by=1, under=delay(others(counters), 1, at=first("X") + 2)) <= 0.2
        ),
    },
)


def learns_without_counting(recipe, says):
    """The contrast: the same strings, and no unit that counts."""
    return Spec(
        recipe,
        seeds=10,
        says=says,
        source=SOURCE + " (contrast)",
        claims={
            "it completes every string in its training range": exact_match() >= 0.99,
            "it hardly goes on beyond them": median_over_seeds(task_measure("largest_exact")) <= 12,
            "one hidden unit counts": refuted(correlation(tally, of=hidden.best(correlation(tally))) >= 0.95),
        },
    )


counting_gru = learns_without_counting(
    "counting/gru", "A GRU learns the strings it is shown, and does not learn to count."
)
counting_rnn = learns_without_counting(
    "counting/rnn", "A plain RNN learns the strings it is shown, and does not learn to count."
)
