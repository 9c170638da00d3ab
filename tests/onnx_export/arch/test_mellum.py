"""Mellum2's configuration is read as transformers reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from onnx_export.arch import read_spec
from onnx_export.arch.layers import GroupedAttention
from onnx_export.arch.spec import DecoderSpec
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.parameters import active_parameters, total_parameters

FULL, SLIDING = "full_attention", "sliding_attention"
ROPES: dict[str, Any] = {
    FULL: {"rope_type": "yarn", "factor": 4.0, "rope_theta": 5e5},
    SLIDING: {"rope_type": "default", "rope_theta": 1e4},
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps({"model_type": "mellum"} | config))
    return read_spec(HfConfig.open(folder))


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in MellumConfig(): 12.1 billion parameters, 2.4 active, no windows."""
    spec = spec_of(tmp_path, {})

    assert total_parameters(spec) == pytest.approx(12.1e9, rel=0.02)
    assert active_parameters(spec) == pytest.approx(2.4e9, rel=0.05)
    assert (len(spec.layers), spec.experts, spec.experts_per_token) == (28, 64, 8)
    assert [rope.theta for rope in spec.ropes] == [5e5]
    assert spec.norm_topk
    assert spec.head == "lm_head.weight"


def test_each_kind_of_attention_has_its_window_and_rope(tmp_path: Path) -> None:
    """Windows in the sliding layers only; RoPEs by name, the unused ones left out."""
    types = [SLIDING, SLIDING, FULL]
    spec = spec_of(
        tmp_path,
        {"num_hidden_layers": 3, "layer_types": types, "rope_parameters": ROPES},
    )
    parts = [layer.attention for layer in spec.layers]

    assert [(p.window, p.rope) for p in parts if isinstance(p, GroupedAttention)] == [
        (1024, 1),
        (1024, 1),
        (0, 0),
    ]
    assert [(rope.kind, rope.theta) for rope in spec.ropes] == [("yarn", 5e5), ("default", 1e4)]


def test_dense_layers_and_layers_that_guess_further(tmp_path: Path) -> None:
    """A dense layer has one expert of its own size; tensors of `mtp.` do not count."""
    spec = spec_of(
        tmp_path,
        {
            "num_hidden_layers": 2,
            "mlp_layer_types": ["dense", "sparse"],
            "num_nextn_predict_layers": 1,
            "mtp_layer_types": [SLIDING],
        },
    )

    assert (spec.dense_layers, spec.dense_hidden, len(spec.mixtures)) == (1, 7168, 1)
    assert spec.shapes()["model.layers.0.mlp.up_proj.weight"] == (7168, 2304)
    assert spec.unused == ("mtp.",)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"hidden_act": "gelu"}, UnsupportedError, "hidden_act"),
        ({"mlp_layer_types": ["linear"] * 28}, UnsupportedError, "mlp_layer_types to be a list"),
        ({"rope_parameters": {SLIDING: ROPES[SLIDING]}}, CheckpointError, "full_attention to be"),
        ({"rope_parameters": ROPES | {"rope_type": "yarn"}}, UnsupportedError, "found rope_type"),
        (
            {"rope_parameters": {FULL: ROPES[FULL] | {"truncate": False}}},
            UnsupportedError,
            "truncate to be True",
        ),
        ({"rope_parameters": {FULL: {"rope_type": "default"}}}, CheckpointError, "rope_theta"),
        (
            {"layer_types": [SLIDING] * 28, "use_sliding_window": False},
            UnsupportedError,
            "use_sliding_window to be True",
        ),
        ({"mlp_only_layers": [0]}, UnsupportedError, "mlp_only_layers"),
        ({"surprise": 1}, UnsupportedError, "found surprise"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, changes)
