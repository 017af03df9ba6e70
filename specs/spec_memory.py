"""Remembering: how a network keeps the letter that a string began with, over all that comes between."""

from neuronspec import (
    Spec,
    auroc,
    cell,
    char,
    correlation,
    count_of,
    emits,
    event,
    exact_match,
    first,
    forget_gate,
    hidden,
    input_gate,
    interchange,
    mean,
    median_over_seeds,
    probability,
    refuted,
    share_of_seeds,
    side_effect,
    symbol,
    task_measure,
)

SOURCE = "Edwin Chen, Exploring LSTMs: Remembering State"

began_with_a = count_of("A") >= 1
between = char("x")
in_a, in_b = between & began_with_a, between & ~began_with_a
early = between & (count_of("x") <= 3)

shown = hidden.best(correlation(began_with_a, where=between))  # one unit, its sign such that it is high after an A
memory = shown.on(cell)
letter = probability(symbol("answer"), at=event("answer"))


def holders(n):
    """Return the n cell units whose difference to the string with the other letter matters most to the answer."""
    return cell.integrated_gradients(letter, at=first("Y") - 1, baseline="pair", keep=n)


def takes_over(n):
    """Share of strings that end with the other letter when n units have their values from a string that began so."""
    return emits(symbol("other"), at=event("answer"), under=interchange(holders(n), at=first("Y") - 1))


memory_lstm = Spec(
    "memory/lstm",
    seeds=20,
    says="An LSTM keeps one of two letters in the cell state of very few units.",
    source=SOURCE,
    claims={
        "it ends every string in its training range with the right letter": exact_match() >= 0.99,
        "it goes on exactly to twelve x's and beyond": median_over_seeds(task_measure("largest_exact")) >= 12,
        "one cell unit separates A from B over all x's (so it does before training)": side_effect(
            auroc(began_with_a, of=memory, where=between) >= 0.99
        ),
        "one hidden unit separates A from B over all x's (so it does before training)": side_effect(
            auroc(began_with_a, of=shown, where=between) >= 0.99
        ),
        "it keeps them far apart in the cell state": (mean(of=memory, where=in_a) - mean(of=memory, where=in_b) >= 1.2),
        "it is high after an A, as other units are": side_effect(mean(of=memory, where=in_a) >= 0.25),
        "the same unit is low after a B: one unit with two sides, not one for each letter": side_effect(
            mean(of=memory, where=in_b) <= -0.25
        ),
        "the hidden state shows the letter over the first three x's already": (
            mean(of=shown, where=early & began_with_a) - mean(of=shown, where=early & ~began_with_a) >= 0.8
        ),
        "two units from a string with the other letter bring the other letter": takes_over(2) >= 0.8,
        "a single unit does, in nine of ten networks": refuted(share_of_seeds(takes_over(1) >= 0.9) >= 0.9),
        "its forget gate is open over the x's": mean(of=memory.on(forget_gate), where=between) >= 0.85,
        "its input gate is closed over the x's, in most networks": refuted(
            share_of_seeds(mean(of=memory.on(input_gate), where=between) <= 0.2) >= 0.85
        ),
        "its forget gate closes at Y": refuted(mean(of=memory.on(forget_gate), where=char("Y")) <= 0.3),
        "its forget gate closes at the last letter, in most networks": refuted(
            share_of_seeds(mean(of=memory.on(forget_gate), where=char("a") | char("b")) <= 0.5) >= 0.75
        ),
        "it does double duty in many networks: after an A it goes with the number of x's, not with three or more": (
            share_of_seeds((correlation(count_of("x"), of=memory, where=in_a) >= 0.85).against(count_of("x") >= 3))
            >= 0.2
        ),
    },
)

memory_lstm_small = Spec(
    "memory/lstm_small",
    seeds=20,
    says="Ten units are enough to keep a letter, though not every network learns it.",
    source=SOURCE + " (contrast)",
    claims={
        "many networks complete their strings": share_of_seeds(exact_match() >= 0.99) >= 0.15,
        "two units from a string with the other letter bring the other letter": takes_over(2) >= 0.8,
    },
)
