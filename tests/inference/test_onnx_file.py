"""The small ONNX reader sees what the onnx package sees, and nothing makes it crash."""

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper  # noqa: TID251 - graphs to be refused

from inference.onnx_file import MAX_GRAPH_BYTES, OnnxFormatError, parse_onnx, read_onnx
from inference.protobuf import MAX_FIELDS


def small_model() -> onnx.ModelProto:
    """Build a graph with one of everything that may occur."""
    node = helper.make_node(
        "Thing",
        ["x", "", "w"],
        ["y"],
        name="n",
        domain="d",
        whole=-3,
        fraction=0.5,
        text="swiglu",
        sizes=[1, -1, 2],
        factors=[0.25, 4.0],
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1, "n", None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
        [numpy_helper.from_array(np.ones((2, 3), np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("d", 7)])


def refusal(data: bytes) -> str:
    """Return what reading the bytes is refused with."""
    with pytest.raises(OnnxFormatError) as caught:
        parse_onnx(data, "a.onnx")
    return str(caught.value)


def test_every_part_is_read() -> None:
    """Operators with all kinds of attributes, initialisers, inputs, outputs, opsets."""
    graph = parse_onnx(small_model().SerializeToString(), "a.onnx")

    (node,) = graph.nodes
    assert (node.op_type, node.domain, node.name) == ("Thing", "d", "n")
    assert (node.inputs, node.outputs) == (("x", "", "w"), ("y",))
    assert node.attributes == {
        "whole": -3,
        "fraction": 0.5,
        "text": "swiglu",
        "sizes": (1, -1, 2),
        "factors": (0.25, 4.0),
    }
    weight = graph.initializers["w"]
    assert (weight.element_type, weight.dims, weight.num_bytes) == ("float32", (2, 3), 24)
    assert weight.location is None
    assert graph.inputs[0].shape == (1, "n", None)
    assert graph.outputs[0].shape == ()
    assert graph.outputs[0].element_type == "float32"
    assert graph.opsets == {"d": 7}


def test_real_graph_is_read_as_the_onnx_package_reads_it(tiny_model: Path) -> None:
    """Names, shapes and places of an export."""
    expected = onnx.load(tiny_model / "model.onnx", load_external_data=False).graph
    found = read_onnx(tiny_model / "model.onnx")

    assert [node.op_type for node in found.nodes] == [node.op_type for node in expected.node]
    assert [list(node.inputs) for node in found.nodes] == [list(n.input) for n in expected.node]
    assert [value.name for value in found.outputs] == [value.name for value in expected.output]
    assert len(found.initializers) == len(expected.initializer)
    for tensor in expected.initializer:
        mine = found.initializers[tensor.name]
        place = {entry.key: entry.value for entry in tensor.external_data}
        assert list(mine.dims) == list(tensor.dims)
        assert mine.location == place.get("location")
        assert mine.offset == int(place.get("offset", 0))


def test_parts_that_could_hide_something() -> None:
    """Subgraphs, tensors in attributes, functions, sparse and doubled initialisers."""
    with_graph = small_model()
    with_graph.graph.node[0].attribute.append(
        helper.make_attribute("body", helper.make_graph([], "inner", [], []))
    )
    assert "the attribute 'body'" in refusal(with_graph.SerializeToString())

    with_tensor = small_model()
    with_tensor.graph.node[0].attribute.append(
        helper.make_attribute("value", numpy_helper.from_array(np.ones(2)))
    )
    assert "the attribute 'value'" in refusal(with_tensor.SerializeToString())

    with_function = small_model()
    with_function.functions.append(helper.make_function("d", "F", [], [], [], []))
    assert "local functions" in refusal(with_function.SerializeToString())

    with_sparse = small_model()
    with_sparse.graph.sparse_initializer.add()
    assert "sparse" in refusal(with_sparse.SerializeToString())

    doubled = small_model()
    doubled.graph.initializer.append(doubled.graph.initializer[0])
    assert "two initialisers called 'w'" in refusal(doubled.SerializeToString())

    with_floats = small_model()
    with_floats.graph.initializer[0].ClearField("raw_data")
    with_floats.graph.initializer[0].float_data.extend([1.0] * 6)
    assert "another form than raw data" in refusal(with_floats.SerializeToString())


def test_two_graphs_are_not_merged() -> None:
    """Protobuf merges repeated messages; a reader that took one of them would be fooled."""
    data = small_model().SerializeToString()
    assert "field 7 more than once" in refusal(data + data)


def test_declared_sizes_are_not_believed() -> None:
    """A shape of terabytes without the data, a negative one, one of too many dims."""
    for dims in ([2**40, 4], [-1, 6], [2**62, 2**62], [1] * 9):
        model = small_model()
        model.graph.initializer[0].ClearField("dims")
        model.graph.initializer[0].dims.extend(dims)
        message = refusal(model.SerializeToString())
        assert "bytes of data for 'w'" in message or "the shape" in message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no graph"),
        (b"\x3a\xff\xff\xff\xff\x7f", "ends behind its message"),
        (b"\x3a", "cut off by the end"),
        (b"\xff" * 11, "more than 10 bytes"),
        (b"\x3b", "wire type 3"),
        (b"\x38\x01", "wire type 0 where bytes belong"),
        (b"\x3a\x07\x0a\x05\x22\x03\xff\xfe\xfd", "not UTF-8"),
        (b"\x3a\x00" + b"\x08\x01" * (MAX_FIELDS + 1), f"more than {MAX_FIELDS} fields"),
        (b"PK\x03\x04", ""),
    ],
)
def test_bytes_that_are_no_model(data: bytes, message: str) -> None:
    """Each kind of damage has its sentence."""
    assert message in refusal(data)


def test_file_that_is_too_large_or_absent(tmp_path: Path) -> None:
    """The size is looked at before the file is read."""
    path = tmp_path / "a.onnx"
    with pytest.raises(OnnxFormatError, match="cannot be read"):
        read_onnx(path)
    with path.open("wb") as file:
        file.truncate(MAX_GRAPH_BYTES + 1)  # sparse: takes no space
    with pytest.raises(OnnxFormatError, match="at most"):
        read_onnx(path)


@given(data=st.binary(max_size=200))
def test_random_bytes_never_crash_the_reader(data: bytes) -> None:
    """Any bytes give a graph or an OnnxFormatError."""
    with contextlib.suppress(OnnxFormatError):
        parse_onnx(data, "a.onnx")


@settings(max_examples=300)
@given(
    places=st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    values=st.lists(st.integers(0, 255), min_size=4, max_size=4),
    cut=st.integers(0, 40),
)
def test_damaged_models_never_crash_the_reader(
    places: list[int], values: list[int], cut: int
) -> None:
    """A real model with bytes changed and its end cut off gives a graph or an OnnxFormatError."""
    data = bytearray(small_model().SerializeToString())
    for place, value in zip(places, values, strict=False):
        data[place % len(data)] = value
    with contextlib.suppress(OnnxFormatError):
        parse_onnx(bytes(data[: len(data) - cut]), "a.onnx")
