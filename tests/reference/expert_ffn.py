"""ExpertFFN in numpy: on dequantised weights in double precision, and with int8 activations.

`expert_ffn` is the meaning. `quantised_expert_ffn` rounds activations as the int8 and int4 kernels
do, and is exact otherwise. Rounding is discontinuous: where a hidden value lies so close to the
middle between two int8 values that f32 arithmetic may round it to the other side, no finite
precision can say which of the two a kernel takes. `Quantised.slack` is what such values may change.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# T tokens, K slots per token, E experts, H hidden, I expert hidden

Doubles = npt.NDArray[np.float64]
BLOCK = 32  # activations that share one scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """Weights of all experts, dequantised, and what is done with them."""

    gate: Doubles  # [E, I, H]
    up: Doubles  # [E, I, H]
    down: Doubles  # [E, H, I]
    gate_bias: Doubles | None = None  # [E, I]
    up_bias: Doubles | None = None  # [E, I]
    down_bias: Doubles | None = None  # [E, H]
    activation: str = "swiglu"
    alpha: float = 1.702
    limit: float = 7.0

    def hidden(self, expert: int, x: Doubles) -> Doubles:
        """Return the activated hidden vector ``[I]`` of one expert for one token ``[H]``."""
        gate = self.gate[expert] @ x
        up = self.up[expert] @ x
        if self.gate_bias is not None and self.up_bias is not None:
            gate = gate + self.gate_bias[expert]
            up = up + self.up_bias[expert]
        return activate(self.activation, gate, up, self.alpha, self.limit)

    def output(self, expert: int, hidden: Doubles) -> Doubles:
        """Return ``[H]`` for one hidden vector."""
        y = self.down[expert] @ hidden
        return y if self.down_bias is None else np.asarray(y + self.down_bias[expert])


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """What a kernel with int8 activations computes."""

    y: Doubles  # [T, H]
    slack: Doubles  # [T] most that the L2 norm of y moves if near ties round the other way
    ties: int  # hidden values that are near ties


def expert_ffn(
    experts: Experts, x: npt.ArrayLike, ids: npt.ArrayLike, weights: npt.ArrayLike
) -> Doubles:
    """Return y ``[T, H]``, all in double precision, activations not quantised."""
    x, ids = np.asarray(x, np.float64), np.asarray(ids)
    y = np.zeros_like(x)
    for (token, slot), expert in np.ndenumerate(ids):
        if expert >= 0:
            hidden = experts.hidden(expert, x[token])
            y[token] += np.asarray(weights)[token, slot] * experts.output(expert, hidden)
    return y


def quantised_expert_ffn(
    experts: Experts,
    x: npt.NDArray[np.float32],
    ids: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    tie_width: float = 1e-3,
) -> Quantised:
    """Return y with input and hidden vectors rounded to int8 blocks of 32, the rest exact.

    Args:
        experts: the dequantised weights.
        x: ``[T, H]``.
        ids: ``[T, K]``, -1 for an unused slot.
        weights: ``[T, K]``.
        tie_width: a hidden value within this distance (in steps) of a rounding border is a tie.
    """
    ids, weights = np.asarray(ids), np.asarray(weights, np.float64)
    rounded_x = dequantise(*quantise_activations(x))
    y = np.zeros(x.shape)
    slack = np.zeros(x.shape[0])
    ties = 0
    for (token, slot), expert in np.ndenumerate(ids):
        if expert < 0:
            continue
        hidden = experts.hidden(expert, rounded_x[token])
        q, scale = quantise_activations(hidden.astype(np.float32)[None])
        y[token] += weights[token, slot] * experts.output(expert, dequantise(q, scale)[0])
        step = np.repeat(scale[0], BLOCK)[: hidden.size].astype(np.float64)
        near = is_near_tie(hidden, step, tie_width)
        ties += int(near.sum())
        columns = np.linalg.norm(experts.down[expert][:, near], axis=0)
        slack[token] += abs(weights[token, slot]) * float(columns @ step[near])
    return Quantised(y=y, slack=slack, ties=ties)


def quantise_activations(
    x: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return q ``[T, H]`` and scale ``[T, H / 32]``: rint(x / scale), max|x| / 127, in f32."""
    tokens, columns = x.shape
    padded = np.pad(x, ((0, 0), (0, -columns % BLOCK))).reshape(tokens, -1, BLOCK)
    scale = np.abs(padded).max(axis=-1) / np.float32(127)
    scale[scale < np.float32(2.0**-100) / np.float32(127)] = 0
    divisor = np.where(scale == 0, np.float32(np.inf), scale)
    q = np.rint(padded / divisor[..., None]).astype(np.int8)
    return q.reshape(tokens, -1)[:, :columns], scale


def dequantise(q: npt.NDArray[np.int8], scale: npt.NDArray[np.float32]) -> Doubles:
    """Return ``q * scale`` in double precision."""
    columns = q.shape[-1]
    return q.astype(np.float64) * np.repeat(scale.astype(np.float64), BLOCK, axis=-1)[:, :columns]


def is_near_tie(hidden: Doubles, step: Doubles, width: float) -> npt.NDArray[np.bool_]:
    """Tell which values lie within ``width`` steps of the middle between two multiples."""
    steps = np.abs(hidden) / np.where(step == 0, np.inf, step)
    return np.abs(steps - np.floor(steps) - 0.5) < width


def activate(name: str, gate: Doubles, up: Doubles, alpha: float, limit: float) -> Doubles:
    """Return the gated activation; see docs/operators.md."""
    if name == "swiglu":
        return np.asarray(gate / (1 + np.exp(-gate)) * up)
    if name == "swiglu_oai":
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
        return np.asarray(gate / (1 + np.exp(-alpha * gate)) * (up + 1))
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return np.asarray(gate * (1 + erf(gate / math.sqrt(2))) / 2 * up)
