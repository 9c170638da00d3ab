"""Muon for the matrices, AdamW for the embedding, the routers and the norms."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# The odd polynomial a x + b x^3 + c x^5 whose iteration drives singular values towards 1
# (Jordan et al. 2024, "Muon: An optimizer for hidden layers").
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrices: Tensor, steps: int = 5, *, half: bool = False) -> Tensor:
    """Brings the singular values of each matrix [..., m, n] near 1, keeping its directions.

    `half` works in bfloat16, which the iteration bears: it only has to come near.
    """
    x = matrices.bfloat16() if half else matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * (gram @ gram)) @ x
    return (x.mT if tall else x).to(matrices)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Step sizes at the plateau of the schedule."""

    matrix_lr: float
    vector_lr: float
    router_lr: float
    """Lower than the vectors': a router that moves fast settles on a few experts."""
    momentum: float
    weight_decay: float


class Muon:
    """Momentum, orthogonalised; every matrix of a stack of experts on its own."""

    def __init__(
        self,
        parameters: Iterable[tuple[nn.Parameter, int]],
        config: OptimConfig,
        *,
        half: bool,
        together: bool = False,
    ) -> None:
        """Takes pairs of a parameter [..., m, n] and how many matrices its m rows hold.

        With `together`, all matrices of one shape are orthogonalised at once, as a GPU likes it.
        """
        self.parameters = list(parameters)
        self.config = config
        self.half = half
        self.momenta = [torch.zeros_like(parameter) for parameter, _ in self.parameters]
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, (parameter, parts) in enumerate(self.parameters):
            shape = (parameter.shape[-2] // parts, parameter.shape[-1])
            groups.setdefault(shape if together else (index,), []).append(index)
        self._groups = list(groups.values())

    def step(self, scale: float) -> None:
        """Moves the parameters; `scale` is the schedule's factor (0 to 1)."""
        with torch.no_grad():
            self._move(scale)

    def _move(self, scale: float) -> None:
        rate = self.config.matrix_lr * scale
        for group in self._groups:
            members = [
                (parameter, parts, momentum)
                for (parameter, parts), momentum in (
                    (self.parameters[index], self.momenta[index]) for index in group
                )
                if parameter.grad is not None
            ]
            updates = []
            for parameter, parts, momentum in members:
                momentum.mul_(self.config.momentum).add_(parameter.grad)
                update = parameter.grad.add(momentum, alpha=self.config.momentum)  # Nesterov
                shape = (update.shape[-2] // parts, update.shape[-1])
                updates.append(update.reshape(-1, *shape))
            if not updates:
                continue
            stacked = orthogonalise(
                updates[0] if len(updates) == 1 else torch.cat(updates), half=self.half
            )
            rows, columns = stacked.shape[-2:]
            pieces = stacked.split([len(update) for update in updates])
            for (parameter, _, _), piece in zip(members, pieces, strict=True):
                parameter.mul_(1 - rate * self.config.weight_decay)
                parameter.add_(
                    piece.reshape(parameter.shape), alpha=-rate * max(1.0, rows / columns) ** 0.5
                )


class Optimiser:
    """Both rules as one, with one state to save."""

    def __init__(self, model: nn.Module, config: OptimConfig, *, half: bool = False) -> None:
        matrices: list[tuple[nn.Parameter, int]] = []
        vectors: list[nn.Parameter] = []
        routers: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if name.endswith("router"):
                routers.append(parameter)
            elif parameter.dim() < 2 or name == "embedding":  # noqa: PLR2004 - no matrices
                vectors.append(parameter)
            else:
                matrices.append((parameter, 2 if name.endswith("gate_up") else 1))
        self.config = config
        on_gpu = all(parameter.is_cuda for parameter in model.parameters())
        self.muon = Muon(matrices, config, half=half, together=on_gpu)
        self.adam = torch.optim.AdamW(
            [{"params": vectors}, {"params": routers}],
            lr=config.vector_lr,
            betas=(0.9, 0.95),
            eps=1e-10,
            weight_decay=0.0,
            fused=on_gpu or None,
        )

    def step(self, scale: float) -> None:
        """Applies the gradients and clears them."""
        rates = (self.config.vector_lr, self.config.router_lr)
        for group, rate in zip(self.adam.param_groups, rates, strict=True):
            group["lr"] = rate * scale
        self.adam.step()
        self.muon.step(scale)
        self.adam.zero_grad(set_to_none=True)
        for parameter, _ in self.muon.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, object]:
        """Everything a resumed run needs."""
        return {"muon": self.muon.momenta, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Takes back what `state_dict` gave, for a model of the same shape."""
        momenta = state["muon"]
        if not isinstance(momenta, list) or len(momenta) != len(self.muon.momenta):
            raise TypeError("the optimiser state belongs to another model")
        for mine, saved in zip(self.muon.momenta, momenta, strict=True):
            mine.copy_(saved)
        # a copy, since torch would go on in the very tensors that it is given
        self.adam.load_state_dict(deepcopy(state["adam"]))
