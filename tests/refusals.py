"""What is refused in tests, and with which words."""

import pytest

from neuronspec.errors import NeuronspecError


def check_refused(do, message):
    """Whether something is refused with exactly this message."""
    with pytest.raises(NeuronspecError) as error:
        do()
    assert str(error.value) == message
