"""What pictures are drawn of in tests: an untrained network, and units that claims are about."""

from planted import random_subject

import neuronspec as ns

SUBJECT = random_subject(sequences=60)
ASKED, LETTER = ns.event("asked"), ns.symbol("letter")
SAID = ns.probability(LETTER, at=ASKED)
FEW = ns.cell.svm_rfe("X", keep=3)
EACH = ns.cell.svm_rfe(LETTER, keep=2)


def edited(units):
    return ns.shift(SAID, under=ns.zero(units, at=ASKED - 1)) <= 0
