"""Lets the forward pass see 4-bit weights while the optimiser keeps the full ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn

from inference.ops.layout import dequantize, quantize

WEIGHT_FORMAT: Final = "int4"
BLOCK = 32
LARGEST = 7


def rounded(weight: Tensor) -> Tensor:
    """Quantises and dequantises [..., N, K] along K with the exporter's own rounding.

    On a GPU the same arithmetic is done there; a test compares the bits.
    """
    if weight.is_cuda:
        return rounded_on_device(weight)
    array = weight.detach().float().cpu().numpy()
    q, scale = quantize(array, WEIGHT_FORMAT, BLOCK)
    return torch.from_numpy(dequantize(q, scale, BLOCK)).to(weight)


def rounded_on_device(weight: Tensor) -> Tensor:
    """The arithmetic of `inference.ops.layout` for int4, in torch, bit for bit."""
    wide = weight.detach().float()
    blocks = nn.functional.pad(wide, (0, -wide.shape[-1] % BLOCK)).unflatten(-1, (-1, BLOCK))
    peak = blocks.abs().amax(dim=-1, keepdim=True)
    # by a tensor: on a GPU torch divides by a number as by its rounded reciprocal
    scale = (peak / torch.full_like(peak, LARGEST)).half().float()
    divisor = torch.where(scale == 0, torch.inf, scale)
    q = (blocks / divisor).round().clamp(-LARGEST - 1, LARGEST) + 0.0  # no negative zeros
    return (q * scale).flatten(-2)[..., : wide.shape[-1]].to(weight)


def is_quantised(name: str, parameter: Tensor) -> bool:
    """Says whether the exporter stores this parameter in 4 bits: matrices but router, embedding."""
    return parameter.dim() > 1 and name != "embedding" and not name.endswith("router")


@contextmanager
def rounded_weights(model: nn.Module) -> Iterator[None]:
    """Swaps rounded weights in for the forward and backward pass of a step.

    The gradient taken at the rounded weights is applied to the full ones: the straight-through
    estimator.
    """
    kept: list[tuple[nn.Parameter, Tensor]] = []
    for name, parameter in model.named_parameters():
        if is_quantised(name, parameter):
            kept.append((parameter, parameter.data))
            parameter.data = rounded(parameter.data)
    try:
        yield
    finally:
        for parameter, full in kept:
            parameter.data = full
