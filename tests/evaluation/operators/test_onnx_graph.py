"""Graphs written by hand are what the `onnx` package and our own reader understand."""

import onnx
import pytest

from evaluation.operators.onnx_graph import Call, StoredTensor, Value, serialize_graph
from inference.onnx_file import parse_onnx

LARGE = 300 * 2**20  # its length takes five bytes as a varint

GRAPH = serialize_graph(
    [
        Call(
            op_type="ExpertFFN",
            domain="mixline",
            inputs=("x", "", "w"),
            outputs=("y",),
            attributes={"activation": "swiglu", "block": 32, "limit": 7.0, "zero": 0},
        )
    ],
    [Value(name="x", dims=("tokens", 64))],
    [Value(name="y", dims=("tokens", 64))],
    [
        StoredTensor(
            name="w",
            dims=(2, LARGE // 2),
            element_type="uint8",
            location="w.bin",
            offset=65536,
            num_bytes=LARGE,
        )
    ],
)


def test_our_reader_reads_it_back() -> None:
    """Call, attributes, weight's place, inputs and outputs."""
    graph = parse_onnx(GRAPH, "test")
    node, weight = graph.nodes[0], graph.initializers["w"]

    assert (node.op_type, node.domain) == ("ExpertFFN", "mixline")
    assert (node.inputs, node.outputs) == (("x", "", "w"), ("y",))
    assert node.attributes == {"activation": "swiglu", "block": 32, "limit": 7.0, "zero": 0}
    assert (weight.dims, weight.element_type) == ((2, LARGE // 2), "uint8")
    assert (weight.location, weight.offset, weight.num_bytes) == ("w.bin", 65536, LARGE)
    assert [value.shape for value in (*graph.inputs, *graph.outputs)] == [("tokens", 64)] * 2


def test_onnx_reads_it() -> None:
    """The same, by the reference implementation, without a field that it does not know."""
    model = onnx.load_from_string(GRAPH)
    known = onnx.load_from_string(GRAPH)
    known.DiscardUnknownFields()

    assert model.SerializeToString() == known.SerializeToString()
    assert model.graph.node[0].attribute[2].f == pytest.approx(7.0)
    assert [attribute.type for attribute in model.graph.node[0].attribute] == [3, 2, 1, 2]
    assert {entry.key: entry.value for entry in model.graph.initializer[0].external_data} == {
        "location": "w.bin",
        "offset": "65536",
        "length": str(LARGE),
    }
