"""A word at a position, of a thousand words: the task of positioning in a larger language."""

from dataclasses import replace

from .positioning import GRU_128, Language, positioning

SLOW = replace(GRU_128, learning_rate=0.01, steps=2500, until=("target_step", 0.985))
task = positioning(Language.of(1000, seed=0), {"gru_slow": SLOW})
