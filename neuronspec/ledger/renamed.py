"""Earlier names in runs and locks: words, fields and controls are given their names of today on reading.

A key is a hash over words. A run has its claims as data, so their keys are computed anew. A lock has them as text
only: its keys are recognized by computing the earlier keys of the specs' claims (``earlier_key``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from neuronspec.language.expression import key
from neuronspec.ledger.record import OVER_SEEDS

FIELDS = {"network": "recipe", "networks": "recipes"}
WORDS = {"as_far": "matched_displacement", "drive": "gate_input", "measured": "task_measure"}
EARLIER_WORDS = {today: earlier for earlier, today in WORDS.items()}
CONTROLS = {"units moved as far": "matched displacement"}

PRINTED = ("claim", "controls", "mutants", "reason", "replicates")
"""Fields of a claim that hold printed words; what an author wrote (id, sentence) stays as it is."""

IN_PRINT = re.compile("|".join([*(rf"\b{word}(?=\()" for word in WORDS), *CONTROLS]))


def run(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run of schema 2, not yet checked, in the words of schema 3."""
    return {**data, "claims": [_claim(claim) for claim in data["claims"]]}


def lock(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lock of schema 1, not yet checked, in the words of schema 2; its keys stay the same."""
    renamed = {FIELDS.get(name, name): value for name, value in data.items()}
    claims = data.get("claims")
    if isinstance(claims, dict):
        renamed["claims"] = {id: _claim(claim) for id, claim in claims.items()}
    return renamed


def earlier_key(recipe: str, claim: Any) -> str:
    """Return the key that a claim, as JSON data, had before words were renamed; empty where it has none of them."""
    earlier = _in_words(claim, EARLIER_WORDS)
    return "" if earlier == claim else key(recipe, earlier)


def _claim(old: Any) -> Any:
    if not isinstance(old, dict):
        return old
    new = {FIELDS.get(name, name): _printed(value) if name in PRINTED else value for name, value in old.items()}
    expression = _in_words(old.get("expression"), WORDS)
    if expression == old.get("expression"):
        return new
    keys = {name: value for name, value in _keys(new.get("recipe"), expression).items() if old.get(name)}
    return new | {"expression": expression} | keys


def _keys(recipe: Any, claim: Any) -> dict[str, str]:
    """The keys of a claim from its JSON data, equal to those that ``record.claim_json`` computes from its words."""
    measure = _field(claim, "measure")
    inner = measure
    if _field(measure, "word") in OVER_SEEDS:
        inner = _field(_field(measure, "claim") or measure, "measure")
    return {
        "key": key(recipe, claim),
        "evidence_key": key(recipe, measure),
        "replicates_key": key(recipe, inner),
    }


def _in_words(value: Any, words: Mapping[str, str]) -> Any:
    """An expression as JSON data, with its words replaced; a text that happens to equal a word is kept."""
    if isinstance(value, list):
        return [_in_words(item, words) for item in value]
    if not isinstance(value, dict):
        return value
    word = value.get("word")
    renamed = {"word": words[word]} if isinstance(word, str) and word in words else {}
    return {name: _in_words(item, words) for name, item in value.items()} | renamed


def _printed(value: Any) -> Any:
    """Printed text in today's words, also within lists and objects and in their names."""
    if isinstance(value, str):
        return IN_PRINT.sub(lambda match: (WORDS | CONTROLS)[match[0]], value)
    if isinstance(value, list):
        return [_printed(item) for item in value]
    return {_printed(name): _printed(item) for name, item in value.items()} if isinstance(value, dict) else value


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
