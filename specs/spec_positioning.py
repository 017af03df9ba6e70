"""Token positioning: which units of a decoder store a word, count down to its position, trigger it and say it.

Step 0 of the decoder is the bridged state, the encoder's last one; the state at step t says the word at step t. All is
measured on what the network says itself, where it says the word once, at its position. ``due`` is that position.
"""

from neuronspec import (
    Spec,
    before,
    contribution,
    correlation,
    decoder,
    delay,
    emits,
    event,
    gate_input,
    increments,
    interchange,
    keep_only,
    matched_displacement,
    mean,
    moves,
    others,
    overlap,
    position,
    probability,
    probe,
    r2,
    refuted,
    saturation,
    shift,
    side_effect,
    step_of,
    steps_to,
    symbol,
    task_measure,
    unspecific,
    zero,
)

SOURCE = "Lee et al. 2020, Exposing the functionalities of neurons for GRU based sequence-to-sequence model"

due, asked, other = event("target_step"), symbol("target_token"), symbol("other_token")
said, left = probability(asked, at=due), steps_to(due)
now = left.equals(0)
on_the_way = before(due) & (position() >= 1)

# Three stages: a linear SVM reads the label from these units, they carry the probability of the word, and
# (the claims) editing them does what their role says. Of storing units there is one set for each word.


def read(label):
    """Return the 35 % of the units that a linear SVM keeps to read a label before the word is due."""
    return decoder.hidden.svm_rfe(label, where=before(due), keep=0.35)


def storers(keep, baseline="contrast"):
    """Return the units that tell the word from others, and matter: against the mean state of other words."""
    return read(asked).integrated_gradients(said, at=due - 1, keep=keep, baseline=baseline)


def counters(keep, baseline="past"):
    """Return the units that tell how many steps are left, and matter: against the steps before."""
    return read(left).integrated_gradients(said, at=due - 1, keep=keep, baseline=baseline)


def triggers(keep):
    """Return the units that tell the last step before the word from all others, and matter."""
    return read(left.equals(1)).integrated_gradients(said, at=due - 1, keep=keep, baseline="past")


storing, counting, triggering = storers(0.20), counters(0.20), triggers(0.20)
outputting = decoder.hidden.top(contribution(asked, at=due), keep=0.20)
by_margin = decoder.hidden.svm_rfe(asked, where=now, keep=0.35).integrated_gradients(said, at=due, keep=0.20)
both_words = storing | storing.for_symbol(other)


def lost(units, at=due - 1):
    """How much less often the word comes when units are set to 0."""
    return shift(emits(asked, at=due), under=zero(units, at=at))


def later(units, steps):
    """How often the word comes so many steps late when units are given the values of as many steps earlier."""
    return emits(asked, at=due + steps, under=delay(units, steps, at=due - 1))


def earlier(units, steps):
    """How often the word comes so many steps early when units get the values they would have had later."""
    return emits(asked, at=due - steps, under=delay(units, -steps, at=due - 1 - steps))


def masked(gate):
    """How a gate changes at the step of the word when the triggering units are 0 before it."""
    return shift(mean(of=gate, where=now), under=zero(triggering, at=due - 1))


task = Spec(
    "positioning/gru",
    seeds=3,
    says="A GRU encoder-decoder without attention says a word at the position it is told.",
    source=SOURCE,
    claims={
        "of other lines it says any word where it stood": task_measure("any_word") >= 0.95,
        "and while random words are read in place of its own": task_measure("amid_random_words") >= 0.90,
        "the word can be read from the hidden state at every step before it is due": (
            probe(asked, of=decoder.hidden, where=before(due)) >= 0.95
        ),
        "a linear SVM reads how many steps are left in 95 %": refuted(
            probe(left, of=decoder.hidden, where=before(due)) >= 0.95
        ),
        "the triggering units tell when one step is left": (
            probe(left.equals(1), of=triggering, where=before(due)) >= 0.95
        ),
    },
    reported={
        "of other lines it says any word where it stood": "98.5, 98.1 %",
        "and while random words are read in place of its own": "98.0 %",
        "the word can be read from the hidden state at every step before it is due": "> 95 %",
        "a linear SVM reads how many steps are left in 95 %": "> 95 %",
        "the triggering units tell when one step is left": "> 95 %",
    },
)

storing_units = Spec(
    "positioning/gru",
    seeds=3,
    says="A fifth of the hidden units stores the word.",
    source=SOURCE,
    claims={
        "without them the word is lost": (lost(storing) <= -0.85).against(matched_displacement()),
        "picked against the zero state they do as well": lost(storers(0.20, "zero")) <= -0.85,
        "half of them is enough to lose it mostly": lost(storers(0.10)) <= -0.60,
        "with the values of a step before, the word still comes, as with random units": unspecific(
            emits(asked, at=due, under=delay(storing, 1, at=due - 1)) >= 0.50
        ),
        "with the values from a run for another word, that word comes": (
            emits(other, at=due, under=interchange(both_words, at=due - 1)) >= 0.90
        ),
        "they are the same for all words": refuted(overlap(storing, storing.for_symbol(other)) >= 0.90),
        "yet without those of another word the word is lost, too": lost(storing.for_symbol(other)) <= -0.50,
        "they change less than the others from the first step on": (
            mean(of=increments(storing), where=on_the_way, absolute=True)
            - mean(of=increments(others(storing)), where=on_the_way, absolute=True)
            <= -0.10
        ),
    },
    reported={
        "without them the word is lost": "left: 10.7, 20.0 %",
        "with the values of a step before, the word still comes, as with random units": "87.9, 83.3 %",
    },
)

