"""gpt-oss: its configuration, and experts that are passed through bit for bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from inference.model_dir import ModelDir
from inference.ops import layout
from inference.sizes import model_sizes
from onnx_export import export_checkpoint
from onnx_export.arch import read_spec
from onnx_export.arch.experts import Mxfp4Experts
from onnx_export.arch.layers import GroupedAttention
from onnx_export.arch.spec import DecoderSpec
from onnx_export.checkpoint import Checkpoint
from onnx_export.errors import CheckpointError, ExportError, UnsupportedError
from onnx_export.hf_config import HfConfig
from onnx_export.outlook import outlook
from onnx_export.parameters import total_parameters
from onnx_export.random_checkpoint import write_random_checkpoint

# As published for gpt-oss-20b, in the spelling of transformers 4.
PUBLISHED: dict[str, Any] = {
    "architectures": ["GptOssForCausalLM"],
    "attention_bias": True,
    "experts_per_token": 4,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2880,
    "initial_context_length": 4096,
    "intermediate_size": 2880,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "max_position_embeddings": 131_072,
    "model_type": "gpt_oss",
    "num_attention_heads": 64,
    "num_experts_per_tok": 4,
    "num_hidden_layers": 24,
    "num_key_value_heads": 8,
    "num_local_experts": 32,
    "quantization_config": {
        "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"],
        "quant_method": "mxfp4",
    },
    "rms_norm_eps": 1e-5,
    "rope_scaling": {
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "factor": 32.0,
        "original_max_position_embeddings": 4096,
        "rope_type": "yarn",
        "truncate": False,
    },
    "rope_theta": 150_000,
    "sliding_window": 128,
    "swiglu_limit": 7.0,
    "tie_word_embeddings": False,
    "vocab_size": 201_088,
}
TINY = PUBLISHED | {
    "hidden_size": 64,
    "intermediate_size": 96,
    "layer_types": ["sliding_attention", "full_attention"],
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "num_local_experts": 4,
    "experts_per_token": 2,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 512,
    "vocab_size": 600,
}


def spec_of(folder: Path, config: dict[str, Any]) -> DecoderSpec:
    """Write a config.json and read it."""
    (folder / "config.json").write_text(json.dumps(config))
    return read_spec(HfConfig.open(folder))


def test_published_configuration(tmp_path: Path) -> None:
    """20.9 billion parameters, a window in every other layer."""
    spec = spec_of(tmp_path, PUBLISHED)
    attention = [layer.attention for layer in spec.layers]

    assert total_parameters(spec) == pytest.approx(20.91e9, rel=1e-3)
    assert [part.window for part in attention if isinstance(part, GroupedAttention)] == (
        [128, 0] * 12
    )
    assert isinstance(spec.mixtures[0].experts, Mxfp4Experts)
    assert spec.shapes()["model.layers.0.mlp.experts.gate_up_proj_blocks"] == (32, 5760, 90, 16)


def test_absent_keys_are_transformers_defaults(tmp_path: Path) -> None:
    """As in GptOssConfig(), of gpt-oss-120b's sizes: YaRN by 32 from 4,096 positions on."""
    spec = spec_of(tmp_path, {"model_type": "gpt_oss"})
    published = spec_of(tmp_path, PUBLISHED)

    assert (len(spec.layers), spec.experts, spec.experts_per_token) == (36, 128, 4)
    assert (spec.alpha, spec.limit, spec.norm_eps) == (1.702, 7.0, 1e-5)
    assert spec.ropes == published.ropes
    assert not spec.has_mxfp4


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"quantization_config": {"quant_method": "awq"}}, UnsupportedError, "'mxfp4', found 'aw"),
        ({"quantization_config": {"quant_method": "mxfp4", "bits": 4}}, UnsupportedError, "bits"),
        ({"intermediate_size": 2881}, UnsupportedError, "multiples of 32 for mxfp4"),
        ({"layer_types": ["chunked_attention"] * 24}, UnsupportedError, "layer_types to be a list"),
        ({"layer_types": ["full_attention"]}, CheckpointError, "a list of 24"),
        ({"experts_per_token": 3}, CheckpointError, "to be one number"),
        ({"swiglu_limit": "7"}, CheckpointError, "swiglu_limit"),
    ],
)
def test_what_is_not_known_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[ExportError], message: str
) -> None:
    """By name."""
    with pytest.raises(kind, match=message):
        spec_of(tmp_path, PUBLISHED | changes)


@pytest.mark.parametrize("weights", ["int4", "int8", "keep"])
def test_experts_survive_bit_for_bit(weights: str, tmp_path: Path, tiny_tokenizer: Path) -> None:
    """Unpacked from the exported file, nibbles and scales are the checkpoint's."""
    folder, model = tmp_path / "checkpoint", tmp_path / "model"
    write_random_checkpoint(folder, TINY, tiny_tokenizer)
    spec = read_spec(HfConfig.open(folder))
    checkpoint = Checkpoint.open(folder)

    export_checkpoint(folder, model, weights=weights)

    assert ModelDir.open(model).manifest.quantization.experts == "mxfp4"
    graph = onnx.load(model / "model.onnx").graph
    packed = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.endswith((".gate_up", ".down"))
    }
    for index, mix in enumerate(spec.mixtures):
        assert isinstance(mix.experts, Mxfp4Experts)
        gates, ups = layout.unpack_gate_up_mxfp4(packed[f"layers.{index}.moe.gate_up"], 96, 64)
        downs = layout.unpack_mxfp4(packed[f"layers.{index}.moe.down"], 64, 96)
        for expert in range(4):
            gate, up = mix.experts.gate_up_mxfp4(checkpoint, expert)
            for stored, found in (
                (gate, gates),
                (up, ups),
                (mix.experts.down_mxfp4(checkpoint, expert), downs),
            ):
                assert np.array_equal(found.nibbles[expert], stored.nibbles[0])
                assert np.array_equal(found.scales[expert], stored.scales[0])


