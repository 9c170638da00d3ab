"""Writes small ONNX graphs with weights in a file beside them, without the `onnx` package."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from inference.onnx_fields import (
    AttributeField,
    AttributeType,
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
from inference.onnx_file import ELEMENT_TYPES
from inference.protobuf import BYTES, FIXED32, VARINT, VARINT_MORE

IR_VERSION: Final = 10
OPSETS: Final = {"": 21, "com.microsoft": 1, "mixline": 1}
_TYPE_NUMBERS: Final = {name: number for number, (name, _) in ELEMENT_TYPES.items()}

AttributeValue: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operator call; an input named "" is absent."""

    op_type: str
    domain: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: dict[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A graph input or output; a dimension is a size or a name."""

    name: str
    dims: Sequence[int | str]
    element_type: str = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A weight in a file beside the graph."""

    name: str
    dims: Sequence[int]
    element_type: str
    location: str
    offset: int
    num_bytes: int


def serialize_graph(
    calls: Iterable[Call],
    inputs: Iterable[Value],
    outputs: Iterable[Value],
    weights: Iterable[StoredTensor],
) -> bytes:
    """Return the bytes of a model file."""
    graph = b"".join(
        (
            *(_message(GraphField.NODE, _call(call)) for call in calls),
            _text(GraphField.NAME, "graph"),
            *(_message(GraphField.INITIALIZER, _tensor(tensor)) for tensor in weights),
            *(_message(GraphField.INPUT, _value(value)) for value in inputs),
            *(_message(GraphField.OUTPUT, _value(value)) for value in outputs),
        )
    )
    opsets = b"".join(
        _message(
            ModelField.OPSET_IMPORT,
            _text(OpsetField.DOMAIN, domain) + _number(OpsetField.VERSION, version),
        )
        for domain, version in OPSETS.items()
    )
    return _number(ModelField.IR_VERSION, IR_VERSION) + opsets + _message(ModelField.GRAPH, graph)


def _call(call: Call) -> bytes:
    return b"".join(
        (
            *(_text(NodeField.INPUT, name) for name in call.inputs),
            *(_text(NodeField.OUTPUT, name) for name in call.outputs),
            _text(NodeField.NAME, call.outputs[0]),
            _text(NodeField.OP_TYPE, call.op_type),
            _text(NodeField.DOMAIN, call.domain),
            *(
                _message(NodeField.ATTRIBUTE, _attribute(name, value))
                for name, value in call.attributes.items()
            ),
        )
    )


def _attribute(name: str, value: AttributeValue) -> bytes:
    if isinstance(value, str):
        kind, content = AttributeType.STRING, _text(AttributeField.STRING, value)
    elif isinstance(value, int):
        kind, content = AttributeType.INT, _number(AttributeField.INT, value)
    else:
        key = _varint(AttributeField.FLOAT << 3 | FIXED32)
        kind, content = AttributeType.FLOAT, key + struct.pack("<f", value)
    return _text(AttributeField.NAME, name) + content + _number(AttributeField.TYPE, kind)


def _tensor(tensor: StoredTensor) -> bytes:
    place = {
        "location": tensor.location,
        "offset": str(tensor.offset),
        "length": str(tensor.num_bytes),
    }
    return b"".join(
        (
            *(_number(TensorField.DIMS, dim) for dim in tensor.dims),
            _number(TensorField.DATA_TYPE, _TYPE_NUMBERS[tensor.element_type]),
            _text(TensorField.NAME, tensor.name),
            *(
                _message(
                    TensorField.EXTERNAL_DATA,
                    _text(EntryField.KEY, key) + _text(EntryField.VALUE, value),
                )
                for key, value in place.items()
            ),
            _number(TensorField.DATA_LOCATION, 1),
        )
    )


def _value(value: Value) -> bytes:
    shape = b"".join(
        _message(
            ShapeField.DIM,
            _text(DimField.NAME, dim) if isinstance(dim, str) else _number(DimField.VALUE, dim),
        )
        for dim in value.dims
    )
    tensor = _number(TensorTypeField.ELEMENT, _TYPE_NUMBERS[value.element_type]) + _message(
        TensorTypeField.SHAPE, shape
    )
    return _text(ValueField.NAME, value.name) + _message(
        ValueField.TYPE, _message(TypeField.TENSOR, tensor)
    )


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    """Return a number that is not negative, seven bits a byte, the lowest first."""
    parts = bytearray()
    while value >= VARINT_MORE:
        parts.append(value % VARINT_MORE | VARINT_MORE)
        value >>= 7
    parts.append(value)
    return bytes(parts)
