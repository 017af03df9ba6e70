"""Operations that cells share, against the plain ones of torch."""

import torch

from neuronspec.networks.cells import operations


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_products_of_one_network_and_of_replicates():
    x, h, weight, bias = drawn(3, 2, 8), drawn(3, 2, 4), drawn(3, 8, 4), drawn(3, 8)
    whole = operations.affine(x + operations.as_row(bias), h, weight)
    for n in range(3):
        torch.testing.assert_close(whole[n], x[n] + bias[n] + h[n] @ weight[n].T)
        torch.testing.assert_close(operations.affine(x[n] + operations.as_row(bias[n]), h[n], weight[n]), whole[n])


def test_what_works_in_place_says_what_torch_says():
    x = drawn(2, 50) * 4
    before = x.clone()
    assert operations.tanh_(x) is x
    torch.testing.assert_close(x, before.tanh(), atol=1e-6, rtol=0)
    value, gradient = before.sigmoid(), drawn(2, 50)
    torch.testing.assert_close(operations.through_sigmoid_(gradient.clone(), value), gradient * value * (1 - value))
    torch.testing.assert_close(operations.through_tanh_(gradient.clone(), x), gradient * (1 - x**2))


def test_a_slot_holds_what_an_edit_makes_of_it():
    slot = drawn(2, 3)
    address, before = slot.data_ptr(), slot.clone()
    assert operations.settled(lambda site, value: value, "cell", slot) is slot
    assert operations.settled(lambda site, value: value + 1, "cell", slot).data_ptr() == address
    assert torch.equal(slot, before + 1)


def test_room_begins_with_the_state_before_the_first_step():
    start = drawn(2, 3)
    before, after = operations.room(start, 4)
    for step, (seen, written) in enumerate(operations.steps(before, after)):
        assert torch.equal(seen, start + step)
        written.copy_(seen + 1)
    assert torch.equal(operations.last(after), start + 4)


def test_the_gradient_of_a_weight_is_autograds():
    seen, weight = drawn(5, 2, 3), drawn(4, 3).requires_grad_()
    sums = drawn(5, 2, 4)
    (seen @ weight.T).backward(sums)
    torch.testing.assert_close(operations.of_weight(sums, seen), weight.grad)
