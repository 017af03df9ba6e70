"""A spec: a recipe, its seeds, a source, and sentences each tied to a claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from dataclasses import field
from typing import Any

from neuronspec.errors import SpecError, did_you_mean
from neuronspec.language.behaviour_measures import task_measure
from neuronspec.language.claims import Claim
from neuronspec.language.expression import Expression, number, text, word
from neuronspec.language.over_seeds import OverSeeds
from neuronspec.language.picks import Picked
from neuronspec.language.unit_measures import UnitMeasure

MOST_SEEDS = 10_000


def _read_seeds(value: Any, where: str) -> tuple[int, ...]:
    """``20`` -> 0…19; a range or list of whole numbers as it is."""
    number = value if isinstance(value, int) else len(value) if isinstance(value, Sized) else 0
    if number > MOST_SEEDS:
        raise SpecError(f"{where[:-2]}={value!r}): more than {MOST_SEEDS} seeds")
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return tuple(range(value))
    seeds = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if not seeds or any(isinstance(s, bool) or not isinstance(s, int) or not 0 <= s < 2**63 for s in seeds):
        raise SpecError(f"{where[:-2]}={value!r}): expected how many (20), or seeds of at least 0 (range(1000, 1010))")
    if len(set(seeds)) < len(seeds):
        raise SpecError(f"{where[:-2]}={value!r}): a seed occurs twice")
    return seeds


def _read_claims(value: Any, where: str) -> tuple[tuple[str, Claim], ...]:
    if not isinstance(value, (Mapping, tuple)) or not value:
        raise SpecError(f"{where[:-2]}={value!r}): expected a dict of sentences and claims")
    pairs = tuple(value.items()) if isinstance(value, Mapping) else value
    seen = set()
    for sentence, claim in pairs:
        _check_sentence(sentence)
        if sentence in seen:
            raise SpecError(f"claims[{sentence!r}]: a second sentence of this name")
        seen.add(sentence)
        if not isinstance(claim, Claim):
            raise SpecError(f"claims[{sentence!r}] is {claim!r}, not a claim; {_how_to_claim(claim)}")
        try:
            check_measure(claim.measure)
        except SpecError as error:
            raise SpecError(f"claims[{sentence!r}]: {error}") from None
    return pairs


def _read_reported(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, tuple | list) or any(not isinstance(p, tuple | list) or len(p) != 2 for p in pairs):
        raise SpecError(f"{where[:-2]}={value!r}): expected a dict of sentences and what the source reports")
    for sentence, figure in pairs:
        if not isinstance(figure, str) or not figure.strip():
            raise SpecError(f"reported[{sentence!r}] is {figure!r}: expected what the source reports, as a text")
    return tuple((sentence, figure) for sentence, figure in pairs)


def _how_to_claim(value: object) -> str:
    if isinstance(value, bool):
        return "== compares expressions, not values: bounds are written with >=, <= or .between(low, high)"
    return "a claim is a measure with a bound, e.g. exact_match() >= 0.99"


def _check_sentence(sentence: object) -> None:
    if not isinstance(sentence, str) or not sentence.strip():
        raise SpecError(f"claims[{sentence!r}]: a sentence is a string that is not empty")
    if not sentence.isprintable() and "\n" not in sentence:
        raise SpecError(f"claims[{sentence!r}]: a sentence holds printable characters only")
    for forbidden in ("::", "\n"):
        if forbidden in sentence:
            raise SpecError(f"claims[{sentence!r}]: a sentence holds no {forbidden!r} (it is part of the claim's id)")


def check_measure(measure: Expression) -> None:
    """Raise SpecError for a measure that only makes sense elsewhere."""
    for inner in _outside_picks(measure):
        if isinstance(inner, UnitMeasure) and inner.of is None:
            raise SpecError(f"{inner}: of which units? add of=")
        if isinstance(inner, task_measure) and not isinstance(measure, task_measure | OverSeeds):
            raise SpecError(f"{inner} stands alone, or within share_of_seeds or median_over_seeds")
        if isinstance(inner, OverSeeds) and inner is not measure:
            raise SpecError(f"{inner}: a word over seeds stands outermost")


def _outside_picks(expression: Expression) -> Iterable[Expression]:
    """``expression`` and all below it, but not the scores of picks, which leave ``of=`` out."""
    yield expression
    if not (isinstance(expression, Picked) and expression.score is not None):
        for inner in expression.operands():
            yield from _outside_picks(inner)


@word
class Spec(Expression, word="Spec"):
    """What someone believes about the networks of one recipe.

    Args:
        recipe: the networks, ``"task/recipe"``; ``"counting/lstm@full"`` at the source's size.
        claims: sentences and what each claims.
        seeds: how many networks (seeds 0, 1, …), or which seeds.
        says: the finding in one sentence.
        source: where the finding comes from.
        reported: what the source reports, by sentence: it stands beside what is measured here.
        replication: the share of learnt networks that must agree on a verdict.

    Raises:
        SpecError: naming the sentence and the value that has no meaning.

    Example:
        >>> counting = Spec("counting/lstm", seeds=20, claims={"it completes its strings": exact_match() >= 0.99})
    """

    kinds = frozenset({"spec"})
    recipe: str = text()
    claims: Any = field(metadata={"read": _read_claims}, kw_only=True)
    seeds: Any = field(default=(0, 1, 2), metadata={"read": _read_seeds}, kw_only=True)
    says: str = text(default="", kw_only=True)
    source: str = text(default="", kw_only=True)
    reported: Any = field(default=(), metadata={"read": _read_reported}, kw_only=True)
    replication: float = number(default=0.8, low=0, high=1, kw_only=True)

    def check(self) -> None:
        if self.replication <= 0.5:
            raise SpecError(f"Spec(replication={self.replication:g}): expected more than 0.5: a majority at least")
        for sentence, _ in self.reported:
            if sentence not in (known := dict(self.claims)):
                raise SpecError(f"reported[{sentence!r}]: there is no such sentence{did_you_mean(sentence, known)}")
        if self.recipe.count("/") != 1:
            raise SpecError(f"Spec(recipe={self.recipe!r}): expected 'task/recipe', e.g. 'counting/lstm'")
