"""Groups of sequences that have the same value of a symbol."""

from dataclasses import replace

import pytest
from planted import random_subject

import neuronspec as ns
from neuronspec.errors import ProjectError
from neuronspec.pictures.drawn import drawn

SUBJECT = random_subject(sequences=60)
EXAMPLES = SUBJECT.verification
ASKED, LETTER = ns.event("asked"), ns.symbol("letter")
SAID = ns.probability(LETTER, at=ASKED)


def test_values_are_in_the_order_in_which_one_counts():
    named = [replace(e, symbols={"letter": f"w{n % 12}"}) for n, e in enumerate(EXAMPLES)]
    picture = drawn("heat", ns.probability("X", at=ASKED, among=None) - SAID >= 0, replace(SUBJECT, verification=named))
    assert picture.rows == [f"w{n}" for n in range(12)]
    many = [replace(e, symbols={"letter": f"w{n}"}) for n, e in enumerate([*EXAMPLES, EXAMPLES[0]])]
    with pytest.raises(ProjectError, match=r"^61 values of symbol\('letter'\): a picture can tell 60 apart$"):
        drawn("heat", SAID >= 0, replace(SUBJECT, verification=many))
