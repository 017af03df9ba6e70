"""Positioning with other words, other networks and other inputs: how often the word comes where it was asked for.

Six networks are trained, one for each variant, in about a quarter of an hour; ``--seeds 3`` trains eighteen. The
figures of the source are on other corpora and of other sizes.
"""

from neuronspec import Spec, refuted, task_measure

SOURCE = "Lee et al. (2020), Exposing the functionalities of neurons for gated recurrent unit based seq2seq model"


def accuracy(network, says, claims):
    return Spec(network, seeds=1, says=says, source=SOURCE, claims=claims)


wider = accuracy(
    "positioning/gru_128",
    "A GRU says a word at a position, also where it reads random words in place of its own.",
    {
        "any word comes at its position (there 98.5 and 98.1 %, of two corpora)": task_measure("any_word") >= 0.95,
        "so does a common word where any word may follow": task_measure("common_words") >= 0.95,
        "so does it where random words are read (there 98.0 %)": task_measure("amid_random_words") >= 0.95,
    },
)

lstm = accuracy(
    "positioning/lstm",
    "An LSTM says a word at a position.",
    {
        "any word comes at its position (there 97.5 %)": task_measure("any_word") >= 0.95,
        "so does a common word where any word may follow": task_measure("common_words") >= 0.95,
        "so does it where random words are read": task_measure("amid_random_words") >= 0.95,
    },
)

torch_gru = accuracy(
    "positioning/torch_gru",
    "A GRU whose reset gate acts after the product, as torch has it, says a word at a position.",
    {
        "any word comes at its position": task_measure("any_word") >= 0.95,
        "so does a common word where any word may follow": task_measure("common_words") >= 0.95,
    },
)

two = accuracy(
    "positioning_two/gru_128",
    "A GRU says two words at two positions.",
    {
        "any two words come at their positions (there 95.2 %)": task_measure("any_two_words") >= 0.9,
        "so do two common words where any words may follow": task_measure("both_common_words") >= 0.9,
    },
)

end = accuracy(
    "positioning_end/gru_128",
    "A GRU that may be asked for the end, too, ends its line at a position.",
    {
        "the line ends at the position": task_measure("the_end") >= 0.95,
        "a common word comes at its position all the same": task_measure("common_words") >= 0.95,
    },
)

thousand = accuracy(
    "positioning_1000/gru_slow",
    "A GRU says one of a thousand words at a position.",
    {
        "any word comes at its position, though it be rare": refuted(task_measure("any_word") >= 0.95),
        "so does a common word where any word may follow": task_measure("common_words") >= 0.95,
        "so does it where random words are read": task_measure("amid_random_words") >= 0.95,
    },
)
