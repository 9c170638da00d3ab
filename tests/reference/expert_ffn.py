"""ExpertFFN in numpy: on dequantised weights in double precision, and with int8 activations.

`expert_ffn` is the meaning. `quantised_expert_ffn` rounds activations as the kernels for
quantised weights do, and is exact otherwise.
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
    experts: Experts, x: npt.ArrayLike, ids: npt.ArrayLike, weights: npt.ArrayLike
) -> Doubles:
    """Return y ``[T, H]`` with input and hidden vectors rounded to int8 blocks of 32."""
    x, ids = round_activations(np.asarray(x, np.float64)), np.asarray(ids)
    y = np.zeros_like(x)
    for (token, slot), expert in np.ndenumerate(ids):
        if expert >= 0:
            hidden = round_activations(experts.hidden(expert, x[token]))
            y[token] += np.asarray(weights)[token, slot] * experts.output(expert, hidden)
    return y


def round_activations(x: Doubles) -> Doubles:
    """Round the last axis in blocks of 32 to multiples of max|x| / 127, ties to even."""
    columns = x.shape[-1]
    pad = [(0, 0)] * (x.ndim - 1) + [(0, -columns % BLOCK)]
    blocks = np.pad(x, pad).reshape(*x.shape[:-1], -1, BLOCK)
    step = np.abs(blocks).max(axis=-1, keepdims=True) / 127
    q = np.rint(blocks / np.where(step == 0, np.inf, step))
    return np.asarray((q * step).reshape(*x.shape[:-1], -1)[..., :columns])


def activate(name: str, gate: Doubles, up: Doubles, alpha: float, limit: float) -> Doubles:
    """Return the gated activation; see docs/operators.md."""
    if name == "swiglu":
        return np.asarray(gate / (1 + np.exp(-gate)) * up)
    if name == "swiglu_oai":
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
        return np.asarray(gate / (1 + np.exp(-alpha * gate)) * (up + 1))
    erfc = np.vectorize(math.erfc, otypes=[np.float64])  # of -x: 1 + erf(x), but not cancelled
    return np.asarray(gate * erfc(-gate / math.sqrt(2)) / 2 * up)
