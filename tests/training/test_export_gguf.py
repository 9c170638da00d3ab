"""GGUF files, read back with the gguf package: names, shapes, metadata, exact values."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader, dequantize
from safetensors.numpy import load_file

from inference.model_dir import ModelDir
from onnx_export import read_weights
from training.commands import main
from training.errors import CheckpointError
from training.export_gguf import export_gguf
from training.gguf_tensors import EMBEDDINGS, tensors


def metadata(path: Path) -> dict[str, Any]:
    """Every key of a file with its value."""
    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def values(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of a file, dequantised."""
    return {
        tensor.name: np.array(dequantize(tensor.data, tensor.tensor_type))
        for tensor in GGUFReader(path).tensors
    }


def test_f32_values_are_the_checkpoints(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Every tensor once, under llama.cpp's name, experts stacked, the tied head left out."""
    assert main(["export-gguf", str(tiny_checkpoint), str(tmp_path / "tiny.gguf")]) == 0

    found, stored = values(tmp_path / "tiny.gguf"), load_file(tiny_checkpoint / "model.safetensors")
    expected = {
        "token_embd.weight": stored["model.embed_tokens.weight"],
        "output_norm.weight": stored["model.norm.weight"],
    }
    for index in range(2):
        theirs, ours = f"model.layers.{index}", f"blk.{index}"
        for name, other in {
            "attn_norm": "input_layernorm",
            "attn_q": "self_attn.q_proj",
            "attn_k": "self_attn.k_proj",
            "attn_v": "self_attn.v_proj",
            "attn_q_norm": "self_attn.q_norm",
            "attn_k_norm": "self_attn.k_norm",
            "attn_output": "self_attn.o_proj",
            "ffn_norm": "post_attention_layernorm",
            "ffn_gate_inp": "mlp.gate",
        }.items():
            expected[f"{ours}.{name}.weight"] = stored[f"{theirs}.{other}.weight"]
        for part in ("gate", "up", "down"):
            experts = (f"{theirs}.mlp.experts.{expert}.{part}_proj.weight" for expert in range(8))
            expected[f"{ours}.ffn_{part}_exps.weight"] = np.stack([stored[e] for e in experts])
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_metadata_says_what_llama_cpp_would_guess(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Sizes, rotation, experts, tokenizer and markers."""
    export_gguf(tiny_checkpoint, tmp_path / "tiny.gguf")

    found = metadata(tmp_path / "tiny.gguf")
    assert found["general.architecture"] == "qwen3moe"
    assert found["general.name"] == "tiny"
    sizes = {
        "vocab_size": 600,
        "context_length": 4096,
        "embedding_length": 64,
        "block_count": 2,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 32,
        "attention.value_length": 32,
        "rope.dimension_count": 32,
        "rope.freq_base": 10_000.0,
        "expert_count": 8,
        "expert_used_count": 2,
        "expert_feed_forward_length": 40,
        "expert_weights_norm": True,
    }
    assert {key: found[f"qwen3moe.{key}"] for key in sizes} == sizes
    assert found["qwen3moe.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-6)
    tokenizer = {
        "model": "gpt2",
        "pre": "gpt-2",
        "add_bos_token": False,
        "add_eos_token": False,
        "eos_token_id": 0,
        "padding_token_id": 1,
        "fim_pre_token_id": 2,
        "fim_suf_token_id": 3,
        "fim_mid_token_id": 4,
        "fim_sep_token_id": 5,
    }
    assert {key: found[f"tokenizer.ggml.{key}"] for key in tokenizer} == tokenizer
    assert "tokenizer.ggml.bos_token_id" not in found
    assert len(found["tokenizer.ggml.tokens"]) == len(found["tokenizer.ggml.token_type"]) == 600


def test_an_int4_directory_keeps_its_values(
    make_random_model: Callable[..., Path], tmp_path: Path
) -> None:
    """q4_0 means exactly what the directory means, so llama.cpp runs the same model."""
    source = make_random_model(weights="int4", expert_hidden=64, tied=False)
    export_gguf(source, tmp_path / "q4.gguf", weights="q4_0")

    types = {
        tensor.name: tensor.tensor_type.name for tensor in GGUFReader(tmp_path / "q4.gguf").tensors
    }
    model = ModelDir.open(source)
    found = values(tmp_path / "q4.gguf")
    for name, array in tensors(model.manifest.architecture, read_weights(model)):
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert {types[name] for name in EMBEDDINGS} == {"Q8_0"}
    assert types["blk.0.attn_q.weight"] == types["blk.1.ffn_down_exps.weight"] == "Q4_0"
    assert types["blk.0.ffn_gate_inp.weight"] == types["blk.0.attn_norm.weight"] == "F32"


def test_f16_halves_the_file(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Matrices are rounded to f16; norms and routers are not."""
    for weights in ("f32", "f16"):
        export_gguf(tiny_checkpoint, tmp_path / weights, weights=weights)

    exact, rounded = values(tmp_path / "f32"), values(tmp_path / "f16")
    for name, array in exact.items():
        keeps = "norm" in name or "gate_inp" in name
        expected = array if keeps else array.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(rounded[name], expected, err_msg=name)
    assert (tmp_path / "f16").stat().st_size < 0.6 * (tmp_path / "f32").stat().st_size


def test_what_is_no_model_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    """Nothing at all, a damaged directory, a place that cannot be written; nothing is left over."""
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / "weights.bin").write_bytes(b"")
    out = tmp_path / "out"
    out.mkdir()

    with pytest.raises(CheckpointError, match="nowhere"):
        export_gguf(tmp_path / "nowhere", out / "m.gguf")
    with pytest.raises(CheckpointError, match=r"weights\.bin"):
        export_gguf(broken, out / "m.gguf")
    with pytest.raises(CheckpointError, match="cannot be written"):
        export_gguf(tiny_model, tmp_path / "none" / "m.gguf")
    assert list(out.iterdir()) == []
