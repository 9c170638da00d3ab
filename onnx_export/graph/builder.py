"""Collect nodes, initialisers, inputs and outputs, and serialise them as an ONNX model."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper  # noqa: TID251 - the one place that may

from onnx_export.write import WEIGHTS_NAME, StoredWeight, WeightFile

OPSETS: Final = {"": 18, "com.microsoft": 1, "mixline": 1}
IR_VERSION: Final = 9  # of opset 18 and later; every ONNX Runtime since 1.15 reads it

Attribute = int | float | str | Sequence[int]
Dim = int | str
NO_ATTRIBUTES: Final[Mapping[str, Attribute]] = MappingProxyType({})


class GraphBuilder:
    """A graph under construction; values are referred to by name."""

    def __init__(self, weights: WeightFile) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: npt.DTypeLike, shape: Sequence[Dim]) -> str:
        """Declare a graph input."""
        self._inputs.append(helper.make_tensor_value_info(name, _element(dtype), shape))
        return name

    def output(self, name: str, dtype: npt.DTypeLike, shape: Sequence[Dim]) -> str:
        """Declare a graph output, which a node must produce under this name."""
        self._outputs.append(helper.make_tensor_value_info(name, _element(dtype), shape))
        return name

    def node(
        self,
        op_type: str,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str] = (),
        domain: str = "",
        attributes: Mapping[str, Attribute] = NO_ATTRIBUTES,
        **more: Attribute,
    ) -> str:
        """Add an operator; without ``outputs`` its one result bears the node's name.

        Attributes are those of the mapping and all further keywords.

        Returns:
            The name of the first output.
        """
        outputs = outputs or (name,)
        self._nodes.append(
            helper.make_node(
                op_type, inputs, outputs, name=name, domain=domain, **attributes, **more
            )
        )
        return outputs[0]

    def constant(self, name: str, values: Sequence[int] | float) -> str:
        """Add a small tensor: i64 from whole numbers, f32 from a float."""
        dtype = np.float32 if isinstance(values, float) else np.int64
        array = np.array(values, dtype=dtype)
        return self.weight(name, array.dtype, array.shape, [array])

    def weight(
        self,
        name: str,
        dtype: "np.dtype[np.generic]",
        dims: tuple[int, ...],
        parts: Iterable[npt.NDArray[np.generic]],
        *,
        mapped: bool = False,
    ) -> str:
        """Store a tensor, given in parts along its first axis, and refer to it."""
        if name not in self._initializers:
            stored = self._weights.add(name, dtype, dims, parts, mapped=mapped)
            self._initializers[name] = tensor_proto(stored, WEIGHTS_NAME)
        return name

    def array(self, name: str, values: npt.NDArray[np.generic], *, mapped: bool = False) -> str:
        """Store a tensor that is in memory as a whole, and refer to it."""
        return self.weight(name, values.dtype, values.shape, [values], mapped=mapped)

    def serialize(self, name: str) -> bytes:
        """Return the model's bytes; the same calls give the same bytes."""
        graph = helper.make_graph(
            self._nodes,
            name,
            self._inputs,
            self._outputs,
            initializer=list(self._initializers.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="mixline",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(*opset) for opset in OPSETS.items()],
        )
        return bytes(model.SerializeToString(deterministic=True))


def tensor_proto(stored: StoredWeight, location: str) -> onnx.TensorProto:
    """Describe stored data as an initialiser, those outside the graph in the file ``location``."""
    tensor = TensorProto(name=stored.name, data_type=_element(stored.dtype), dims=list(stored.dims))
    if stored.inline is not None:
        tensor.raw_data = stored.inline
        return tensor
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", location),
        ("offset", str(stored.offset)),
        ("length", str(stored.num_bytes)),
    ):
        tensor.external_data.add(key=key, value=value)
    return tensor


def tensor_values(tensor: onnx.TensorProto, folder: Path) -> npt.NDArray[np.generic]:
    """Return the values of what `tensor_proto` described; those of a file in ``folder`` mapped."""
    dtype, shape = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)), tuple(tensor.dims)
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    place = {entry.key: entry.value for entry in tensor.external_data}
    file = folder / place["location"]
    return np.memmap(file, dtype, mode="r", offset=int(place["offset"]), shape=shape)


def _element(dtype: npt.DTypeLike) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
