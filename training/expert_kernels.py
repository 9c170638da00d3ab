"""Ways to run the experts of a layer: one product each, one grouped product, padded batches."""

# T tokens, K experts per token, N = T * K slots, E experts, H hidden, I expert hidden, C capacity

from typing import Any, Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

Kernel = Literal["loop", "grouped", "padded"]
KERNELS: Final[tuple[Kernel, ...]] = ("loop", "grouped", "padded")
CAPACITY = 1.5
"""Slots of an expert in the padded kernel over its fair share; what does not fit is left out."""


def run_experts(
    kernel: Kernel, x: Tensor, chosen: Tensor, weights: Tensor, gate_up: Tensor, down: Tensor
) -> tuple[Tensor, Tensor]:
    """Sends each token through its experts.

    Args:
        kernel: "loop" takes one product per expert and reads the counts on the host, best on a
            CPU; "grouped" and "padded" never wait for the device, and have one shape for any
            routing.
        x: [T, H].
        chosen: [T, K] expert ids.
        weights: [T, K] of the sum.
        gate_up: [E, 2 I, H].
        down: [E, H, I].

    Returns:
        The weighted sum [T, H], and how many slots each expert got [E].
    """
    if kernel == "loop":
        return _loop(x, chosen, weights, gate_up, down)
    experts = gate_up.shape[0]
    if torch.is_autocast_enabled(x.device.type):
        half = torch.get_autocast_dtype(x.device.type)
        x, gate_up, down = x.to(half), gate_up.to(half), down.to(half)
    flat = chosen.flatten()
    counts = (flat.unsqueeze(-1) == torch.arange(experts, device=x.device)).sum(dim=0)
    ranked, order = flat.sort(stable=True)
    inverse = torch.empty_like(order).scatter_(0, order, torch.arange(len(flat), device=x.device))
    slots = x.unsqueeze(1).expand(-1, chosen.shape[1], -1).reshape(len(flat), -1)
    if kernel == "grouped":
        y = _grouped(_Move.apply(slots, order, inverse), counts, gate_up, down)
        y = _Move.apply(y, inverse, order)
    else:
        source, target = _padding(ranked, counts, order, inverse)
        batches = _Move.apply(slots, source, target).view(experts, -1, x.shape[1])
        y = _Move.apply(_padded(batches, gate_up, down).flatten(0, 1), target, source)
    return (y.view(*chosen.shape, -1) * weights.unsqueeze(-1)).sum(dim=1), counts


def _loop(
    x: Tensor, chosen: Tensor, weights: Tensor, gate_up: Tensor, down: Tensor
) -> tuple[Tensor, Tensor]:
    order = chosen.flatten().argsort(stable=True)
    tokens = order // chosen.shape[1]
    counts = torch.bincount(chosen.flatten(), minlength=len(gate_up))
    outputs = []
    # unbind, not indexing: the backward of an index fills a whole [E, ...] gradient each time
    for part, one_gate_up, one_down in zip(
        x[tokens].split(counts.tolist()), gate_up.unbind(), down.unbind(), strict=True
    ):
        gate, up = functional.linear(part, one_gate_up).chunk(2, dim=-1)
        outputs.append(functional.linear(functional.silu(gate) * up, one_down))
    y = torch.cat(outputs) * weights.flatten()[order].unsqueeze(-1)
    return torch.zeros_like(x).index_add(0, tokens, y), counts


class _Move(torch.autograd.Function):  # type: ignore[misc]
    """Moves rows to other places; the gradient moves back, without the sums of an index's own.

    `source` says where each row of the result comes from and `target` where each given row goes:
    one undoes the other, and -1 stands for nowhere.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, source: Tensor, target: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(target)
        return _take(rows, source)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (target,) = ctx.saved_tensors
        return _take(slope, target), None, None


def _take(rows: Tensor, index: Tensor) -> Tensor:
    taken = rows.index_select(0, index.clamp(min=0))
    return taken * (index >= 0).unsqueeze(-1).to(taken.dtype)


def _grouped(x: Tensor, counts: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """[N, H] sorted by expert to [N, H]; `counts` [E] says how many rows each expert has."""
    ends = counts.cumsum(0).to(torch.int32)
    gate, up = torch._grouped_mm(  # noqa: SLF001 - torch 2.11 and 2.13 have it under this name
        x, gate_up.transpose(-2, -1), offs=ends
    ).chunk(2, dim=-1)
    inner = functional.silu(gate) * up
    product: Tensor = torch._grouped_mm(inner, down.transpose(-2, -1), offs=ends)  # noqa: SLF001
    return product


def _padded(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """[E, C, H] to [E, C, H]."""
    gate, up = torch.bmm(x, gate_up.transpose(-2, -1)).chunk(2, dim=-1)
    return torch.bmm(functional.silu(gate) * up, down.transpose(-2, -1))


def _padding(
    ranked: Tensor, counts: Tensor, order: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor]:
    """Lays the slots out as [E * C]: where each padded row comes from, where each slot goes.

    Args:
        ranked: [N] expert of each slot, ascending.
        counts: [E] slots of each expert.
        order: [N] slots, sorted by expert.
        inverse: [N] place of each slot in `order`.
    """
    num_slots, experts = len(ranked), len(counts)
    capacity = -(-int(num_slots * CAPACITY) // experts // 16) * 16
    starts = counts.cumsum(0) - counts
    place = torch.arange(num_slots, device=ranked.device) - starts[ranked]
    target = torch.where(place < capacity, ranked * capacity + place, -1)[inverse]
    column = torch.arange(capacity, device=ranked.device)
    rows = (starts.unsqueeze(-1) + column).clamp(max=num_slots - 1)
    source = torch.where(column < counts.unsqueeze(-1), order[rows], -1)
    return source.flatten(), target
