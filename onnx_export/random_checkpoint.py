"""Write a checkpoint with random weights, to measure speed and memory of a model that has none."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from inference.manifest import TOKENIZER_NAME
from onnx_export.arch import read_spec
from onnx_export.checkpoint import SINGLE_FILE
from onnx_export.hf_config import CONFIG_NAME, HfConfig
from onnx_export.pipeline import ExportReport, export_checkpoint
from onnx_export.random_weights import BYTES_SUFFIXES, RandomTensor
from onnx_export.safetensors_file import write_safetensors

CHECKPOINT_SUFFIX: Final = ".checkpoint"


def qwen3_moe_config(
    *,
    vocab: int,
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    experts: int,
    experts_per_token: int,
    expert_hidden: int,
    context: int = 2048,
    tied: bool = True,
    norm_topk: bool = True,
    rope_theta: float = 10_000.0,
    norm_eps: float = 1e-6,
) -> dict[str, object]:
    """Return a `config.json` that transformers, llama.cpp and the exporter read alike."""
    return {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": expert_hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "num_experts": experts,
        "num_local_experts": experts,
        "num_experts_per_tok": experts_per_token,
        "moe_intermediate_size": expert_hidden,
        "norm_topk_prob": norm_topk,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "hidden_act": "silu",
        "attention_bias": False,
        "max_position_embeddings": context,
        "rope_theta": rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": rope_theta},
        "rms_norm_eps": norm_eps,
        "tie_word_embeddings": tied,
        "use_sliding_window": False,
        "torch_dtype": "float32",
    }


def write_random_checkpoint(
    folder: Path,
    config: Mapping[str, object],
    tokenizer: Path,
    *,
    seed: int = 0,
    dtype: str = "F32",
) -> None:
    """Make the folder of a checkpoint whose weights are drawn from ``seed``.

    Matrices are normal with variance 1 / inputs, so that activations keep their size from layer to
    layer as a trained model's do; norms are near 1.

    Args:
        folder: is made.
        config: what `config.json` will say.
        tokenizer: a `tokenizer.json`, copied.
        seed: decides the weights, together with the config.
        dtype: F32, F16 or BF16.

    Raises:
        UnsupportedError: the config's family or a key is not known.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True)
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    shutil.copyfile(tokenizer, folder / TOKENIZER_NAME)
    shapes = read_spec(HfConfig.open(folder)).shapes()
    byte_names = {name for name in shapes if name.endswith(BYTES_SUFFIXES)}
    rng = np.random.default_rng(seed)

    def tensors() -> Iterator[npt.NDArray[np.float32] | npt.NDArray[np.uint8]]:
        for name, shape in shapes.items():
            if name in byte_names:
                yield RandomTensor(name=name, shape=shape, seed=seed).read_bytes()
                continue
            values = rng.standard_normal(shape, dtype=np.float32)
            if len(shape) == 1:
                values /= np.float32(10)
                values += np.float32(1)
            else:
                values /= np.sqrt(shape[-1], dtype=np.float32)
            yield values

    write_safetensors(folder / SINGLE_FILE, shapes, tensors(), dtype, byte_names)


def make_random_model(
    out: Path,
    config: Mapping[str, object],
    tokenizer: Path,
    *,
    weights: str = "int4",
    attention: str = "auto",
    kv: str = "f32",
    seed: int = 0,
) -> ExportReport:
    """Make a model directory of random weights; the checkpoint between is removed.

    Raises:
        MixlineError: as `export_checkpoint`.
        OSError: the checkpoint cannot be written.
    """
    checkpoint = out.parent / (out.name + CHECKPOINT_SUFFIX)
    write_random_checkpoint(checkpoint, config, tokenizer, seed=seed, dtype="BF16")
    try:
        return export_checkpoint(checkpoint, out, weights=weights, attention=attention, kv=kv)
    finally:
        shutil.rmtree(checkpoint)