def test_a_scale_that_means_nan_is_refused(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """By the file's and the tensor's name, and nothing is left behind."""
    folder = tmp_path / "checkpoint"
    write_random_checkpoint(folder, TINY, tiny_tokenizer)
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    begin = int.from_bytes(data[:8], "little") + 8
    name = "model.layers.1.mlp.experts.down_proj_scales"
    data[begin + json.loads(data[8:begin])[name]["data_offsets"][0] + 7] = 255
    file.write_bytes(data)

    for weights in ("keep", "fp32"):
        with pytest.raises(CheckpointError, match=r"layers\.1\.mlp\S*down_proj\S*: .* means NaN"):
            export_checkpoint(folder, tmp_path / "model", weights=weights)
        assert not (tmp_path / "model").exists()


def test_estimate_knows_the_windows(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """What a token reads of the cache is the same before the export and after it."""
    write_random_checkpoint(tmp_path / "checkpoint", TINY, tiny_tokenizer)
    export_checkpoint(tmp_path / "checkpoint", tmp_path / "model", weights="fp32", kv="f32")

    before = outlook(tmp_path / "checkpoint").sizes["fp32"]
    after = model_sizes(ModelDir.open(tmp_path / "model"))

    assert before.windows == after.windows == (128, 0)
    assert before.kv_read_bytes(500) == after.kv_read_bytes(500) < after.kv_bytes(500)


def test_sizes_name_both_formats(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """Experts stay MXFP4 whatever the rest becomes, so the estimates say both."""
    write_random_checkpoint(tmp_path / "checkpoint", TINY, tiny_tokenizer)
    export_checkpoint(tmp_path / "checkpoint", tmp_path / "model", weights="int8")

    before = outlook(tmp_path / "checkpoint").sizes
    names = {weights: sizes.weights for weights, sizes in before.items()}

    assert names == {"int4": "mxfp4/int4", "int8": "mxfp4/int8", "fp32": "f32"}
    assert model_sizes(ModelDir.open(tmp_path / "model")).weights == "mxfp4/int8"


def test_gate_and_up_take_turns(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """Rows 0, 2, ... of the published tensor are the gate's; the low nibble comes first."""
    write_random_checkpoint(tmp_path / "checkpoint", TINY, tiny_tokenizer)
    spec = read_spec(HfConfig.open(tmp_path / "checkpoint"))
    checkpoint = Checkpoint.open(tmp_path / "checkpoint")
    name = "model.layers.1.mlp.experts.gate_up_proj"
    blocks = checkpoint.bytes_part(f"{name}_blocks", (4, 192, 2, 16), 3)
    scales = checkpoint.bytes_part(f"{name}_scales", (4, 192, 2), 3)

    gate, up = spec.mixtures[1].experts.gate_up(checkpoint, 3)

    values = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]
    for matrix, row in ((gate, 10), (up, 11)):
        byte = int(blocks[row, 1, 5])
        expected = [values[byte & 15], values[byte >> 4]]
        scale = 2.0 ** (int(scales[row, 1]) - 127)
        assert matrix[5, 32 + 10 : 32 + 12].tolist() == [value * scale for value in expected]


def test_bytes_where_numbers_are_expected(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """A checkpoint of MXFP4 whose config.json does not say so is refused, and the other way."""
    folder = tmp_path / "checkpoint"
    write_random_checkpoint(folder, TINY, tiny_tokenizer)
    (folder / "config.json").write_text(json.dumps(TINY | {"quantization_config": None}))
    with pytest.raises(CheckpointError, match=r"expected the tensor \S*gate_up_proj, found none"):
        export_checkpoint(folder, tmp_path / "model")
    checkpoint = Checkpoint.open(folder)
    with pytest.raises(CheckpointError, match="BF16, F16, F32, found U8; is the checkpoint quant"):
        checkpoint.read("model.layers.0.mlp.experts.down_proj_scales", (4, 64, 3))
    with pytest.raises(CheckpointError, match="to be of type U8, found F32"):
        checkpoint.bytes_part("model.norm.weight", (64,), 0)


def test_group_query_attention_is_refused(tmp_path: Path, tiny_tokenizer: Path) -> None:
    """It would compute without windows and sinks."""
    write_random_checkpoint(tmp_path / "checkpoint", TINY, tiny_tokenizer)

    with pytest.raises(UnsupportedError, match="auto or cached for a 'gpt_oss' model"):
        export_checkpoint(tmp_path / "checkpoint", tmp_path / "model", attention="group_query")
