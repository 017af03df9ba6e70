"""Whether a spec fits its task and its recipe: all checks that need no run.

Loads no torch: collecting specs stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neuronspec.errors import SpecError, TaskError, did_you_mean, nearest
from neuronspec.language.behaviour_measures import Behaviour, cross_entropy, exact_match, perplexity, task_measure
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression
from neuronspec.language.measures import Difference
from neuronspec.language.moments import Moment, Shifted, event
from neuronspec.language.picks import Picked
from neuronspec.language.signals import char, depth, inside, label, one_of, symbol
from neuronspec.language.spec import Spec
from neuronspec.language.unit_measures import contribution, peak, share
from neuronspec.language.units import Base, On, Site, each
from neuronspec.networks.recipes import Recipe, checkpoint
from neuronspec.networks.tasks import Task, Text

Sizes = Mapping[tuple[int, str], int]
"""How many units each site of each layer has."""


def check(spec: Spec, task: Task, recipe: Recipe | checkpoint) -> None:
    """Raise SpecError, naming the sentence, for a claim that cannot be evaluated or does not fit the recipe.

    The layers of a checkpoint are known once it is built: call ``check_places`` then.
    """
    competence = task.competence
    if not isinstance(competence.measure, Behaviour) or competence.expected != "supported":
        raise TaskError(f"task {task.name}: competence={competence}: expected a plain claim about behaviour")
    for problem in _problems(competence, task):
        raise TaskError(f"task {task.name}: competence: {problem}")
    for problem in (problem for claim in task.generated_only for problem in _problems(claim, task)):
        raise TaskError(f"task {task.name}: generated_only: {problem}")
    for sentence, claim in spec.claims:
        for problem in (*_problems(claim, task), *_without_due_text(claim, task)):
            raise SpecError(f"claims[{sentence!r}]: {problem}")
    if isinstance(recipe, Recipe):
        check_places(spec, recipe.sizes, recipe.encoder)


def check_places(spec: Spec, sizes: Sizes, encoder: bool = False) -> None:
    """Raise SpecError, naming the sentence, for a layer or unit that the networks of a spec do not have."""
    for sentence, claim in spec.claims:
        for problem in place_problems(claim, spec.recipe, sizes, encoder):
            raise SpecError(f"claims[{sentence!r}]: {problem}")


def _without_due_text(claim: Claim, task: Task) -> Iterator[str]:
    """Measures of the text that is due, on a task that examines generated text alone and has no such text."""
    for part in claim.walk() if task.generated_only else ():
        if isinstance(part, exact_match | cross_entropy | perplexity):
            why = f"networks of task {task.name} are examined on what they say themselves, where nothing else is due"
            yield f"{part}: {why}; register a measure of the task's own"


def _problems(claim: Claim, task: Task) -> Iterator[str]:
    yield from misplaced(claim)
    for part in claim.walk():
        if not _may_occur(part, task.vocabulary):
            near = nearest(part.symbol, task.vocabulary) if task.of_words and isinstance(part, char) else ""
            words = f"the {len(task.alphabet)} words of {task.name}"
            vocabulary = words if task.of_words else f"the alphabet of {task.name}, {task.alphabet!r}"
            yield f"{part}: not in {vocabulary}{near}"
        if isinstance(part, event | symbol | label) and part.name not in (known := task.named_by_examples[part.word]):
            yield f"{part}: no example of task {task.name} has this {part.word}{did_you_mean(part.name, known)}"
        if isinstance(part, task_measure) and part.name not in task.measures:
            yield f"{part}: task {task.name} registers no such measure{did_you_mean(part.name, task.measures)}"
        elif isinstance(part, Behaviour) and part.network is not None:
            yield f"{part}: network= names another recipe, and the engine cannot compare two yet"


def misplaced(expression: Expression) -> Iterator[str]:
    """What is wrong with words that have a meaning inside certain other words only."""
    shared = {id(_unshifted(part.moment)) for part in expression.walk() if isinstance(part, share)}
    scored = {id(whole.score) for whole in expression.walk() if isinstance(whole, Picked) and whole.score is not None}
    for part in expression.walk():
        if isinstance(part, peak) and id(part) not in shared:
            yield f"{part}: the step of a peak is asked of share(peak(...), on=...) alone"
        if isinstance(part, contribution) and id(part) not in scored:
            yield f"{part}: a contribution is a score for site.top(...), not a measure of its own"
    taken_apart = list(dict.fromkeys(part for part in expression.walk() if isinstance(part, each)))
    if len(taken_apart) > 1:
        yield f"{taken_apart[0]} and {taken_apart[1]}: each(...) of two sets in one claim; make two claims of it"


def _unshifted(moment: Any) -> Any:
    return _unshifted(moment.moment) if isinstance(moment, Shifted) else moment


def _may_occur(part: Expression, vocabulary: Text) -> bool:
    """Whether a signal's symbols are in the vocabulary: all its marks, or any symbol of ``one_of``."""
    if isinstance(part, one_of):
        return any(symbol in vocabulary for symbol in part.symbols)
    if isinstance(part, inside | depth):
        return part.open in vocabulary and (part.close is None or part.close in vocabulary)
    return not isinstance(part, char) or part.symbol in vocabulary


