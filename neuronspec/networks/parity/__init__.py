"""Proof that a network in steps is the network it was made from, before any claim about it is judged.

Stepped or fused, batched or one at a time, padded or not, with an edit that changes nothing or without: all must give
the same values at every site of every step. ``gate.py`` runs all checks; the other files hold one idea each.
"""

from neuronspec.networks.parity.gate import check, sample

__all__ = ["check", "sample"]
