"""A word at a position, of a thousand words: the task of positioning in a larger language."""

from dataclasses import replace

from .positioning import GRU_SLOW, Language, positioning

task = positioning(Language.of(1000, seed=0), {"gru_slow": replace(GRU_SLOW, steps=2500)})
