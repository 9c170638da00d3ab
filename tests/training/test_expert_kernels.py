"""The experts' kernels: each gives what the loop gives, values and gradients."""

import pytest

torch = pytest.importorskip("torch")

from training.expert_kernels import CAPACITY, Kernel, run_experts  # noqa: E402 - torch first
from training.precision import products  # noqa: E402

TOKENS, EXPERTS, HIDDEN, INNER = 96, 4, 32, 16


def inputs(seed: int = 1) -> tuple[torch.Tensor, ...]:
    """Tokens, matrices, and a routing that leaves expert 2 idle for the first choice."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(TOKENS, HIDDEN, generator=generator).requires_grad_()
    gate_up = torch.randn(EXPERTS, 2 * INNER, HIDDEN, generator=generator).requires_grad_()
    down = torch.randn(EXPERTS, HIDDEN, INNER, generator=generator).requires_grad_()
    scores = torch.randn(TOKENS, EXPERTS, generator=generator).requires_grad_()
    return x, gate_up, down, scores


def results(kernel: Kernel, *, half: bool = False) -> tuple[torch.Tensor, ...]:
    """The sum over the experts, the counts, and the gradients of all that can learn."""
    x, gate_up, down, scores = inputs()
    weights, chosen = scores.softmax(dim=-1).topk(2, dim=-1)
    with products(half=half, device="cpu"):
        y, counts = run_experts(kernel, x, chosen, weights, gate_up, down)
    y.float().square().sum().backward()
    return y.detach(), counts, x.grad, gate_up.grad, down.grad, scores.grad


@pytest.mark.parametrize("kernel", ["grouped", "padded"])
@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-5), (True, 0.02)])
def test_kernels_agree_with_the_loop(kernel: Kernel, half: bool, tolerance: float) -> None:
    """In float32 to rounding, in bfloat16 to its rounding; the counts exactly."""
    expected, found = results("loop"), results(kernel, half=half)

    assert torch.equal(expected[1], found[1])
    for one, other in zip(expected, found, strict=True):
        assert float((one - other).float().norm() / one.float().norm()) < tolerance


@pytest.mark.parametrize("kernel", ["grouped", "padded"])
def test_an_expert_without_tokens_learns_nothing(kernel: Kernel) -> None:
    """Groups may be empty."""
    x, gate_up, down, _ = inputs()
    chosen = torch.tensor([[0, 1]]).expand(TOKENS // 2, -1)
    chosen = torch.cat((chosen, torch.tensor([[1, 3]]).expand(TOKENS // 2, -1)))

    y, counts = run_experts(kernel, x, chosen, torch.full((TOKENS, 2), 0.5), gate_up, down)
    y.sum().backward()

    assert counts.tolist() == [48, 96, 0, 48]
    assert not gate_up.grad[2].any()
    assert gate_up.grad[1].any()


def test_padded_leaves_out_what_exceeds_the_capacity() -> None:
    """All tokens want one expert: the first of them get it, the others nothing, and no gradient."""
    x, gate_up, down, _ = inputs()
    chosen = torch.zeros(TOKENS, 1, dtype=torch.long)
    room = -(-int(TOKENS * CAPACITY) // EXPERTS // 16) * 16

    y, _ = run_experts("padded", x, chosen, torch.ones(TOKENS, 1), gate_up, down)
    y.sum().backward()

    expected, _ = run_experts("loop", x, chosen, torch.ones(TOKENS, 1), gate_up, down)
    assert room < TOKENS
    assert torch.allclose(y[:room], expected[:room], atol=1e-4)
    assert not y[room:].any()
    assert not x.grad[room:].any()
