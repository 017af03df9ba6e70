"""What the engine says it can evaluate is what it can, and the rest is refused by name at collection."""

from dataclasses import replace

import pytest

import neuronspec as ns
from neuronspec import fit
from neuronspec.engine import sequences
from neuronspec.engine.measures import evaluate
from neuronspec.engine.picks import picks
from neuronspec.engine.runs import edits
from neuronspec.engine.unit_sets import units
from neuronspec.errors import SpecError, TaskError
from neuronspec.language.expression import WORDS
from neuronspec.language.picks import Picked
from neuronspec.networks.recipes import Recipe
from neuronspec.networks.tasks import Example, Task

TASK = Task(
    alphabet="aXb",
    examples=(Example("aXb", events={"delimiter": 1}, symbols={"letter": "a"}),),
    competence=ns.exact_match() >= 0.99,
    recipes={},
    name="counting",
)
RECIPE = Recipe("lstm", units=10)
DEEP = Recipe("lstm", units=10, layers=2)
BRIDGED = Recipe("lstm", units=10, encoder=True)
UNIT = ns.decoder.cell[0]
HANDLED_ELSEWHERE = {"Spec", "claim", "quantile", "together", "freeze", "symbol", "contribution", "peak", "each"}
HANDLED_ELSEWHERE |= {"share_of_seeds", "median_over_seeds", "task_measure", "matched_displacement"}
"""By the claim itself, edits._level and compile_edits, behaviour_measures.tokens, evaluate.of_claim, the runner."""


def test_every_word_is_evaluated():
    tables = (sequences.values, sequences.moments, units, picks.pick, edits.effect, evaluate.estimate)
    concrete = set(WORDS.values())
    handled = {cls.word for table in tables for cls in table.registry if cls in concrete}
    for table in tables:  # an implementation for a base class serves its subclasses
        for base in table.registry:
            if base is not object:
                handled |= {cls.word for cls in concrete if issubclass(cls, base)}
    assert handled | HANDLED_ELSEWHERE == set(WORDS)
    assert {cls.word for cls in concrete if issubclass(cls, Picked)} <= {
        cls.word for cls in picks.pick.registry if cls is not object
    }


def problem(claim, recipe=RECIPE):
    spec = ns.Spec("counting/lstm", claims={"it": claim})
    with pytest.raises(SpecError) as error:
        fit.check(spec, TASK, recipe)
    return str(error.value)


REFUSED = {
    "an event that no example has": (
        ns.probability("b", at=ns.event("delimter")) >= 0.9,
        RECIPE,
        "claims['it']: event('delimter'): no example of task counting has this event; did you mean 'delimiter'?",
    ),
    "a symbol that no example has": (
        ns.emits(ns.symbol("answer"), at="X") >= 0.9,
        RECIPE,
        "claims['it']: symbol('answer'): no example of task counting has this symbol; known: letter",
    ),
    "a label that no example has": (
        ns.auroc(ns.label("noun"), of=ns.cell[0]) >= 0.9,
        RECIPE,
        "claims['it']: label('noun'): no example of task counting has this label; none are known",
    ),
    "a peak where no step is asked for": (
        ns.mean(of=ns.cell[0], where=ns.before(ns.peak(ns.cell[0]))) >= 0,
        RECIPE,
        "claims['it']: peak(cell[0]): the step of a peak is asked of share(peak(...), on=...) alone",
    ),
    "a score as a measure": (
        ns.contribution("a", at="X") >= 0.9,
        RECIPE,
        "claims['it']: contribution(char('a'), at=first(char('X'))): "
        "a contribution is a score for site.top(...), not a measure of its own",
    ),
    "units one by one, twice": (
        ns.overlap(ns.each(ns.cell), ns.each(ns.cell[0] | ns.cell[1])) >= 0.9,
        RECIPE,
        "claims['it']: each(cell) and each(cell[0] | cell[1]): each(...) of two sets in one claim; "
        "make two claims of it",
    ),
    "more kept than there are": (
        ns.mean(of=ns.cell.svm_rfe("a", keep=11)) >= 0.9,
        RECIPE,
        "claims['it']: cell.svm_rfe(char('a'), keep=11): keep=11 of 10 units",
    ),
    "a unit out of range": (
        ns.mean(of=ns.cell[10]) >= 0,
        RECIPE,
        "claims['it']: cell[10]: counting/lstm has 10 units per layer, 0 to 9",
    ),
    "no such layer": (
        ns.mean(of=ns.cell.layer(2)) >= 0,
        DEEP,
        "claims['it']: cell.layer(2): counting/lstm has layers 0 to 1",
    ),
    "which layer": (
        ns.mean(of=ns.cell) >= 0,
        DEEP,
        "claims['it']: cell: counting/lstm has 2 layers: write cell.layer(0) to cell.layer(1)",
    ),
    "no encoder": (
        ns.mean(of=ns.encoder.hidden) >= 0,
        RECIPE,
        "claims['it']: encoder.hidden: counting/lstm has no encoder",
    ),
    "no such measure": (
        ns.task_measure("largest") >= 0,
        RECIPE,
        "claims['it']: task_measure('largest'): task counting registers no such measure; none are known",
    ),
    "another network": (
        ns.exact_match(network="counting/gru") >= 0,
        RECIPE,
        "claims['it']: exact_match(network='counting/gru'): network= names another recipe, "
        "and the engine cannot compare two yet",
    ),
}


