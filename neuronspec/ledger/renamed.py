"""What earlier runs and locks call otherwise: words, fields and controls get their names of today on reading.

A key is made of words. A run has its claims as data, so their keys are made anew. A lock has them as text only: its
keys are found again by those that the specs' claims had before (``earlier_key``).
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
"""Fields of a claim that hold printed words; what an author wrote (id, sentence) is nobody else's to change."""

IN_PRINT = re.compile("|".join([*(rf"\b{word}(?=\()" for word in WORDS), *CONTROLS]))


def run(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run of schema 2, unchecked as it is, in the words of schema 3."""
    return {**data, "claims": [_claim(claim) for claim in data["claims"]]}


def lock(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lock of schema 1, unchecked as it is, in the words of schema 2; its keys are as they were."""
    renamed = {FIELDS.get(name, name): value for name, value in data.items()}
    claims = data.get("claims")
    if isinstance(claims, dict):
        renamed["claims"] = {id: _claim(claim) for id, claim in claims.items()}
    return renamed


def earlier_key(recipe: str, claim: Any) -> str:
    """Return the key that a claim, as JSON data, had before its words were renamed; empty where none of them was."""
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
    """The keys of a claim, made of its JSON data just as ``record.claim_json`` makes them of its words."""
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
    """An expression as JSON data, in other words; texts in it are no words, be they called like one."""
    if isinstance(value, list):
        return [_in_words(item, words) for item in value]
    if not isinstance(value, dict):
        return value
    word = value.get("word")
    renamed = {"word": words[word]} if isinstance(word, str) and word in words else {}
    return {name: _in_words(item, words) for name, item in value.items()} | renamed


def _printed(value: Any) -> Any:
    """Whatever was printed, in lists and objects and their names, in today's words."""
    if isinstance(value, str):
        return IN_PRINT.sub(lambda found: (WORDS | CONTROLS)[found[0]], value)
    if isinstance(value, list):
        return [_printed(item) for item in value]
    return {_printed(name): _printed(item) for name, item in value.items()} if isinstance(value, dict) else value


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
