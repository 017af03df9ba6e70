"""A word at a position, of a thousand words: the task of positioning in a larger language."""

from .positioning import GRU_128, Language, positioning

task = positioning(Language.of(1000, seed=0), {"gru_128": GRU_128})
