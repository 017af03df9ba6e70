"""A network that depends on its batch, on padding or on being edited is found."""

import pytest
import torch
from user_modules import CharModel, Echo, MeanFree, seeded

from neuronspec.errors import NetworkError
from neuronspec.networks.parity import check, sample
from neuronspec.networks.wrap import Adapted, adapt


def checked(adapted, **options):
    return check(adapted, *sample(adapted), **options)


def test_a_cell_that_looks_at_the_whole_batch_is_found():
    inputs = torch.zeros(5, 2, 2)
    inputs[2:, 1] = 1
    with pytest.raises(NetworkError) as error:
        check(adapt(MeanFree()), inputs, torch.tensor([5, 5]))
    assert (
        str(error.value)
        == "batched and single runs differ by 0.5 (allowed 1e-05), first at step 2 in hidden of layer 0"
    )
    check(adapt(MeanFree()), inputs[:, :1] * 0, torch.tensor([5]))


def test_an_embedding_that_looks_at_padding_is_found():
    inputs = torch.zeros(5, 2, 2)
    inputs[0] = 1
    adapted = adapt(Echo(), embedding=lambda features: features + features[-1:])
    with pytest.raises(NetworkError) as error:
        check(adapted, inputs, torch.tensor([5, 4]))
    assert (
        str(error.value) == "padded and unpadded runs differ by 1 (allowed 1e-05), first at step 0 in hidden of layer 0"
    )


class Touchy(Adapted):
    """Says something else as soon as anybody edits."""

    def __call__(self, tokens, states=None, edit=None, record=(), lengths=None):
        logits, after, recorded = super().__call__(tokens, states, edit, record, lengths)
        return logits if edit is None else logits + 0.5, after, recorded


def test_an_edit_that_changes_nothing_and_does_is_found():
    with pytest.raises(NetworkError) as error:
        checked(Touchy(**vars(adapt(seeded(CharModel)))))
    assert str(error.value) == (
        "runs with an edit that changes nothing and without differ by 0.5 (allowed 1e-05), "
        "first at step 0 in the logits"
    )
