"""One layer of random experts on a device: its launches, and what they have to compute."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.gpu.launch import (
    ACTIVATIONS,
    FLOAT16,
    FORMATS,
    Buffer,
    ExpertLaunch,
    Memory,
    Operators,
    RouterLaunch,
    Shape,
)
from evaluation.operators.shapes import OpShape
from inference.ops import layout
from inference.ops.tiles import WeightFormat

# E experts, I expert hidden, H hidden, T tokens, k experts per token

Array = npt.NDArray[Any]
BLOCK: Final = 32
# With values of their own; the others repeat them at addresses of their own, which is what counts
# for speed.
DISTINCT: Final = 2
ALPHA: Final = 1.702
LIMIT: Final = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Packed experts, the distinct ones, and their values in double precision."""

    packed: dict[str, Array]  # gate_up and down u8, perhaps biases f32; axis 0: distinct experts
    gate: Array  # [D, I, H]
    up: Array  # [D, I, H]
    down: Array  # [D, H, I]

    @property
    def bytes_per_expert(self) -> int:
        """Bytes that one use of an expert reads."""
        return sum(int(array[0].nbytes) for array in self.packed.values())


def draw_weights(shape: OpShape, weight_format: WeightFormat, rng: np.random.Generator) -> Weights:
    """Draw experts whose outputs have the size of their inputs."""
    distinct = min(shape.experts, DISTINCT)

    def normal(*dims: int) -> npt.NDArray[np.float32]:
        return rng.standard_normal((distinct, *dims), np.float32) * np.float32(dims[-1] ** -0.5)

    packed: dict[str, Array] = {
        "gate_up": layout.pack_gate_up(
            weight_format,
            BLOCK,
            normal(shape.expert_hidden, shape.hidden),
            normal(shape.expert_hidden, shape.hidden),
        ),
        "down": layout.pack(weight_format, BLOCK, normal(shape.hidden, shape.expert_hidden)),
    }
    gate, up = layout.unpack_gate_up(
        weight_format, BLOCK, packed["gate_up"], shape.expert_hidden, shape.hidden
    )
    down = layout.unpack(weight_format, BLOCK, packed["down"], shape.hidden, shape.expert_hidden)
    if shape.biases:
        packed["gate_up_bias"] = normal(2 * shape.expert_hidden)
        packed["down_bias"] = normal(shape.hidden)
    return Weights(
        packed=packed, gate=gate.astype(float), up=up.astype(float), down=down.astype(float)
    )


class Layer:
    """All experts of a layer in a device's memory."""

    def __init__(
        self,
        operators: Operators,
        memory: Memory,
        shape: OpShape,
        weight_format: WeightFormat,
        weights: Weights,
    ) -> None:
        """Copy the experts there; the launches of `run` use them as long as this lives."""
        self._operators, self._memory, self._shape = operators, memory, shape
        self._format = weight_format
        repeat = np.arange(shape.experts) % len(weights.gate)
        self._buffers = {k: memory.put(v[repeat]) for k, v in weights.packed.items()}
        self._flag = memory.put(np.zeros(1, np.int32))
        self._workspace: Buffer = memory.put(np.zeros(1, np.uint8))
        self._workspace_bytes = 1

    def prepare(
        self, x: Buffer, ids: Buffer, shares: Buffer, y: Buffer, tokens: int
    ) -> ExpertLaunch:
        """Return a launch of ExpertFFN for tokens in fp16; memory for it is there."""
        launch = ExpertLaunch(
            shape=Shape(
                hidden=self._shape.hidden,
                expert_hidden=self._shape.expert_hidden,
                num_experts=self._shape.experts,
                format=FORMATS[self._format],
                block=BLOCK,
                activation=ACTIVATIONS[self._shape.activation],
                alpha=ALPHA,
                limit=LIMIT,
            ),
            tokens=tokens,
            slots=self._shape.experts_per_token,
            element=FLOAT16,
            x=x.address,
            expert_ids=ids.address,
            weights=shares.address,
            y=y.address,
            flag=self._flag.address,
            **{name: buffer.address for name, buffer in self._buffers.items()},
        )
        needed = self._operators.workspace_bytes(launch)
        if needed > self._workspace_bytes:
            self._workspace = self._memory.put(np.zeros(needed, np.uint8))
            self._workspace_bytes = needed
        launch.workspace = self._workspace.address
        return launch

    def run(self, launch: ExpertLaunch) -> None:
        """Launch ExpertFFN; `prepare` was not called for more tokens since."""
        self._operators.run_experts(launch, self._memory.stream)

    def route(self, logits: Buffer, ids: Buffer, shares: Buffer, tokens: int) -> None:
        """Launch ExpertRouter over f32 logits: softmax over all, the k best, normalised."""
        launch = RouterLaunch(
            k=self._shape.experts_per_token,
            normalize=True,
            scale=1.0,
            max_experts=self._shape.experts_per_token,
            tokens=tokens,
            experts=self._shape.experts,
            logits=logits.address,
            expert_ids=ids.address,
            expert_weights=shares.address,
            flag=self._flag.address,
        )
        self._operators.run_router(launch, self._memory.stream)

    @property
    def faulty(self) -> bool:
        """Whether a kernel found ids or logits that it should not get."""
        return bool(self._flag.read()[0])


