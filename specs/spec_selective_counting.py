"""Selective counting: an LSTM counts a's and ignores the X's among them."""

from neuronspec import (
    Spec,
    after,
    auroc,
    before,
    candidate,
    cell,
    char,
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
    r2,
    refuted,
    saturation,
    share_of_seeds,
    side_effect,
    size,
    task_measure,
)

SOURCE = "Edwin Chen, Exploring LSTMs: Count von Count"

tally = count_of("a") - count_of("b")  # a's read, then b's still owed
counter = cell.best(correlation(tally))
counters = cell.all(correlation(tally) >= 0.95)
reading, writing = before("Y"), after("Y")
later = position() >= 1  # at the first symbol there is nothing to keep yet
at_a, at_x = char("a") & later, char("X") & later
delimiter = hidden.best(auroc("Y"))
encoder = cell.best(correlation(tally, where=char("Y")))


def back(steps):
    """Give the counters the value they had so many b's ago: as many more are owed."""
    return delay(counters, steps, at=first("Y") + (steps + 1))


def forth(steps):
    """Give the counters the value they will have so many b's later: as many fewer are owed."""
    return delay(counters, -steps, at=first("Y") + 1)


def step(where):
    """By how much the counter moves."""
    return mean(of=increments(counter), where=where)


def gate(site, where):
    """Mean value of a gate of the counter."""
    return mean(of=counter.on(site), where=where)


selective_counting = Spec(
    "selective_counting/lstm",
    seeds=20,
    says="An LSTM counts a's in its cell state, and its input gate keeps X's out.",
    source=SOURCE,
    claims={
        "it completes strings it has not seen": exact_match() >= 0.97,
        "it goes on exactly to twelve a's and beyond": median_over_seeds(task_measure("largest_exact")) >= 12,
        "it completes strings with twenty X's": refuted(median_over_seeds(task_measure("twenty_x")) >= 0.98),
        "one cell unit counts the a's": correlation(tally, of=counter, where=reading) >= 0.98,
        "it counts a's, not steps and not X's": (correlation(tally, of=counter, where=reading) >= 0.98).against(
            position(), count_of("X")
        ),
        "the same unit counts the b's still owed": correlation(tally, of=counter, where=writing) >= 0.95,
        "at least one unit counts": size(counters) >= 1,
        "at an a it moves by far more than at an X": step(at_a) - step(at_x) >= 0.6,
        "at an X it hardly moves on average (as other units hardly do)": side_effect(step(at_x).between(-0.15, 0.15)),
        "its input gate is open at an a": gate(input_gate, at_a) >= 0.75,
        "its input gate is far more open at an a than at an X": gate(input_gate, at_a) - gate(input_gate, at_x) >= 0.3,
        "its input gate is low at an X (median network)": median_over_seeds(gate(input_gate, at_x)) <= 0.35,
        "its candidate is fully active at an X, in most networks": refuted(
            share_of_seeds(side_effect(saturation(of=counter.on(candidate), where=at_x, low=0, high=0.9) >= 0.5)) >= 0.8
        ),
        "its candidate is fully active at an a": saturation(of=counter.on(candidate), where=at_a, low=0, high=0.9)
        >= 0.7,
        "its forget gate stays open at an X": gate(forget_gate, at_x) >= 0.85,
        "setting the counters one step back prints exactly one more b": moves(length("b"), by=1, under=back(1)) >= 0.75,
        "setting the counters two steps back prints exactly two more b's": (
            moves(length("b"), by=2, under=back(2)) >= 0.75
        ),
        "setting the counters one step forth prints exactly one b fewer": (
            moves(length("b"), by=-1, under=forth(1)) >= 0.75
        ),
        "setting the counters two steps forth prints exactly two b's fewer": (
            moves(length("b"), by=-2, under=forth(2)) >= 0.75
        ),
        "setting all units but the counters one step back does not": (
            moves(length("b"), by=1, under=delay(others(counters), 1, at=first("Y") + 2)) <= 0.3
        ),
        "one hidden unit detects Y, in many networks (as before training)": share_of_seeds(
            side_effect(auroc("Y", of=delimiter) >= 0.99)
        )
        >= 0.2,
        "that unit encodes how many a's there were": refuted(r2(tally, of=delimiter, where=char("Y")) >= 0.9),
        "some cell unit encodes it at Y to a tenth of a percent": refuted(
            correlation(tally, of=encoder, where=char("Y")) >= 0.999999
        ),
        "some cell unit encodes it at Y": correlation(tally, of=encoder, where=char("Y")) >= 0.98,
    },
)

selective_counting_slow = Spec(
    "selective_counting/lstm_slow",
    seeds=20,
    says="At a third of the learning rate it counts as well, and its input gate closes less on the X's.",
    source=SOURCE + " (contrast)",
    claims={
        "it completes strings it has not seen": exact_match() >= 0.97,
        "one cell unit counts the a's": correlation(tally, of=counter, where=reading) >= 0.95,
        "at an a it moves by far more than at an X": step(at_a) - step(at_x) >= 0.4,
        "its input gate is nearly shut at an X": refuted(gate(input_gate, at_x) <= 0.22),
    },
)
