"""What ExpertFFN refuses, and that the message says expected and found."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, RuntimeException

from inference.ops.layout import LAYOUT

Make = Callable[..., Any]


@pytest.mark.parametrize("bad", [4, 1000, -2, np.iinfo(np.int32).min, np.iinfo(np.int32).max])
def test_an_id_out_of_range_is_an_error(bad: int, make_ffn: Make) -> None:
    """The message names the token and the slot; nothing is read at the wild place."""
    ffn = make_ffn()
    ffn.node.feeds["ids"][1, 1] = bad

    with pytest.raises(InvalidArgument, match=rf"-1 to 3, got {bad} for token 1, slot 1"):
        ffn.node.run()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ids", np.zeros((2, 2), np.int32), r"expert_ids: expected int32 \[3, any\], got .*2, 2"),
        ("weights", np.zeros((3, 1), np.float32), r"expert_weights: expected float \[3, 2\]"),
        ("x", np.zeros((3, 65), np.float32), r"gate_up: expected uint8 \[4, \d+\].*hidden 65"),
        ("x", np.zeros((3, 0), np.float32), r"x: expected a hidden size of 1 to"),
        ("x", np.zeros((3, 8, 8), np.float32), r"x: expected float \[any, any\], got .*3, 8, 8"),
        ("ids", np.zeros(3, np.int32), r"expert_ids: expected int32 \[3, any\], got int32 \[3\]"),
    ],
)
def test_shapes_that_disagree_are_an_error(
    name: str, value: Any, message: str, make_ffn: Make
) -> None:
    """Every input is held against the others before anything is read."""
    ffn = make_ffn()
    ffn.node.feeds[name] = value

    with pytest.raises(InvalidArgument, match=message):
        ffn.node.run()


@pytest.mark.parametrize("weight_format", ["f32", "int8", "int4", "mxfp4"])
@pytest.mark.parametrize("name", ["gate_up", "down"])
@pytest.mark.parametrize("surplus", [-64, -1, 1, 64])
def test_a_wrong_number_of_bytes_is_an_error(
    surplus: int, name: str, weight_format: str, make_ffn: Make
) -> None:
    """One byte too few or too many per expert is refused, with the sizes that explain it."""
    ffn = make_ffn(weight_format=weight_format)
    experts, size = ffn.node.weights[name].shape
    ffn.node.weights[name] = np.zeros((experts, size + surplus), np.uint8)

    with pytest.raises(
        InvalidArgument, match=rf"{name}: expected uint8 \[4, {size}\].*{size + surplus}"
    ):
        ffn.node.run()


@pytest.mark.parametrize(
    ("packed", "read"),
    [
        (("int4", 32), {"block": 128}),
        (("int8", 128), {"block": 32}),
        (("int4", 128), {"block": 32, "weight_format": "mxfp4"}),
        (("mxfp4", 32), {"weight_format": "int4"}),
        (("int4", 32), {"weight_format": "int8"}),
    ],
)
@pytest.mark.parametrize("hidden", [100, 128, 129])
def test_weights_packed_in_another_way_are_an_error(
    hidden: int, packed: tuple[str, int], read: dict[str, Any], make_ffn: Make
) -> None:
    """Blocks that fill a row and blocks that do not: the bytes of another layout are noticed."""
    weight_format, block = packed
    ffn = make_ffn(hidden=hidden, expert_hidden=48, weight_format=weight_format, block=block)

    with pytest.raises(
        InvalidArgument,
        match=rf"(gate_up|down): expected uint8 \[4, \d+\], got .*\(hidden {hidden}, expert_hid",
    ):
        ffn.node.run(**read)


def test_a_different_number_of_experts_is_an_error(make_ffn: Make) -> None:
    """gate_up and down belong together."""
    ffn = make_ffn()
    ffn.node.weights["down"] = ffn.node.weights["down"][:3]

    with pytest.raises(InvalidArgument, match=r"down: expected uint8 \[4, \d+\], got uint8 \[3"):
        ffn.node.run()


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("gate_up_bias", (4, 48), r"gate_up_bias: expected float \[4, 96\], got float \[4, 48\]"),
        ("gate_up_bias", (96,), r"gate_up_bias: expected float \[4, 96\], got float \[96\]"),
        ("down_bias", (4, 48), r"down_bias: expected float \[4, 64\], got float \[4, 48\]"),
        ("down_bias", (3, 64), r"down_bias: expected float \[4, 64\], got float \[3, 64\]"),
    ],
)
def test_a_bias_of_another_shape_is_an_error(
    name: str, shape: tuple[int, ...], message: str, make_ffn: Make
) -> None:
    """One value per expert and output."""
    ffn = make_ffn(bias=True)
    ffn.node.weights[name] = np.zeros(shape, np.float32)

    with pytest.raises(InvalidArgument, match=message):
        ffn.node.run()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"activation": "relu"}, "activation: expected swiglu, swiglu_oai or gelu, got 'relu'"),
        ({"activation": None}, "expected the attribute 'activation', found none"),
        ({"weight_format": "int3"}, "weight_format: expected f32, int8, int4 or mxfp4, got 'int3'"),
        ({"weight_format": None}, "expected the attribute 'weight_format', found none"),
        ({"weight_format": 4}, "weight_format: expected an attribute of type string"),
        ({"block": 64}, "block: expected 32 or 128, got 64"),
        ({"block": 128, "weight_format": "mxfp4"}, "block: expected 32, as mxfp4 has it, got 128"),
        ({"block": 0}, "block: expected 32 or 128, got 0"),
        ({"block": -32}, "block: expected 32 or 128, got -32"),
        ({"expert_hidden": 0}, "expert_hidden: expected 1 to 1048576, got 0"),
        ({"expert_hidden": 2**40}, "expert_hidden: expected 1 to 1048576"),
        ({"expert_hidden": None}, "expected the attribute 'expert_hidden', found none"),
        (
            {"layout": 1},
            "layout: expected packed weights in layout 2, .* 1; export the model again",
        ),
        ({"layout": 3}, "layout: expected packed weights in layout 2, .* 3; update or rebuild"),
        ({"limit": 7}, "limit: expected an attribute of type float"),
    ],
)
def test_wrong_attributes_are_an_error_when_the_session_opens(
    attributes: dict[str, int | str | None], message: str, make_ffn: Make
) -> None:
    """Nothing is guessed, and the node is named."""
    with pytest.raises((RuntimeException, InvalidArgument), match=f"ExpertFFN 'node': {message}"):
        make_ffn().node.session(**attributes)


@pytest.mark.parametrize("isa", ["sse9", "AVX2", "neon"])
def test_a_kernel_that_this_machine_lacks_is_an_error_when_the_session_opens(
    isa: str, make_ffn: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable, its value and the choices."""
    monkeypatch.setenv("MIXLINE_ISA", isa)

    with pytest.raises(RuntimeException, match=rf"MIXLINE_ISA: .*portable\), got '{isa}'"):
        make_ffn().node.session()


@pytest.mark.parametrize(("weight_format", "layout"), [("int4", 2), ("f32", 1)])
def test_the_librarys_layout_is_accepted(weight_format: str, layout: int, make_ffn: Make) -> None:
    """Its number is that of `layout.py`; f32 weights are alike in all."""
    node = make_ffn(weight_format=weight_format).node

    node.session(layout=layout)

    assert layout == LAYOUT or weight_format == "f32"
