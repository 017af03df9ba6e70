"""Every error of ours is of one family, and names the nearest known word."""

import pytest

from neuronspec import errors
from neuronspec.errors import NeuronspecError, did_you_mean, nearest


def test_all_errors_are_of_one_family():
    ours = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(ours) == 7
    assert all(issubclass(error, NeuronspecError) for error in ours)


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("cel", ["hidden", "cell"], "; did you mean 'cell'?"),
        ("zzz", ["hidden", "cell", "cell"], "; known: cell, hidden"),
        ("zzz", [], "; none are known"),
    ],
)
def test_the_nearest_word_or_all_of_them(word, known, said):
    assert did_you_mean(word, known) == said


def test_nothing_is_said_where_no_word_is_near():
    assert nearest("zzz", iter(["cell"])) == ""
    assert nearest("cel", iter(["cell"])) == "; did you mean 'cell'?"
