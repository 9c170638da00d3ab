"""Weights read back from a model directory are those that the graph computes with."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.model_dir import ModelDir
from inference.ops.layout import dequantize, quantize
from onnx_export import UnsupportedError, export_checkpoint, read_weights
from onnx_export.safetensors_file import open_safetensors

Floats = np.ndarray


@pytest.fixture(scope="module")
def stored(tiny_checkpoint: Path) -> dict[str, Floats]:
    """Every tensor of the tiny checkpoint."""
    tensors = open_safetensors(tiny_checkpoint / "model.safetensors")
    return {name: tensor.read() for name, tensor in tensors.items()}


def joint(stored: dict[str, Floats], layer: int) -> Floats:
    """Rows of query, key and value."""
    attention = f"model.layers.{layer}.self_attn"
    return np.concatenate([stored[f"{attention}.{part}_proj.weight"] for part in "qkv"])


def rounded(w: Floats, weight_format: str) -> Floats:
    """Quantise and dequantise, as the exporter does."""
    return dequantize(*quantize(w, weight_format, 32), 32)  # type: ignore[arg-type]


def test_f32_weights_are_the_checkpoints(tiny_model: Path, stored: dict[str, Floats]) -> None:
    """Every matrix, norm and router comes back bit by bit."""
    weights = read_weights(ModelDir.open(tiny_model))

    assert weights.head is None
    np.testing.assert_array_equal(weights.embedding, stored["model.embed_tokens.weight"])
    np.testing.assert_array_equal(weights.tuned.final_norm, stored["model.norm.weight"])
    for index, (frozen, tuned) in enumerate(zip(weights.frozen, weights.tuned.layers, strict=True)):
        layer = f"model.layers.{index}"
        np.testing.assert_array_equal(frozen.qkv, joint(stored, index))
        np.testing.assert_array_equal(frozen.output, stored[f"{layer}.self_attn.o_proj.weight"])
        np.testing.assert_array_equal(tuned.router, stored[f"{layer}.mlp.gate.weight"])
        np.testing.assert_array_equal(tuned.input_norm, stored[f"{layer}.input_layernorm.weight"])
        np.testing.assert_array_equal(tuned.key_norm, stored[f"{layer}.self_attn.k_norm.weight"])
        assert tuned.qkv is None
        assert tuned.output is None
        for expert in range(8):
            start = f"{layer}.mlp.experts.{expert}"
            for found, name in ((frozen.gate, "gate"), (frozen.up, "up"), (frozen.down, "down")):
                np.testing.assert_array_equal(found[expert], stored[f"{start}.{name}_proj.weight"])


def test_quantised_weights_are_the_exporters_rounding(
    tmp_path: Path, tiny_checkpoint: Path, stored: dict[str, Floats]
) -> None:
    """Experts and attention in 4 bits, the embedding in 8."""
    export_checkpoint(tiny_checkpoint, tmp_path / "int4", weights="int4")

    weights = read_weights(ModelDir.open(tmp_path / "int4"))

    embedding = rounded(stored["model.embed_tokens.weight"], "int8")
    np.testing.assert_array_equal(weights.embedding, embedding)
    np.testing.assert_array_equal(weights.frozen[1].qkv, rounded(joint(stored, 1), "int4"))
    down = rounded(stored["model.layers.1.mlp.experts.7.down_proj.weight"], "int4")
    np.testing.assert_array_equal(weights.frozen[1].down[7], down)


def test_an_untied_head_is_read(make_random_model: Callable[..., Path]) -> None:
    """It is another matrix than the embedding."""
    weights = read_weights(ModelDir.open(make_random_model(tied=False)))

    assert weights.head is not None
    assert weights.head.shape == weights.embedding.shape
    assert not np.array_equal(weights.head, weights.embedding)


def test_padded_heads_come_with_the_numbers_of_the_unpadded_ones(
    make_random_model: Callable[..., Path],
) -> None:
    """A head of 24 dims stands in 32; scale and epsilon are not what 32 dims would have."""
    weights = read_weights(ModelDir.open(make_random_model(head_dim=24)))

    assert weights.tuned.layers[0].query_norm.shape == (32,)
    assert weights.cosines.shape[1] == 16
    assert weights.attention_scale == pytest.approx(24**-0.5)
    assert weights.head_norm_eps == pytest.approx(1e-6 * 24 / 32)


def test_another_family_is_refused(tiny_model: Path) -> None:
    """The sentence names it."""
    model = ModelDir.open(tiny_model)
    sizes = dataclasses.replace(model.manifest.architecture, model_type="gpt_oss")
    manifest = dataclasses.replace(model.manifest, architecture=sizes)

    with pytest.raises(UnsupportedError, match="found 'gpt_oss'"):
        read_weights(dataclasses.replace(model, manifest=manifest))


def test_a_graph_of_others_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    """A graph that passes the checks, but names its weights otherwise."""
    model = ModelDir.open(tiny_model)
    graph = tmp_path / "model.onnx"
    data = model.graphs["cpu"].read_bytes()
    graph.write_bytes(data.replace(b"head.norm.weight", b"head.form.weight"))
    (tmp_path / "weights.bin").symlink_to(tiny_model / "weights.bin")

    with pytest.raises(UnsupportedError, match=r"expected a tensor 'head\.norm\.weight'"):
        read_weights(dataclasses.replace(model, graphs={"cpu": graph}))
