"""The loss of the tied head in pieces, so that the scores of a large batch never exist at once."""

# T tokens, H hidden, V vocabulary

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Slopes = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


def slopes(scores: Tensor, targets: Tensor, ignore_id: int) -> tuple[Tensor, Tensor]:
    """Summed cross-entropy of scores [T, V], and its gradient [T, V] in the scores' type."""
    keep = targets != ignore_id
    right = torch.where(keep, targets, 0).unsqueeze(-1)
    wide = scores.float()
    total = wide.logsumexp(dim=-1, keepdim=True)
    nats = ((total - wide.gather(1, right)).squeeze(-1) * keep).sum()
    columns = torch.arange(scores.shape[1], device=scores.device)
    slope = (wide - total).exp() - (columns == right).float()
    return nats, (slope * keep.unsqueeze(-1)).to(scores.dtype)


def cpu_slopes(scores: Tensor, targets: Tensor, ignore_id: int) -> tuple[Tensor, Tensor]:
    """What `slopes` gives, in two passes: not compiled, each of its many costs time on a CPU."""
    keep = (targets != ignore_id).unsqueeze(-1)
    right = torch.where(keep, targets.unsqueeze(-1), 0)
    shares = torch.log_softmax(scores, dim=-1, dtype=torch.float32)
    nats = -(shares.gather(1, right) * keep).sum()
    slope = shares.exp_().mul_(keep).scatter_add_(1, right, -keep.float())
    return nats, slope.to(scores.dtype)


class _Loss(torch.autograd.Function):  # type: ignore[misc]
    """Takes the gradients along with the loss: nothing of a piece has to be kept or redone."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        more: Tensor | None,
        targets: Tensor,
        ignore_id: int,
        chunk: int,
        rule: Slopes,
    ) -> Tensor:
        kind = x.device.type
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        hidden = weight.shape[1]
        head = (weight if more is None else torch.cat((weight, more), dim=1)).to(half)
        slope_x = torch.empty_like(x)
        slope_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        slope_more = None if more is None else torch.zeros_like(more)
        nats = torch.zeros((), device=x.device)
        for part, goal, out in zip(
            x.split(chunk), targets.split(chunk), slope_x.split(chunk), strict=True
        ):
            narrow = part.to(half)
            more, slope = rule(functional.linear(narrow, head), goal, ignore_id)
            nats = nats + more
            out.copy_(slope @ head)
            if slope_weight is not None:
                slope_weight += slope.mT @ narrow[:, :hidden]
            if slope_more is not None:
                slope_more += slope.mT @ narrow[:, hidden:]
        ctx.save_for_backward(slope_x, slope_weight, slope_more)
        return nats

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        slopes = [None if part is None else part * slope for part in ctx.saved_tensors]
        return *slopes, None, None, None, None


def chunked_nats(
    x: Tensor,
    weight: Tensor,
    targets: Tensor,
    ignore_id: int,
    *,
    chunk: int,
    rule: Slopes = slopes,
    more: Tensor | None = None,
) -> Tensor:
    """Sum of -log p over the targets that count, without a wait for the device.

    Args:
        x: [T, H] behind the last norm, or [T, H + R] where there is `more`.
        weight: [V, H] of the head; frozen, it costs a third less.
        targets: [T] ids.
        ignore_id: targets of this id do not count.
        chunk: tokens of a piece.
        rule: `slopes`, or the same compiled.
        more: [V, R] further columns of the head, trained where `weight` is frozen.
    """
    nats: Tensor = _Loss.apply(x, weight, more, targets, ignore_id, chunk, rule)
    return nats
