"""Integrated gradients against closed forms, and how many nodes they take."""

import pytest
import torch

from neuronspec.engine.numerics.integrated_gradients import LADDER, TOLERANCE, integrated_gradients


def test_a_linear_function_needs_one_node():
    generator = torch.Generator().manual_seed(0)
    values, start, w = (torch.randn(3, 5, generator=generator, dtype=torch.double) for _ in range(3))
    found = integrated_gradients(lambda v, which: (v * w[which]).sum(-1)[None], values, start, nodes=1)
    assert torch.allclose(found.scores[0], (values - start) * w, atol=1e-15)
    assert found.error.max() < 1e-14


def test_a_square_needs_one_node_and_a_product_is_halved():
    """Known in closed form: of x² the whole, of x·y half each."""
    values, start = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    found = integrated_gradients(lambda v, which: torch.stack([v.prod(-1), v[..., 0] ** 2]), values, start, nodes=1)
    assert torch.allclose(found.scores[:, 0], torch.tensor([[6.0, 6.0], [9.0, 0.0]]))


def steep(v, which):
    """A step at 0.3, so steep that few nodes see it."""
    return torch.sigmoid(v[..., 0] * torch.tensor([1.0, 30.0, 3000.0])[which] - 0.3).unsqueeze(0)


def test_each_sequence_takes_the_fewest_nodes_that_add_up():
    values, start = torch.ones(3, 1), -torch.ones(3, 1)
    found = integrated_gradients(steep, values, start)
    assert found.error[0, :2].max() <= TOLERANCE
    assert found.error[0, 2] > TOLERANCE  # 128 do not do either, and it says so
    assert found.nodes.tolist()[::2] == [4, 128]
    for row, nodes in enumerate(found.nodes.tolist()):
        at = {n: integrated_gradients(steep, values, start, nodes=n).error[0, row] for n in LADDER if n <= nodes}
        assert [n for n, error in at.items() if error <= TOLERANCE][:1] == ([nodes] if row < 2 else [])


@pytest.mark.parametrize("rows", [1, 3, 7, 11, 1000])
def test_one_batch_equals_pieces(rows):
    generator = torch.Generator().manual_seed(0)
    values, start = torch.randn(2, 5, 4, generator=generator)
    w = torch.randn(5, 3, 4, generator=generator)

    def outcome(v, which):
        assert len(v) * len(which) <= max(rows, 2)
        return torch.einsum("lsu,stu->tls", v.sin(), w[which])

    found = integrated_gradients(outcome, values, start, nodes=8, rows=rows)
    whole = integrated_gradients(
        lambda v, which: torch.einsum("lsu,stu->tls", v.sin(), w[which]), values, start, nodes=8
    )
    assert torch.allclose(found.scores, whole.scores, atol=1e-6)
    assert torch.allclose(found.gained, whole.gained, atol=1e-6)
