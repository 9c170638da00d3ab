"""The loss in pieces is the loss."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - torch first

from training.head import Slopes, chunked_nats, cpu_slopes, slopes  # noqa: E402
from training.precision import products  # noqa: E402


@pytest.mark.parametrize("rule", [slopes, cpu_slopes])
@pytest.mark.parametrize("chunk", [7, 16, 100])
def test_pieces_give_loss_and_gradients(chunk: int, rule: Slopes) -> None:
    """Whatever the size of a piece, with targets that do not count."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 24, generator=generator).requires_grad_()
    weight = torch.randn(40, 24, generator=generator).requires_grad_()
    targets = torch.randint(40, (50,), generator=generator)
    targets[::5] = 1

    expected = functional.cross_entropy(
        (x @ weight.T)[targets != 1], targets[targets != 1], reduction="sum"
    )
    expected_slopes = torch.autograd.grad(expected * 0.3, (x, weight))
    found = chunked_nats(x, weight, targets, 1, chunk=chunk, rule=rule)
    found_slopes = torch.autograd.grad(found * 0.3, (x, weight))
    frozen = chunked_nats(x, weight.detach(), targets, 1, chunk=chunk, rule=rule)
    (frozen_slope,) = torch.autograd.grad(frozen * 0.3, x)

    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert not found_slopes[0][::5].any()
    assert torch.equal(frozen_slope, found_slopes[0])
    for one, other in zip(expected_slopes, found_slopes, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_columns_that_are_trained_beside_a_frozen_head() -> None:
    """Their gradient, and that of the input, are those of one wider head."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 27, generator=generator).requires_grad_()
    weight = torch.randn(40, 24, generator=generator)
    more = torch.randn(40, 3, generator=generator).requires_grad_()
    targets = torch.randint(40, (50,), generator=generator)

    whole = torch.cat((weight, more), dim=1)
    expected = torch.autograd.grad(chunked_nats(x, whole, targets, -1, chunk=16), (x, more))
    loss = chunked_nats(x, weight, targets, -1, chunk=16, more=more)
    for one, other in zip(torch.autograd.grad(loss, (x, more)), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_bfloat16_comes_near() -> None:
    """Scores in bfloat16, sums in float32."""
    generator = torch.Generator().manual_seed(1)
    x, weight = torch.randn(64, 24, generator=generator), torch.randn(40, 24, generator=generator)
    targets = torch.randint(40, (64,), generator=generator)

    with products(half=True, device="cpu"):
        found = chunked_nats(x, weight, targets, -1, chunk=16)

    expected = functional.cross_entropy(x @ weight.T, targets, reduction="sum")
    assert found.item() == pytest.approx(expected.item(), rel=0.01)
