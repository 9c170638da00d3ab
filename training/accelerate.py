"""Makes a model fast on a GPU: picks the experts' kernel by trial and compiles the layers."""

import time
import warnings
from collections.abc import Callable
from typing import Final, Literal

import torch
from torch import Tensor

from training.errors import RecipeError
from training.expert_kernels import Kernel, run_experts
from training.head import slopes
from training.model import FastPath, Layer, Model, ModelConfig
from training.precision import products
from training.tokenizer import PAD

Choice = Literal["auto", "loop", "grouped", "padded"]
Blocks = tuple[Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]], ...]
HEAD_CHUNK = 8_192
_CANDIDATES: Final[tuple[Kernel, ...]] = ("grouped", "padded")
_TRIALS = 5
_TOLERANCE = 0.03
"""Relative difference from the loop that rounding to bfloat16 explains."""


def kernel_times(
    config: ModelConfig, *, tokens: int, device: str, half: bool
) -> dict[Kernel, float]:
    """Measures the expert kernels: seconds of a forward and a backward pass.

    A kernel that fails here, or whose result or gradient is not the loop's, is left out with a
    warning.
    """
    generator = torch.Generator(device).manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    experts, hidden, inner = config.experts, config.hidden, config.expert_hidden
    x = draw(tokens, hidden).requires_grad_()
    gate_up = (draw(experts, 2 * inner, hidden) * hidden**-0.5).requires_grad_()
    down = (draw(experts, hidden, inner) * inner**-0.5).requires_grad_()
    weights, chosen = draw(tokens, experts).softmax(dim=-1).topk(config.experts_per_token)
    inputs = (x, gate_up, down)

    def results(kernel: Kernel) -> tuple[Tensor, ...]:
        with products(half=half, device=device):
            y, _ = run_experts(kernel, x, chosen, weights, gate_up, down)
        return (y.detach(), *torch.autograd.grad(y.float().square().mean(), inputs))

    expected = results("loop")
    times: dict[Kernel, float] = {}
    for kernel in _CANDIDATES:
        try:
            found = results(kernel)
            off = max(
                float((one - other).norm() / other.norm())
                for one, other in zip(found, expected, strict=True)
            )
            if not off < _TOLERANCE:
                warnings.warn(f"expert kernel {kernel} is off by {off:.1%}: left out", stacklevel=2)
                continue
            _wait(device)
            start = time.perf_counter()
            for _ in range(_TRIALS):
                results(kernel)
            _wait(device)
            times[kernel] = (time.perf_counter() - start) / _TRIALS
        except (RuntimeError, AttributeError, TypeError) as error:  # what another torch may raise
            message = f"expert kernel {kernel} fails here: {str(error)[:200]}"
            warnings.warn(message, stacklevel=2)
    return times


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def choose_kernel(
    choice: Choice, config: ModelConfig, *, tokens: int, device: str, half: bool
) -> Kernel:
    """Picks the fastest kernel that works on a GPU; on a CPU the loop, unless one is named."""
    if choice != "auto":
        return choice
    if not device.startswith("cuda"):
        return "loop"
    times = kernel_times(config, tokens=tokens, device=device, half=half)
    return min(times, key=lambda kernel: times[kernel]) if times else "loop"


def accelerate(
    model: Model,
    kernel: Kernel,
    *,
    batch: int,
    contexts: tuple[int, ...],
    half: bool,
    compiled: bool,
) -> bool:
    """Puts the model on its fast path, after a trial with each length of rows.

    Args:
        model: on its device.
        kernel: of the experts.
        batch: tokens of a forward pass.
        contexts: lengths of rows.
        half: whether products are taken in bfloat16.
        compiled: whether to try torch.compile. When it fails, or its loss is another, the layers
            run uncompiled, with a warning.

    Returns:
        Whether the layers are compiled.
    """
    layers: Blocks = tuple(layer.forward for layer in model.layers)
    model.fast = FastPath(kernel=kernel, chunk=HEAD_CHUNK, blocks=layers)
    expected = [_trial(model, batch, context, half=half) for context in contexts]
    if not compiled:
        return False
    try:
        model.fast = FastPath(
            kernel=kernel,
            chunk=HEAD_CHUNK,
            blocks=tuple(_compiled(layer) for layer in model.layers),
            rule=torch.compile(slopes, dynamic=False),
        )
        found = [_trial(model, batch, context, half=half) for context in contexts]
    except Exception as error:  # noqa: BLE001 - compilers fail in many ways; none may end the run
        warnings.warn(f"torch.compile fails here: {str(error)[:300]}", stacklevel=2)
    else:
        if all(
            abs(one - other) < _TOLERANCE * other
            for one, other in zip(found, expected, strict=True)
        ):
            return True
        message = f"the compiled layers' loss is {found}, not {expected}: run uncompiled"
        warnings.warn(message, stacklevel=2)
    model.fast = FastPath(kernel=kernel, chunk=HEAD_CHUNK, blocks=layers)
    return False


def _compiled(layer: Layer) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    # the bound method, not the module: a wrapped module would rename the weights
    compiled: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]] = torch.compile(
        layer.forward, dynamic=False
    )
    return compiled


def _trial(model: Model, batch: int, context: int, *, half: bool) -> float:
    """Forward and backward on random ids; returns nats per token and leaves no gradients."""
    device = model.embedding.device
    if batch < context:
        raise RecipeError(f"expected a forward pass of a row or more, found {batch} tokens")
    generator = torch.Generator().manual_seed(1)
    shape = (batch // context, context + 1)
    ids = torch.randint(model.config.vocab, shape, generator=generator).to(device)
    with products(half=half, device=device.type):
        output = model(ids[:, :-1], ids[:, 1:], PAD)  # as in a step: compiled code knows the id
    (output.nats / batch + output.balance).backward()
    model.zero_grad(set_to_none=True)
    return float(output.nats.detach()) / batch