def place_problems(claim: Expression, name: str, sizes: Sizes, encoder: bool = False) -> Iterator[str]:
    """What is wrong with sites, layers and units; a site that no layer has makes a claim not applicable, not wrong."""
    layers = 1 + max(layer for layer, _ in sizes)
    inherited = {id(part.site) for part in claim.walk() if isinstance(part, On) and part.site.layer_number is None}
    yield from _signal_problems(claim) if encoder else ()
    for part in claim.walk():
        if isinstance(part, Site) and id(part) not in inherited:
            yield from _part_problems(part, name, encoder)
            yield from _layer_problems(part, name, layers)
        elif isinstance(part, Base):
            yield from _base_problems(part, name, sizes, layers)


def _base_problems(base: Base, name: str, sizes: Sizes, layers: int) -> Iterator[str]:
    place = base.of_site.layer_number or 0, base.of_site.name
    units = sizes.get(place)
    if units is not None and base.fewest > units:
        yield f"{base}: {name} has {units} units per layer, 0 to {units - 1}"
    if units is not None and (base.keep or 0) > units:
        yield f"{base}: keep={base.keep:g} of {units} units"
    if base.by_read_out and place != (layers - 1, "hidden"):
        yield f"{base}: the read-out reads hidden of layer {layers - 1}, not {base.of_site}"


def _part_problems(site: Site, name: str, encoder: bool) -> Iterator[str]:
    if encoder and site.part is None:
        yield f"{site}: {name} has an encoder and a decoder: write decoder.{site}"
    elif encoder and site.part == "encoder":
        yield f"{site}: sites of the encoder cannot be measured yet, only its last state: step 0 of decoder.{site.name}"
    elif site.part is not None and not encoder:
        yield f"{site}: {name} has no {site.part}"


def _signal_problems(claim: Expression) -> Iterator[str]:
    """Edits of an encoder-decoder that wait for a signal in its generated text: the state comes before the symbol."""
    generating = [
        part.under
        for part in claim.walk()
        if (isinstance(part, Behaviour) and part.generates)
        or (isinstance(part, Difference) and isinstance(part.measure, Behaviour) and part.measure.generates)
    ]
    for under in generating:
        for edit in under.single_edits() if under is not None else ():
            if edit.at is not None and not isinstance(edit.at, Moment):
                problem = "the state at a step says the symbol there, so that no signal of it can say when to edit"
                yield f"{edit}: {problem}; name a moment, or leave at= out"


def _layer_problems(site: Site, name: str, layers: int) -> Iterator[str]:
    if site.layer_number is None and layers > 1:
        yield f"{site}: {name} has {layers} layers: write {site}.layer(0) to {site}.layer({layers - 1})"
    if site.layer_number is not None and site.layer_number >= layers:
        yield f"{site}: {name} has layers 0 to {layers - 1}"
