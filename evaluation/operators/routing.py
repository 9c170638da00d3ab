"""Routing new at every call, so that no expert comes back while a cache may hold it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

# T tokens, E experts, k experts per token

Floats = npt.NDArray[np.float32]
Experts = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The router's logits of one call, and what follows from them."""

    layer: int
    logits: Floats  # [T, E]
    used: int  # experts that at least one token chose
    reuse_bytes: int | None  # least bytes touched since one of them was last used; None: never was


@dataclass(slots=True, kw_only=True)
class RotatingRouter:
    """Draws logits from a normal distribution, tokens and experts independent of each other.

    Which of the stored experts stands in for which drawn one is free, as their weights are drawn
    alike: those go first whose weights were last touched `reuse_bytes` ago, by both sides together,
    and among them chance decides. Layers take turns. How many experts a call uses, and how many
    tokens each of them gets, therefore is that of independent uniform routing.
    """

    experts: int
    experts_per_token: int
    layers: int
    side_bytes: tuple[int, int]  # of one expert, ours and theirs
    reuse_bytes: int
    rng: np.random.Generator
    _touched: int = 0  # bytes, by both sides, so far
    _turn: int = 0
    _last_end: npt.NDArray[np.int64] = field(init=False)  # [layers, E]: _touched after the last use
    _last_used: npt.NDArray[np.int64] = field(init=False)  # [layers, E]: experts of that call

    def __post_init__(self) -> None:
        self._last_end = np.full((self.layers, self.experts), -1, np.int64)
        self._last_used = np.zeros((self.layers, self.experts), np.int64)

    def draw(self, tokens: int) -> Draw:
        """Return the next call's routing; both sides run it, ours first."""
        layer = self._turn % self.layers
        self._turn += 1
        drawn = self.rng.standard_normal((tokens, self.experts), dtype=np.float32)
        chosen = np.argpartition(drawn, -self.experts_per_token, axis=1)
        chosen_experts = np.unique(chosen[:, -self.experts_per_token :])
        used = len(chosen_experts)
        age = self._ages(layer, used)
        stand_ins = self._stand_ins(age, used)
        place = np.empty(self.experts, np.intp)  # of each drawn expert
        place[chosen_experts] = stand_ins
        place[np.setdiff1d(np.arange(self.experts), chosen_experts)] = np.setdiff1d(
            np.arange(self.experts), stand_ins
        )
        logits = np.empty_like(drawn)
        logits[:, place] = drawn
        self._touched += used * sum(self.side_bytes)
        known = age[stand_ins][self._last_end[layer, stand_ins] >= 0]
        self._last_end[layer, stand_ins] = self._touched
        self._last_used[layer, stand_ins] = used
        return Draw(
            layer=layer,
            logits=logits,
            used=used,
            reuse_bytes=int(known.min()) if len(known) else None,
        )

    def _ages(self, layer: int, used: int) -> npt.NDArray[np.int64]:
        """Bytes touched between an expert's last use and this call of the same side, at least.

        Those of the calls between, and those of the other side's call beside: of a use by us,
        theirs of the same turn; of a use by them, ours of this turn.
        """
        end = self._last_end[layer]
        beside = np.minimum(self._last_used[layer], used) * min(self.side_bytes)
        return np.where(end < 0, np.iinfo(np.int64).max, self._touched - end + beside)

    def _stand_ins(self, age: npt.NDArray[np.int64], used: int) -> Experts:
        """Choose as many experts by chance among those of age, or else the oldest."""
        old = np.flatnonzero(age >= self.reuse_bytes)
        if len(old) >= used:
            return self.rng.choice(old, used, replace=False)
        return self.rng.permutation(np.argsort(-age, kind="stable")[:used])
