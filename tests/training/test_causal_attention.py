"""Attention in blocks is attention."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 - torch first

from training.causal_attention import BLOCK, causal_attention, kept_bytes  # noqa: E402


def parts(length: int) -> list[torch.Tensor]:
    """Query, key, value, and a gradient of what comes out."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(3, length, 16, generator=generator) for _ in range(4)]


@pytest.mark.parametrize("length", [1, 7, BLOCK, BLOCK + 1, 3 * BLOCK - 5])
def test_blocks_give_result_and_gradients(length: int) -> None:
    """Whatever the length: one block, full ones, and a piece of one."""
    *inputs, slope = parts(length)
    inputs = [part.requires_grad_() for part in inputs]
    expected = functional.scaled_dot_product_attention(*inputs, is_causal=True, scale=0.3)
    slopes = torch.autograd.grad(expected, inputs, slope)

    found = causal_attention(*inputs, 0.3)
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad(found, inputs, slope), slopes, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)


def test_bfloat16_comes_near() -> None:
    """Relative errors of a rounding, in what comes out and in every gradient."""
    *inputs, slope = parts(BLOCK + 9)
    wide = [part.requires_grad_() for part in inputs]
    half = [part.detach().bfloat16().requires_grad_() for part in inputs]
    expected = functional.scaled_dot_product_attention(*wide, is_causal=True, scale=0.3)
    found = causal_attention(*half, 0.3)

    pairs = [
        (found, expected),
        *zip(
            torch.autograd.grad(found, half, slope.bfloat16()),
            torch.autograd.grad(expected, wide, slope),
            strict=True,
        ),
    ]
    for one, other in pairs:
        assert one.dtype == torch.bfloat16
        assert float(((one.float() - other).norm() / other.norm()).detach()) < 0.02


def test_kept_bytes_are_those_of_the_probabilities() -> None:
    """Two bytes for each query of a block and each key up to the block's end."""
    assert kept_bytes(4, BLOCK) == 4 * BLOCK * BLOCK * 2
    assert kept_bytes(1, 2 * BLOCK) == 3 * BLOCK * BLOCK * 2
