"""llama.cpp computes from a GGUF file what transformers and our own network compute."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.model_dir import ModelDir
from onnx_export import read_weights
from onnx_export.random_checkpoint import qwen3_moe_config, write_random_checkpoint
from training.export_gguf import export_gguf
from training.tokenizer import load_plain

llama_cpp = pytest.importorskip("llama_cpp")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

CODE = "def total(items):\n    amount = 0\n    for item in items:\n        amount += item.price\n"
TOLERANCE = 2e-5  # of the L2 norm of one position's logits; both compute in f32
VARIANTS: dict[str, dict[str, Any]] = {
    "tied": {},
    "untied": {"tied": False},
    "one_kv_head": {"kv_heads": 1},
    "all_experts": {"experts_per_token": 8},
    "rope_theta": {"rope_theta": 1_000_000.0},
    "odd_sizes": {"hidden": 50, "expert_hidden": 37, "head_dim": 16},
}


@pytest.fixture
def make_checkpoint(tmp_path: Path, tiny_checkpoint: Path) -> Callable[..., Path]:
    """Makes a random checkpoint with other sizes than the tiny one."""
    config = json.loads((tiny_checkpoint / "config.json").read_text("utf-8"))
    names = {
        "vocab": "vocab_size",
        "hidden": "hidden_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "kv_heads": "num_key_value_heads",
        "head_dim": "head_dim",
        "experts": "num_experts",
        "experts_per_token": "num_experts_per_tok",
        "expert_hidden": "moe_intermediate_size",
    }

    def make(**changes: Any) -> Path:
        sizes = {name: config[key] for name, key in names.items()} | changes
        folder = tmp_path / "checkpoint"
        tokenizer = tiny_checkpoint / "tokenizer.json"
        write_random_checkpoint(folder, qwen3_moe_config(**sizes), tokenizer)
        return folder

    return make


def llama_logits(path: Path, ids: list[int]) -> np.ndarray:
    """Logits of all positions [S, V], with the KV cache in f32 as everything else."""
    f32 = llama_cpp.GGML_TYPE_F32
    model = llama_cpp.Llama(
        str(path),
        n_ctx=256,
        n_threads=1,  # more would wait for each other in a loop, which a busy machine turns slow
        n_threads_batch=1,
        type_k=f32,
        type_v=f32,
        logits_all=True,
        verbose=False,
    )
    model.eval(ids)
    logits = np.array(model.scores[: len(ids)])
    model.close()
    return logits


def worst(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest relative error of any position, in the L2 norm."""
    errors = np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    return float(errors.max())


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_are_those_of_transformers(
    variant: str, make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    """Checkpoints of random weights, markers among the tokens."""
    checkpoint = make_checkpoint(**VARIANTS[variant])
    ids = [2, 3, *np.random.default_rng(0).integers(0, 600, 90).tolist(), 4, 17, 18]
    model = transformers.Qwen3MoeForCausalLM.from_pretrained(
        checkpoint, experts_implementation="eager"
    )
    with torch.no_grad():
        expected = model.eval()(torch.tensor([ids])).logits[0].numpy()

    export_gguf(checkpoint, tmp_path / "model.gguf")

    assert worst(llama_logits(tmp_path / "model.gguf", ids), expected) < TOLERANCE


@pytest.mark.parametrize("layout", ["plain", "suffix_first", "prefix_first"])
def test_the_shipped_models_logits(shipped_model: Path, tmp_path: Path, layout: str) -> None:
    """Its stored weights in f32, on code and on fill-in-the-middle prompts."""
    from training.finetune_model import TunedModel  # noqa: PLC0415 - torch first

    model = ModelDir.open(shipped_model)
    tokenizer = load_plain(model.tokenizer)
    fim = model.manifest.fim
    prefix, suffix = (tokenizer.encode(text).ids for text in (CODE, "    return amount\n"))
    ids = {
        "plain": prefix,
        "suffix_first": [fim.prefix, fim.suffix, *suffix, fim.middle, *prefix],
        "prefix_first": [fim.prefix, *prefix, fim.suffix, *suffix, fim.middle],
    }[layout]
    network = TunedModel(model.manifest.architecture, read_weights(model), rank=1)
    with torch.no_grad():
        expected = network.logits(torch.tensor([ids]))[0].numpy()

    export_gguf(shipped_model, tmp_path / "shipped.gguf")

    assert worst(llama_logits(tmp_path / "shipped.gguf", ids), expected) < TOLERANCE


@pytest.mark.parametrize("weights", ["f16", "q8_0", "q4_0"])
def test_smaller_files_compute_nearly_the_same(
    shipped_model: Path, tmp_path: Path, weights: Any
) -> None:
    """The shipped weights have 4 bits already: what differs is how activations are rounded."""
    tokenizer = load_plain(ModelDir.open(shipped_model).tokenizer)
    ids = tokenizer.encode(CODE).ids
    export_gguf(shipped_model, tmp_path / "exact", weights="f32")
    export_gguf(shipped_model, tmp_path / "small", weights=weights)

    exact, found = (llama_logits(tmp_path / name, ids) for name in ("exact", "small"))

    assert (exact.argmax(-1) == found.argmax(-1)).mean() > 0.9
