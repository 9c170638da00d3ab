"""Read the outline of an ONNX file (operators, weights' places, inputs, outputs) without `onnx`.

The reader takes only what a model directory may contain:
subgraphs, functions, sparse initialisers and tensors in attributes are refused.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from inference.errors import ModelDirectoryError
from inference.onnx_fields import (
    AttributeField,
    DimField,
    EntryField,
    GraphField,
    ModelField,
    NodeField,
    OpsetField,
    ShapeField,
    TensorField,
    TensorTypeField,
    TypeField,
    ValueField,
)
from inference.protobuf import Message, WireError

MAX_GRAPH_BYTES: Final = 64 * 2**20  # large tensors stand in weights.bin, never in the graph
MAX_DIMS: Final = 8
MAX_SIZE: Final = 2**48  # of a dimension, an offset, a tensor's bytes

# onnx.TensorProto.DataType: number -> (name, bytes per element)
ELEMENT_TYPES: Final = MappingProxyType(
    {
        1: ("float32", 4),
        2: ("uint8", 1),
        3: ("int8", 1),
        6: ("int32", 4),
        7: ("int64", 8),
        9: ("bool", 1),
        10: ("float16", 2),
        16: ("bfloat16", 2),
    }
)

AttributeValue: TypeAlias = float | int | str | tuple[int, ...] | tuple[float, ...]
Dim: TypeAlias = int | str | None  # a size, a name, or nothing said


class OnnxFormatError(ModelDirectoryError):
    """The bytes are no ONNX model, or one with parts that a model directory may not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxNode:
    """One operator call."""

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxTensor:
    """One initialiser: its data is inline, or in ``location`` from ``offset`` on."""

    name: str
    element_type: str
    dims: tuple[int, ...]
    num_bytes: int
    location: str | None  # None: inline
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxValue:
    """A graph input or output."""

    name: str
    element_type: str
    shape: tuple[Dim, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxGraph:
    """What a graph file says about itself."""

    opsets: Mapping[str, int]
    nodes: tuple[OnnxNode, ...]
    initializers: Mapping[str, OnnxTensor]
    inputs: tuple[OnnxValue, ...]
    outputs: tuple[OnnxValue, ...]


def read_onnx(path: Path) -> OnnxGraph:
    """Read the outline of the graph file at ``path``.

    Raises:
        OnnxFormatError: unreadable, too large, malformed, or with parts that are not allowed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_GRAPH_BYTES:
            raise OnnxFormatError(
                f"{path}: expected a graph of at most {MAX_GRAPH_BYTES} bytes, found {size};"
                " export the model again"
            )
        data = path.read_bytes()
    except OSError as error:
        raise OnnxFormatError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_onnx(data, str(path))


def parse_onnx(data: bytes, source: str) -> OnnxGraph:
    """Read the outline of a serialised model; ``source`` names it in errors.

    Raises:
        OnnxFormatError: as `read_onnx`.
    """
    try:
        return _model(Message(memoryview(data)))
    except WireError as error:
        raise OnnxFormatError(
            f"{source}: expected an ONNX graph as `mixline export` writes it, found {error};"
            " export the model again"
        ) from error


def _model(model: Message) -> OnnxGraph:
    if model.numbers() & {ModelField.TRAINING_INFO, ModelField.FUNCTIONS}:
        raise WireError("training data or local functions")
    graph = model.message(ModelField.GRAPH)
    if graph is None:
        raise WireError("no graph")
    if GraphField.SPARSE_INITIALIZER in graph.numbers():
        raise WireError("a sparse initialiser")
    tensors: dict[str, OnnxTensor] = {}
    for message in graph.messages(GraphField.INITIALIZER):
        tensor = _tensor(message)
        if tensor.name in tensors:
            raise WireError(f"two initialisers called {tensor.name!r}")
        tensors[tensor.name] = tensor
    return OnnxGraph(
        opsets=MappingProxyType(
            {
                opset.text(OpsetField.DOMAIN): opset.integer(OpsetField.VERSION)
                for opset in model.messages(ModelField.OPSET_IMPORT)
            }
        ),
        nodes=tuple(_node(node) for node in graph.messages(GraphField.NODE)),
        initializers=MappingProxyType(tensors),
        inputs=tuple(_value(value) for value in graph.messages(GraphField.INPUT)),
        outputs=tuple(_value(value) for value in graph.messages(GraphField.OUTPUT)),
    )


def _node(node: Message) -> OnnxNode:
    attributes: dict[str, AttributeValue] = {}
    for attribute in node.messages(NodeField.ATTRIBUTE):
        name = attribute.text(AttributeField.NAME)
        if name in attributes:
            raise WireError(f"two attributes called {name!r} on one operator")
        attributes[name] = _attribute(name, attribute)
    return OnnxNode(
        op_type=node.text(NodeField.OP_TYPE),
        domain=node.text(NodeField.DOMAIN),
        name=node.text(NodeField.NAME),
        inputs=node.texts(NodeField.INPUT),
        outputs=node.texts(NodeField.OUTPUT),
        attributes=MappingProxyType(attributes),
    )


def _attribute(name: str, attribute: Message) -> AttributeValue:
    present = attribute.numbers() - {
        AttributeField.NAME,
        AttributeField.DOC_STRING,
        AttributeField.TYPE,
    }
    match sorted(present):
        case [AttributeField.FLOAT]:
            return attribute.single_float(AttributeField.FLOAT)
        case [AttributeField.INT]:
            return attribute.integer(AttributeField.INT)
        case [AttributeField.STRING]:
            return attribute.text(AttributeField.STRING)
        case [AttributeField.FLOATS]:
            return tuple(attribute.floats(AttributeField.FLOATS))
        case [AttributeField.INTS]:
            return tuple(attribute.integers(AttributeField.INTS))
        case []:  # a zero, an empty text or an empty list, which some writers leave out
            return 0
    raise WireError(f"the attribute {name!r}, which holds a tensor, a graph or two values")


def _tensor(tensor: Message) -> OnnxTensor:
    name = tensor.text(TensorField.NAME)
    if tensor.numbers() - {*TensorField}:
        raise WireError(f"the initialiser {name!r} in another form than raw data")
    dims = tensor.integers(TensorField.DIMS)
    if len(dims) > MAX_DIMS or any(not 0 <= dim < MAX_SIZE for dim in dims):
        raise WireError(f"the shape {dims[:MAX_DIMS]} of {name!r}")
    element_type, element_bytes = _element(tensor.integer(TensorField.DATA_TYPE), name)
    num_bytes = math.prod(dims) * element_bytes
    inline = tensor.num_bytes(TensorField.RAW_DATA)
    location, offset = None, 0
    if tensor.integer(TensorField.DATA_LOCATION) == 1 and not inline:
        location, offset = _place(tensor, name, num_bytes)
    elif inline != num_bytes or TensorField.EXTERNAL_DATA in tensor.numbers():
        raise WireError(f"{inline} bytes of data for {name!r} {dims} {element_type}")
    return OnnxTensor(
        name=name,
        element_type=element_type,
        dims=tuple(dims),
        num_bytes=num_bytes,
        location=location,
        offset=offset,
    )


def _place(tensor: Message, name: str, num_bytes: int) -> tuple[str, int]:
    place: dict[str, str] = {}
    for entry in tensor.messages(TensorField.EXTERNAL_DATA):
        key = entry.text(EntryField.KEY)
        if key in place:
            raise WireError(f"two entries {key!r} for the external data of {name!r}")
        place[key] = entry.text(EntryField.VALUE)
    for key in ("offset", "length"):
        digits = place.get(key, "")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_SIZE))):
            raise WireError(f"the {key} {digits[:40]!r} of the external data of {name!r}")
    if int(place["length"]) != num_bytes:
        raise WireError(f"{place['length']} bytes of external data for {num_bytes} of {name!r}")
    return place.get("location", ""), int(place["offset"])


def _value(value: Message) -> OnnxValue:
    name = value.text(ValueField.NAME)
    kind = value.message(ValueField.TYPE)
    tensor = None if kind is None else kind.message(TypeField.TENSOR)
    shape = None if tensor is None else tensor.message(TensorTypeField.SHAPE)
    if tensor is None or shape is None:
        raise WireError(f"the input or output {name!r} without type and shape")
    dims: list[Dim] = []
    for dim in shape.messages(ShapeField.DIM):
        present = dim.numbers()
        if DimField.VALUE in present:
            dims.append(dim.integer(DimField.VALUE))
        else:
            dims.append(dim.text(DimField.NAME) or None)
    return OnnxValue(
        name=name,
        element_type=_element(tensor.integer(TensorTypeField.ELEMENT), name)[0],
        shape=tuple(dims),
    )


def _element(type_number: int, name: str) -> tuple[str, int]:
    if type_number not in ELEMENT_TYPES:
        raise WireError(f"the element type {type_number} of {name!r}")
    return ELEMENT_TYPES[type_number]
