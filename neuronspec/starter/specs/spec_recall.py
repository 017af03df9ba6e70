"""A first spec: change a sentence, a bound or the task, and run `neuronspec verify` again."""

from neuronspec import Spec, char, correlation, count_of, exact_match, first, hidden, refuted, shift, zero

started_with_a = count_of(char("A")) >= 1  # 1 at every step of a string that began with A, else 0
memory = hidden.best(correlation(started_with_a))  # one unit, picked on sequences of its own, with its sign

recall = Spec(
    "recall/gru",
    seeds=3,
    says="A small GRU remembers its first letter in its hidden state.",
    source="the example that neuronspec init writes",
    claims={
        "it recalls the first letter": exact_match() >= 0.95,
        "one unit knows the letter all along": correlation(started_with_a, of=memory) >= 0.8,
        "it is the only one: without it the letter is lost": refuted(
            shift(exact_match(), under=zero(memory, at=first("Y"))) <= -0.25
        ),
    },
)