counting_units = Spec(
    "positioning/gru",
    seeds=3,
    says="A fifth of the hidden units counts down to the position.",
    source=SOURCE,
    claims={
        "given values one step earlier, the word comes one step late": (later(counting, 1) >= 0.90).against(
            matched_displacement()
        ),
        "given values two steps earlier, two steps late in half of the runs at least": (
            later(counting, 2) >= 0.45
        ).against(matched_displacement()),
        "all units that tell the steps, given values two steps earlier: two": (later(read(left), 2) >= 0.85).against(
            matched_displacement()
        ),
        "and by three: three": (later(read(left), 3) >= 0.85).against(matched_displacement()),
        "given values one step earlier, its first time is exactly one step late, in half of the runs at least": (
            moves(step_of(asked), by=1, under=delay(counting, 1, at=due - 1)) >= 0.50
        ).against(matched_displacement()),
        "with the whole state given earlier values, nearly always": side_effect(
            moves(step_of(asked), by=1, under=delay(decoder.hidden, 1, at=due - 1)) >= 0.90
        ),
        "three quarters of them are enough for one step": later(counters(0.15), 1) >= 0.80,
        "picked against the zero state they do it, too": later(counters(0.20, "zero"), 1) >= 0.60,
        "together they move in proportion to the steps that are left": r2(left, of=counting, where=on_the_way) >= 0.85,
        "one unit alone does so roughly": (
            correlation(left, of=decoder.hidden.best(correlation(left, where=on_the_way)), where=on_the_way) >= 0.80
        ),
        "the further the position, the further they begin (before training, too, if less)": side_effect(
            r2(left, of=counting, where=position().equals(1)) >= 0.85
        ),
    },
    reported={
        "given values one step earlier, the word comes one step late": "99.9, 99.5 %",
        "given values two steps earlier, two steps late in half of the runs at least": "99.9, 99.3 %",
        "and by three: three": "99.3, 98.9 % (of a fifth)",
    },
)

triggering_units = Spec(
    "positioning/gru",
    seeds=3,
    says="A fifth of the hidden units triggers the word at the step before it.",
    source=SOURCE,
    claims={
        "with their values one step early, the word comes one step early": (earlier(triggering, 1) >= 0.90).against(
            matched_displacement()
        ),
        "two steps early, two": (earlier(triggering, 2) >= 0.60).against(matched_displacement()),
        "three steps early, three": (earlier(triggering, 3) >= 0.40).against(matched_displacement()),
        "four steps early, four": (earlier(triggering, 4) >= 0.30).against(matched_displacement()),
        "they move more in the last step before the word than in those before": (
            mean(of=increments(triggering), where=left.equals(1), absolute=True)
            - mean(of=increments(triggering), where=on_the_way & (left >= 2), absolute=True)
            >= 0.05
        ),
        "they are units of their own, not those that count": refuted(overlap(counting, triggering) <= 0.40),
        "half of them are units that store": refuted(overlap(storing, triggering) >= 0.45),
    },
    reported={
        "with their values one step early, the word comes one step early": "99.8, 94.2 %",
        "two steps early, two": "96.4, 93.0 %",
        "three steps early, three": "91.2, 91.4 %",
        "four steps early, four": "84.1, 90.4 %",
    },
)

outputting_units = Spec(
    "positioning/gru",
    seeds=3,
    says="A fifth of the hidden units says the word.",
    source=SOURCE,
    claims={
        "alone they say it": emits(asked, at=due, under=keep_only(outputting, at=due)) >= 0.95,
        "without those of the largest contribution it is never said": refuted(lost(outputting, at=due) <= -0.95),
        "without those that tell it from other words it is never said": refuted(lost(by_margin, at=due) <= -0.95),
        "they are near -1 or 1 when they say it": saturation(of=outputting, where=now, low=0.0, high=0.8) >= 0.70,
        "half of them are units that store": refuted(overlap(storing, outputting) >= 0.45),
    },
    reported={
        "alone they say it": "99.9 %",
        "without those of the largest contribution it is never said": "left: close to 0 %",
    },
)

interaction = Spec(
    "positioning/gru",
    seeds=3,
    says="Triggering units open the reset gates of storing units; what else they do to gates is less clear.",
    source=SOURCE,
    claims={
        "the reset gates of storing units are closed on the way, as those of random units": unspecific(
            mean(of=storing.on(decoder.reset_gate), where=on_the_way) <= 0.20
        ),
        "at the word they are more open than those of other units": (
            mean(of=storing.on(decoder.reset_gate), where=now)
            - mean(of=others(storing).on(decoder.reset_gate), where=now)
            >= 0.30
        ),
        "with the triggering units masked they stay closed": masked(storing.on(decoder.reset_gate)) <= -0.30,
        "the triggering units' own part of the input of these gates opens them": (
            gate_input(of=storing.on(decoder.reset_gate), by=triggering, at=due) >= 1.5
        ),
        "their own part of the outputting units' update gates closes these, as random units' does": unspecific(
            gate_input(of=outputting.on(decoder.update_gate), by=triggering, at=due) <= 0.0
        ),
        "with them masked the update gates of outputting units open by .3": refuted(
            masked(outputting.on(decoder.update_gate)) >= 0.30
        ),
    },
    reported={
        "with the triggering units masked they stay closed": "0.860 to 0.594",
        "with them masked the update gates of outputting units open by .3": "0.067 to 0.410",
    },
)
