"""Make the graph for the CUDA provider out of the one for the CPU, over the same weights.

Dense products, norms inside attention, attention and experts take fp16; token vectors between
layers, routers and logits stay f32, so that sums of many layers cannot overflow. Of the weights
only small ones are stored once more, as fp16: scales and biases of dense products, norms inside
attention, angles. Each operator has a kernel of the provider in its types:
tests/onnx_export/test_cuda_graph.py.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper  # noqa: TID251 - graph/ builds graphs

from onnx_export.errors import UnsupportedError
from onnx_export.graph.builder import IR_VERSION, OPSETS, Attribute, tensor_proto
from onnx_export.write import AnyArray, WeightFile

_F32: Final = TensorProto.FLOAT
_F16: Final = TensorProto.FLOAT16
_INT32: Final = TensorProto.INT32
_SUFFIX: Final = {_F32: "f32", _F16: "f16"}
_HEAD: Final = "head"  # name of the node
_SINKS, _GQA_SINKS = 8, 11  # index of this input of CachedAttention, and of GroupQueryAttention
_KEY, _ANGLES = 3, 7  # of past_key and of cosines, of GroupQueryAttention
# CachedAttention's inputs: query, key, value, past_key, past_value, past_len, cosines, sines.
_CACHED_ANGLES: Final = slice(6, 8)

ReadWeight = Callable[[onnx.TensorProto], AnyArray]


def cuda_graph(
    model: onnx.ModelProto,
    read: ReadWeight,
    weights: WeightFile,
    location: str,
    rounded: Mapping[str, onnx.TensorProto] = MappingProxyType({}),
) -> onnx.ModelProto:
    """Return the graph for the CUDA provider.

    Args:
        model: the graph for the CPU, as the exporter wrote it.
        read: gives the values of one of its initialisers.
        weights: takes what that graph does not have.
        location: name of that file.
        rounded: fp16 copies that are stored already, by the initialiser that they are of.

    Raises:
        UnsupportedError: a weight that fp16 cannot hold.
    """
    return _Conversion(model, read, weights, location, rounded).run()


def stored_copies(
    made: onnx.ModelProto, of: onnx.ModelProto, model: onnx.ModelProto
) -> dict[str, onnx.TensorProto]:
    """Return the fp16 copies of an earlier conversion that count for another graph too.

    Args:
        made: that conversion's graph.
        of: what it was made of.
        model: the other graph, where some initialisers have been replaced.
    """
    before = {tensor.name: tensor for tensor in of.graph.initializer}
    kept = {t.name for t in model.graph.initializer if t == before.get(t.name)}
    ending = f".{_SUFFIX[_F16]}"
    return {
        name: tensor
        for tensor in made.graph.initializer
        if tensor.external_data and (name := tensor.name.removesuffix(ending)) in kept
    }


class _Conversion:
    """The new graph as far as it is, and the type of each of its values."""

    def __init__(
        self,
        model: onnx.ModelProto,
        read: ReadWeight,
        weights: WeightFile,
        location: str,
        rounded: Mapping[str, onnx.TensorProto],
    ) -> None:
        self._model = model
        self._stored = rounded
        self._read = read
        self._weights = weights
        self._location = location
        self._known = {tensor.name: tensor for tensor in model.graph.initializer}
        self._used: dict[str, onnx.TensorProto] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._types: dict[str, int] = {}  # of values that are floats
        self._cast: dict[tuple[str, int], str] = {}
        self._num_keys: tuple[str, str] | None = None

    def run(self) -> onnx.ModelProto:
        """Convert everything, in the order of the nodes."""
        for value in self._model.graph.input:
            if value.type.tensor_type.elem_type == _F32:
                self._types[value.name] = _F32
        rules: dict[str, Callable[[onnx.NodeProto], None]] = {
            "Add": self._elementwise,
            "CachedAttention": self._cached_attention,
            "Cast": self._cast_node,
            "Clip": self._elementwise,
            "Concat": self._elementwise,
            "ExpertFFN": self._experts,
            "ExpertRouter": self._in_f32,
            "Gather": self._like_input,
            "Gemm": self._in_f32,
            "GroupQueryAttention": self._group_query_attention,
            "MatMulNBits": self._matmul_nbits,
            "Mul": self._elementwise,
            "Reshape": self._like_input,
            "Shape": self._like_input,
            "Sigmoid": self._elementwise,
            "SimplifiedLayerNormalization": self._elementwise,
            "SkipSimplifiedLayerNormalization": self._in_f32,
            "Slice": self._like_input,
            "Split": self._like_input,
            "Squeeze": self._like_input,
            "Sub": self._elementwise,
        }
        for node in self._model.graph.node:
            rules[node.op_type](node)
        graph = helper.make_graph(
            self._nodes,
            self._model.graph.name,
            list(_caches_in_f16(self._model.graph.input)),
            list(_caches_in_f16(self._model.graph.output)),
            initializer=list(self._used.values()),
        )
        return helper.make_model(
            graph,
            producer_name=self._model.producer_name,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(*opset) for opset in OPSETS.items()],
        )

    # Rules: each adds nodes that compute the outputs of the node under their old names.

    def _like_input(self, node: onnx.NodeProto) -> None:
        """Move data about: the result is of the first input's type, whatever that is."""
        self._add(node, node.input, self._type(node.input[0]))

    def _cast_node(self, node: onnx.NodeProto) -> None:
        to = next(attribute.i for attribute in node.attribute if attribute.name == "to")
        self._add(node, node.input, to if to in _SUFFIX else None)

    def _elementwise(self, node: onnx.NodeProto) -> None:
        """Compute in fp16 where all that is computed is; weights follow."""
        computed = {self._type(name) for name in node.input if name not in self._known}
        if not computed & {*_SUFFIX}:
            self._add(node, node.input, None)
            return
        kind = _F32 if _F32 in computed else _F16
        self._add(node, [self._as(name, kind) for name in node.input], kind)

    def _in_f32(self, node: onnx.NodeProto) -> None:
        self._add(node, [self._as(name, _F32) for name in node.input], _F32)

    def _matmul_nbits(self, node: onnx.NodeProto) -> None:
        """Drop `accuracy_level`, which is the CPU's; the head, whose result is read, stays f32."""
        kind = _F32 if node.name == _HEAD else _F16
        inputs = [self._as(name, kind) for name in node.input]
        self._add(node, inputs, kind, without={"accuracy_level"})

    def _experts(self, node: onnx.NodeProto) -> None:
        """Give `x` and take `y` in fp16; weights of experts and biases are as they were."""
        x, ids, counts, *weights = node.input
        self._add(node, [self._as(x, _F16), ids, self._as(counts, _F32), *weights], _F16)

    def _group_query_attention(self, node: onnx.NodeProto) -> None:
        inputs = [self._as(name, _F16) for name in node.input[:_KEY]]
        inputs += node.input[_KEY:_ANGLES]
        inputs += [self._as(name, _F16) for name in node.input[_ANGLES:]]
        self._add(node, inputs, _F16)

    def _cached_attention(self, node: onnx.NodeProto) -> None:
        """Call GroupQueryAttention, which takes a batch of one and how many keys there are."""
        said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        heads, kv_heads, head_dim = said["num_heads"], said["kv_heads"], said["head_dim"]
        last, num_keys = self._keys(node.input[5])
        inputs = [
            self._shaped(self._as(name, _F16), f"{name}.batch", [1, -1, count * head_dim])
            for name, count in zip(node.input[:_KEY], (heads, kv_heads, kv_heads), strict=True)
        ]
        angles = [self._as(name, _F16) for name in node.input[_CACHED_ANGLES]]
        inputs += [*node.input[_KEY : _KEY + 2], last, num_keys, *angles]
        if len(node.input) > _SINKS and node.input[_SINKS]:
            inputs += [""] * (_GQA_SINKS - len(inputs)) + [self._as(node.input[_SINKS], _F16)]
        window: dict[str, Attribute] = {}
        if said.get("window"):
            window = {"local_window_size": said["window"]}
        mixed = f"{node.output[0]}.batch"
        self._node(
            "GroupQueryAttention",
            mixed,
            inputs,
            [mixed, *node.output[1:3]],
            domain="com.microsoft",
            num_heads=heads,
            kv_num_heads=kv_heads,
            do_rotary=1,
            rotary_interleaved=0,
            scale=said["scale"],
            **window,
        )
        self._shaped(mixed, node.output[0], [-1, heads * head_dim])

    # What the rules are made of.

    def _keys(self, past_len: str) -> tuple[str, str]:
        """Return the index of the last key ``[1]`` and the number of keys ``[]``, both i32."""
        if self._num_keys is None:
            one = self._constant("positions.one", np.array([1], np.int32))
            n = self._node("Shape", "positions.shape", ["input_ids"], start=1, end=2)
            n = self._node("Cast", "positions.n", [n], to=_INT32)
            keys = self._node("Add", "positions.keys", [n, past_len])
            self._num_keys = (
                self._node("Sub", "positions.last_key", [keys, one]),
                self._node("Squeeze", "positions.num_keys", [keys]),
            )
        return self._num_keys

    def _shaped(self, name: str, result: str, shape: list[int]) -> str:
        """Give fp16 values another shape."""
        constant = "cuda.shape_" + "_".join(map(str, shape))
        self._types[result] = _F16
        shapes = self._constant(constant, np.array(shape, np.int64))
        return self._node("Reshape", result, [name, shapes])

    def _type(self, name: str) -> int | None:
        """Return which float a value is, None for everything else."""
        if name in self._known:
            kind = self._known[name].data_type
            return kind if kind in _SUFFIX else None
        return self._types.get(name)

    def _as(self, name: str, kind: int) -> str:
        """Return a value as another float, be it a weight or computed; no float stays."""
        if self._type(name) in {None, kind}:
            return name
        if (name, kind) not in self._cast:
            result = f"{name}.{_SUFFIX[kind]}"
            if name in self._stored:
                self._used[result] = self._stored[name]
            elif name in self._known:
                self._constant(result, self._rounded(name))
            else:
                self._node("Cast", result, [name], to=kind)
                self._types[result] = kind
            self._cast[name, kind] = result
        return self._cast[name, kind]

    def _rounded(self, name: str) -> AnyArray:
        values = self._read(self._known[name])
        with np.errstate(over="ignore"):
            rounded = np.asarray(values, np.float16)
        if not np.isfinite(rounded).all():
            raise UnsupportedError(
                f"expected {name} to fit fp16, which the graph for CUDA computes in, found values"
                f" up to {np.abs(values).max():.6g}; export with `--providers cpu`"
            )
        return rounded

    def _constant(self, name: str, values: AnyArray) -> str:
        stored = self._weights.add(name, values.dtype, values.shape, [values])
        self._used[name] = tensor_proto(stored, self._location)
        return name

    def _add(
        self,
        node: onnx.NodeProto,
        inputs: Iterable[str],
        kind: int | None,
        without: Iterable[str] = (),
    ) -> None:
        """Add a node of the old graph with other inputs; ``kind`` is the type of its results."""
        made = onnx.NodeProto()
        made.CopyFrom(node)
        del made.input[:]
        made.input.extend(inputs)
        kept = [attribute for attribute in node.attribute if attribute.name not in without]
        del made.attribute[:]
        made.attribute.extend(kept)
        for name in made.input:
            if name in self._known:
                self._used[name] = self._known[name]
        if kind is not None:
            self._types |= dict.fromkeys(node.output, kind)
        self._nodes.append(made)

    def _node(
        self,
        op_type: str,
        name: str,
        inputs: Iterable[str],
        outputs: Iterable[str] = (),
        domain: str = "",
        **attributes: Attribute,
    ) -> str:
        results = list(outputs) or [name]
        made = helper.make_node(
            op_type, list(inputs), results, name=name, domain=domain, **attributes
        )
        self._nodes.append(made)
        return results[0]


def _caches_in_f16(values: Iterable[onnx.ValueInfoProto]) -> Iterable[onnx.ValueInfoProto]:
    """Give keys and values as fp16, and leave out the scales of int8 ones."""
    for value in values:
        if value.name.endswith(("_key_scale", "_value_scale")):
            continue
        made = onnx.ValueInfoProto()
        made.CopyFrom(value)
        if value.name.startswith(("past_", "present_")) and value.name.endswith(("_key", "_value")):
            made.type.tensor_type.elem_type = _F16
        yield made
