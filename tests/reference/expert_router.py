"""ExpertRouter in numpy and double precision: what docs/operators.md says, said once more."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# T tokens, E experts, K slots per token

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Attributes of an ExpertRouter node; the names are the operator's."""

    k: int
    scoring: str = "softmax"
    normalize: int = 0
    softmax_after_topk: int = 0
    n_group: int = 0
    topk_group: int = 0
    scale: float = 1.0

    def route(
        self, logits: npt.ArrayLike, bias: npt.ArrayLike | None = None, effort: float = 1.0
    ) -> tuple[npt.NDArray[np.int32], Doubles]:
        """Return expert ids ``[T, K]`` and weights ``[T, K]`` for logits ``[T, E]``."""
        rows = [self._route_token(row, bias, effort) for row in np.asarray(logits, np.float64)]
        ids = np.array([row[0] for row in rows], dtype=np.int32).reshape(-1, self.k)
        return ids, np.array([row[1] for row in rows]).reshape(-1, self.k)

    def _route_token(
        self, logits: Doubles, bias: npt.ArrayLike | None, effort: float
    ) -> tuple[list[int], list[float]]:
        score = self._score(logits)
        choice = score if bias is None else score + np.asarray(bias, np.float64)
        allowed = self._allowed(choice)
        order = sorted(allowed, key=lambda expert: (-choice[expert], expert))[: self.k]
        if effort < 0:
            order.sort(key=lambda expert: -score[expert])
        weights = score[order]
        if self.softmax_after_topk:
            weights = softmax(weights)
        kept = kept_experts(effort, weights)
        if self.normalize:
            weights = weights / weights[:kept].sum()
        weights = weights[:kept] * self.scale
        unused = self.k - kept
        return order[:kept] + [-1] * unused, list(weights) + [0.0] * unused

    def _score(self, logits: Doubles) -> Doubles:
        if self.scoring == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-logits)))
        return logits if self.softmax_after_topk else softmax(logits)

    def _allowed(self, choice: Doubles) -> list[int]:
        if self.n_group == 0:
            return list(range(choice.size))
        groups = choice.reshape(self.n_group, -1)
        best = np.sort(groups, axis=1)[:, ::-1]
        value = best[:, :2].sum(axis=1) if self.scoring == "sigmoid" else best[:, 0]
        chosen = np.argsort(-value, kind="stable")[: self.topk_group]
        size = groups.shape[1]
        return [g * size + i for g in sorted(chosen.tolist()) for i in range(size)]


def softmax(values: Doubles) -> Doubles:
    """Return the softmax of one row."""
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def kept_experts(effort: float, weights: Doubles) -> int:
    """Return how many of the k chosen experts the effort leaves, given their weights."""
    if effort > 0:
        return max(1, int(np.ceil(effort * weights.size - 1e-5)))
    if effort == -1:
        return weights.size
    reached = np.cumsum(weights) >= -effort * weights.sum()
    return int(np.argmax(reached)) + 1 if reached.any() else weights.size
