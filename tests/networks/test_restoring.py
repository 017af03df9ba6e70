"""A user's code runs, and everything is left as it was."""

import pytest
from torch import nn

from neuronspec.networks.restoring import evaluating


def test_evaluating_puts_every_flag_back():
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(1)))
    module[1][0].eval()
    flags = [part.training for part in module.modules()]
    within = []
    with pytest.raises(ZeroDivisionError), evaluating(module, None, len):
        within.append([part.training for part in module.modules()] + [1 / 0])
    with evaluating(module, None, len):
        within.extend(part.training for part in module.modules())
    assert within == [False] * 5
    assert [part.training for part in module.modules()] == flags
