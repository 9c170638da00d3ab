"""The parts of a decoder's layer: names in the checkpoint, and the numbers that belong to them."""

# H query heads, G key/value heads, D head dim

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from onnx_export.arch.experts import Experts, SeparateExperts, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A tensor of one axis: a norm's weight, or one number per head."""

    name: str
    size: int

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shape of the tensor."""
        return {self.name: (self.size,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A product with a matrix ``[outputs, inputs]``, and what is added to it."""

    weight: str
    outputs: int
    inputs: int
    bias: str | None = None

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shapes of its tensors."""
        bias: dict[str, Shape] = {} if self.bias is None else {self.bias: (self.outputs,)}
        return {self.weight: (self.outputs, self.inputs), **bias}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedAttention:
    """Query heads that share key/value heads of the same size."""

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    query_norm: Vector | None = None
    """Of D, for each head on its own; or of H * D, for all of them at once."""
    key_norm: Vector | None = None
    sinks: Vector | None = None
    """A score per head that takes its share of the softmax and has no value."""
    clip: float | None = None
    """Largest absolute value of query, key and value."""
    window: int = 0
    """Positions that a token sees, itself included; 0: all."""
    rope: int = 0
    """Which of the model's RoPEs."""

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shapes of its tensors."""
        norms = (self.query_norm, self.key_norm)
        return _all_shapes((self.query, self.key, self.value, *norms, self.output, self.sinks))


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Keys and values that are products of one short vector per token (MLA).

    A query or key head is ``nope`` dimensions that do not turn, then ``rope`` that do, in pairs of
    neighbours; all key heads share the latter. See https://arxiv.org/abs/2405.04434.
    """

    query_down: Linear | None
    """None: ``query`` takes the layer's input."""
    query_norm: Vector | None
    query: Linear
    kv_down: Linear
    """The short vector, then the keys' part that turns."""
    kv_norm: Vector
    kv_up: Linear
    """For each head its key's part that does not turn, then its value."""
    output: Linear
    nope: int
    rope: int
    value: int
    """Dimensions of a value head."""
    norm_eps: float

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shapes of its tensors."""
        linears = (self.query_down, self.query, self.kv_down, self.kv_up, self.output)
        return _all_shapes((*linears, self.query_norm, self.kv_norm))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedExpert:
    """An expert that every token meets, beside those that it is routed to."""

    experts: SeparateExperts
    gate: Linear | None
    """To one number, whose sigmoid is the expert's weight; None: the weight is 1."""

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shapes of its tensors."""
        return _all_shapes((self.experts, self.gate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """A mixture of experts."""

    router: Linear
    experts: Experts
    shared: SharedExpert | None = None
    renamed: "Mixture | None" = None
    """Router and experts under the other names that a checkpoint may have them under."""

    def stored_in(self, names: Collection[str]) -> "Mixture":
        """Return the mixture under those of its names that ``names``, a checkpoint's, has."""
        other = self.renamed
        if other is None or any(name not in names for name in other.shapes()):
            return self
        return dataclasses.replace(other, shared=self.shared)

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shapes of its tensors."""
        return _all_shapes((self.router, self.experts, self.shared))


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTensors:
    """One layer."""

    input_norm: Vector
    attention: GroupedAttention | LatentAttention
    post_attention_norm: Vector
    feed_forward: Mixture | SeparateExperts
    """Without a mixture it is one expert."""

    def shapes(self) -> Mapping[str, Shape]:
        """Return the shapes of its tensors."""
        behind = (self.post_attention_norm, self.feed_forward)
        return _all_shapes((self.input_norm, self.attention, *behind))


def _all_shapes(
    parts: Iterable[
        Vector
        | Linear
        | GroupedAttention
        | LatentAttention
        | Experts
        | SharedExpert
        | Mixture
        | None
    ],
) -> Mapping[str, Shape]:
    shapes: dict[str, Shape] = {}
    for part in parts:
        if part is not None:
            shapes |= part.shapes()
    return shapes