def routed(shape: OpShape, logits: Array) -> tuple[Array, Array]:
    """Return expert ids ``[T, k]`` and weights in double precision."""
    order = np.argsort(-logits.astype(float), axis=1, kind="stable")[:, : shape.experts_per_token]
    chosen = np.exp(np.take_along_axis(logits.astype(float), order, 1))
    return order, chosen / chosen.sum(axis=1, keepdims=True)


def expected(shape: OpShape, weights: Weights, x: Array, ids: Array, shares: Array) -> Array:
    """Return y ``[T, H]`` in double precision."""
    y = np.zeros((len(x), shape.hidden))
    distinct = ids % len(weights.gate)
    for which in np.unique(distinct):
        tokens, slots = np.nonzero(distinct == which)
        rows = x[tokens].astype(float)
        gate, up = rows @ weights.gate[which].T, rows @ weights.up[which].T
        if shape.biases:
            bias = weights.packed["gate_up_bias"][which].astype(float)
            gate, up = gate + bias[: shape.expert_hidden], up + bias[shape.expert_hidden :]
        out = _activate(shape, gate, up) @ weights.down[which].T
        if shape.biases:
            out += weights.packed["down_bias"][which].astype(float)
        np.add.at(y, tokens, shares[tokens, slots, None] * out)
    return y


def _activate(shape: OpShape, gate: Array, up: Array) -> Array:
    if shape.activation == "swiglu_oai":
        gate, up = np.minimum(gate, LIMIT), np.clip(up, -LIMIT, LIMIT)
        return np.asarray(gate / (1 + np.exp(-ALPHA * gate)) * (up + 1))
    return np.asarray(gate / (1 + np.exp(-gate)) * up)


def relative_error(
    layer: Layer, memory: Memory, shape: OpShape, weights: Weights, logits: Array, x: Array
) -> float:
    """Run both operators; return |y - expected| / |expected|, infinity for another routing.

    logits are f32 ``[T, E]``, x is fp16 ``[T, H]``.
    """
    tokens = len(x)
    given_logits, given_x = memory.put(logits), memory.put(x)  # kept until the launches are done
    ids = memory.put(np.full((tokens, shape.experts_per_token), -9, np.int32))
    shares = memory.put(np.zeros((tokens, shape.experts_per_token), np.float32))
    y = memory.put(np.zeros_like(x))
    layer.route(given_logits, ids, shares, tokens)
    layer.run(layer.prepare(given_x, ids, shares, y, tokens))
    exact_ids, exact_shares = routed(shape, logits)
    found, right = y.read().astype(float), expected(shape, weights, x, exact_ids, exact_shares)
    if layer.faulty or not np.array_equal(ids.read(), exact_ids):
        return float("inf")
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))
