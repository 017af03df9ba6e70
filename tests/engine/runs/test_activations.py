"""A recorded run, and its first sequences alone."""

import numpy as np
from planted import STRINGS, subject


def test_the_first_sequences_of_a_run_are_their_own_run():
    few = subject().clean("verification").first(3)
    alone = subject(STRINGS[:3]).clean("verification")
    assert few.sequences.examples == alone.sequences.examples
    for place, values in alone.values.items():
        np.testing.assert_allclose(few.values[place], values, atol=1e-6)
    assert few.logits.shape == alone.logits.shape