def _waits(edit):
    return (
        f"claims['it']: {edit}: the state at a step says the symbol there, so that no signal of it can say when to "
        "edit; name a moment, or leave at= out"
    )


REFUSED |= {
    "no decoder": (
        ns.mean(of=ns.decoder.hidden) >= 0,
        RECIPE,
        "claims['it']: decoder.hidden: counting/lstm has no decoder",
    ),
    "which part": (
        ns.mean(of=ns.hidden) >= 0,
        BRIDGED,
        "claims['it']: hidden: counting/lstm has an encoder and a decoder: write decoder.hidden",
    ),
    "which part, of one unit": (
        ns.mean(of=ns.hidden[3].on(ns.decoder.cell)) >= 0,
        BRIDGED,
        "claims['it']: hidden: counting/lstm has an encoder and a decoder: write decoder.hidden",
    ),
    "a site of the encoder": (
        ns.mean(of=ns.encoder.hidden) >= 0,
        BRIDGED,
        "claims['it']: encoder.hidden: sites of the encoder cannot be measured yet, only its last state: "
        "step 0 of decoder.hidden",
    ),
    "an edit by what a decoder says": (
        ns.shift(ns.exact_match(), under=ns.zero(UNIT, at=ns.char("a") | "X")) <= 0,
        BRIDGED,
        _waits("zero(decoder.cell[0], at=char('a') | char('X'))"),
    ),
    "an edit by where a decoder is": (
        ns.moves(ns.length(), by=1, under=ns.add(UNIT, 1, at=ns.position() >= 2)) >= 0.5,
        BRIDGED,
        _waits("add(decoder.cell[0], 1.0, at=position() >= 2)"),
    ),
    "one edit of two": (
        ns.exact_match(under=ns.zero(UNIT) + ns.zero(UNIT, at=ns.before("X"))) <= 0.5,
        BRIDGED,
        _waits("zero(decoder.cell[0], at=before(first(char('X'))))"),
    ),
    "an edit within a gap, over seeds": (
        ns.median_over_seeds(ns.length() - ns.length(under=ns.zero(UNIT, at=~ns.char("X")))) >= 0.5,
        BRIDGED,
        _waits("zero(decoder.cell[0], at=~char('X'))"),
    ),
}
ALLOWED = {
    "always": ns.exact_match(under=ns.zero(UNIT)) <= 0.5,
    "at a moment": ns.shift(ns.exact_match(), under=ns.zero(UNIT, at="X")) <= 0,
    "at a moment after another": ns.moves(ns.length(), by=1, under=ns.add(UNIT, 1, at=ns.event("delimiter") + 1)) >= 0,
    "a text that is read": ns.shift(ns.cross_entropy(), under=ns.zero(UNIT, at=ns.char("a") | "X")) >= 0,
    "units while a text is read": ns.mean(of=UNIT, under=ns.zero(UNIT, at=ns.position() >= 2)) >= 0,
    "put on another site": ns.mean(of=UNIT.on(ns.decoder.hidden)) >= 0,
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_can_be_said_of_encoder_decoders(case):
    fit.check(ns.Spec("counting/lstm", claims={"it": ALLOWED[case]}), TASK, BRIDGED)


WRONG_ABOUT_A_CLEAN_RUN = {
    "a foreign symbol": (ns.count("z") >= 1, "char('z'): not in the alphabet of counting, 'aXb'"),
    "an event that no example has": (
        ns.emits("a", at=ns.event("delimter")) >= 1,
        "event('delimter'): no example of task counting has this event; did you mean 'delimiter'?",
    ),
    "a symbol that no example has": (
        ns.emits(ns.symbol("lettre"), at="X") >= 1,
        "symbol('lettre'): no example of task counting has this symbol; did you mean 'letter'?",
    ),
}


@pytest.mark.parametrize("case", WRONG_ABOUT_A_CLEAN_RUN)
def test_generated_only_is_checked_as_claims_are(case):
    claim, message = WRONG_ABOUT_A_CLEAN_RUN[case]
    spec = ns.Spec("counting/lstm", claims={"it": ns.exact_match() >= 0.9})
    with pytest.raises(TaskError) as error:
        fit.check(spec, replace(TASK, generated_only=[claim]), RECIPE)
    assert str(error.value) == f"task counting: generated_only: {message}"


def test_a_site_that_units_are_put_on_takes_their_layer():
    spec = ns.Spec("counting/lstm", claims={"it": ns.mean(of=ns.cell.layer(1)[5].on(ns.hidden)) >= 0})
    fit.check(spec, TASK, DEEP)


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_collection(case):
    claim, recipe, message = REFUSED[case]
    assert problem(claim, recipe) == message


@pytest.mark.parametrize("measure", [ns.exact_match(), ns.cross_entropy(), ns.perplexity()])
def test_nothing_is_due_where_networks_are_examined_on_what_they_generate(measure):
    spec = ns.Spec("counting/lstm", claims={"it": measure >= 0.9})
    fit.check(spec, TASK, RECIPE)
    with pytest.raises(SpecError) as error:
        fit.check(spec, replace(TASK, generated_only=[ns.length() >= 1]), RECIPE)
    assert str(error.value) == (
        f"claims['it']: {measure}: networks of task counting are examined on what they say themselves, "
        "where nothing else is due; register a measure of the task's own"
    )
