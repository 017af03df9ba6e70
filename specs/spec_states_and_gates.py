"""States and gates: what an LSTM's hidden state, forget gate and input gate are for, over four tasks.

What a gate does by itself is in the specs of the tasks; here, gates are held open and shut to see what follows.
"""

from neuronspec import (
    Spec,
    before,
    cell,
    char,
    correlation,
    count_of,
    exact_match,
    first,
    forget_gate,
    hidden,
    input_gate,
    refuted,
    saturation,
    set_to,
    shift,
    side_effect,
    zero,
)

SOURCE = "Edwin Chen, Exploring LSTMs: States and Gates"

tally = count_of("a") - count_of("b")
counters = cell.all(correlation(tally) >= 0.95)
memory = hidden.best(correlation(count_of("A") >= 1, where=char("x"))).on(cell)


def held(gate, units, value, at):
    """By how much a gate held open (1) or shut (0) changes the share of strings that come out right."""
    return shift(exact_match(), under=set_to(units.on(gate), value, at=at))


def quieter(site, delimiter):
    """How much more of the hidden state, each unit by its largest value, is near zero before the delimiter."""

    def near_zero(where):
        return saturation(of=site, where=where, high=2, relative=True)

    return near_zero(before(delimiter)) - near_zero(~before(delimiter))


def without(site, delimiter):
    """By how much fewer strings come out right when the hidden state is zero up to the delimiter."""
    return shift(exact_match(), under=zero(site, at=before(delimiter)))


counting = Spec(
    "counting/lstm",
    seeds=20,
    says="Counting rests on open forget gates.",
    source=SOURCE,
    claims={
        "the counters' forget gates shut once, at the delimiter, lose the count": held(
            forget_gate, counters, 0.0, first("X")
        )
        <= -0.6,
        "the hidden state is quieter while it is not needed": refuted(quieter(hidden, "X") >= 0.15),
        "what the hidden state says before the delimiter is not needed": refuted(without(hidden, "X") >= -0.1),
    },
)

selective_counting = Spec(
    "selective_counting/lstm",
    seeds=20,
    says="Input gates keep out what does not count, and forget gates keep what does.",
    source=SOURCE,
    claims={
        "input gates held open at the X's spoil the count": held(input_gate, counters, 1.0, char("X")) <= -0.3,
        "input gates held shut at the a's leave nothing to count": held(input_gate, counters, 0.0, char("a")) <= -0.7,
        "forget gates held shut at the X's lose the count": held(forget_gate, counters, 0.0, char("X")) <= -0.5,
        "the hidden state is quieter while it is not needed": quieter(hidden, "Y") >= 0.12,
        "what the hidden state says before the delimiter is not needed": refuted(without(hidden, "Y") >= -0.1),
    },
)

memorising = Spec(
    "memory/lstm",
    seeds=20,
    says="Open forget gates keep the letter; that of the best unit alone is seldom all there is.",
    source=SOURCE,
    claims={
        "forget gates of all units held shut over the x's lose the letter": (
            held(forget_gate, cell, 0.0, char("x")) <= -0.2
        ),
        "that of the memory unit alone, held shut, loses it to chance": refuted(
            held(forget_gate, memory, 0.0, char("x")) <= -0.45
        ),
        "its input gate held shut over the x's changes nothing (nor does another unit's)": side_effect(
            held(input_gate, memory, 0.0, char("x")) >= -0.1
        ),
        "the hidden state is quieter while it is not needed": refuted(quieter(hidden, "Y") >= 0.12),
        "what the hidden state says before the delimiter is not needed": refuted(without(hidden, "Y") >= -0.1),
    },
)

copying = Spec(
    "copying/lstm",
    seeds=20,
    says="The top hidden state is quiet before the delimiter, and needed all the same.",
    source=SOURCE,
    claims={
        "forget gates of the top layer shut once, at the delimiter, lose the letters": (
            held(forget_gate.layer(1), cell.layer(1), 0.0, first("X")) <= -0.3
        ),
        "the hidden state is quieter while it is not needed": quieter(hidden.layer(1), "X") >= 0.1,
        "what the top hidden state says before the delimiter is not needed": refuted(
            without(hidden.layer(1), "X") >= -0.1
        ),
    },
)
