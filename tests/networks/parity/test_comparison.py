"""Large values are allowed large differences; what stands past the end of a sequence does not count."""

import pytest
import torch
from user_modules import CharModel, MeanFree, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.parity import check, sample
from neuronspec.networks.wrap import Adapted, adapt


def checked(adapted, **options):
    return check(adapted, *sample(adapted), **options)


def test_large_values_are_allowed_large_differences():
    module = seeded(CharModel, "relu_rnn", units=9)
    with torch.no_grad():
        module.rnn.weight_ih_l0.mul_(1e6)
    assert max(checked(adapt(module)).values()) > 1e-5


def test_a_network_that_gives_no_numbers_is_found():
    module = seeded(CharModel, layers=2)
    with torch.no_grad():
        module.rnn.weight_hh_l1[-1, 0] = torch.nan
    with pytest.raises(NetworkError) as error:
        checked(adapt(module))
    assert str(error.value) == "a clean run gives NaN or infinity, first at step 0 in output_gate of layer 1"


def test_large_values_past_the_end_of_a_sequence_allow_nothing():
    inputs = torch.zeros(5, 2, 2)
    inputs[0, 0], inputs[4, 1] = 1, 1e6
    with pytest.raises(NetworkError, match=r"differ by 5e\+05 \(allowed 10\), first at step 4"):
        check(adapt(MeanFree()), inputs, torch.tensor([5, 5]))
    inputs[4, 0] = 1e6  # the mean, and so what is left, is that of the padding alone
    with pytest.raises(NetworkError, match=r"differ by 0.5 \(allowed 1e-05\), first at step 0"):
        check(adapt(MeanFree()), inputs, torch.tensor([4, 4]))


def test_differences_past_the_end_of_a_sequence_do_not_count():
    class Odd(Adapted):
        def __call__(self, tokens, *args, lengths=None, **options):
            logits, after, recorded = super().__call__(tokens, *args, lengths=lengths, **options)
            past = torch.arange(len(tokens)).unsqueeze(1) >= lengths if lengths is not None else torch.zeros(1) > 0
            return logits + torch.where(past, torch.rand(past.shape), 0).unsqueeze(-1), after, recorded

    odd = Odd(**vars(adapt(seeded(CharModel))))
    assert max(checked(odd).values()) <= 1e-5
