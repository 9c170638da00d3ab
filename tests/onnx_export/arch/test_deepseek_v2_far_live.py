"""Latent attention past 100,000 positions, where transformers keeps other things than we do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_export import export_checkpoint

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PAST = 100_000
TOKENS = 24
VOCAB = 600
TOLERANCE = 1e-4
LATENT, NOPE, ROPE, VALUE = 40, 16, 32, 20
PUBLISHED_ROPE = {  # DeepSeek-V2's
    "rope_type": "yarn",
    "beta_fast": 32,
    "beta_slow": 1,
    "factor": 40,
    "mscale": 0.707,
    "mscale_all_dim": 0.707,
    "original_max_position_embeddings": 4096,
}


def make_model() -> Any:
    """Return a random model of one layer whose positions matter."""
    torch.manual_seed(0)
    config = transformers.DeepseekV2Config(
        vocab_size=VOCAB,
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_experts_per_tok=2,
        n_routed_experts=4,
        moe_intermediate_size=32,
        q_lora_rank=None,
        kv_lora_rank=LATENT,
        qk_nope_head_dim=NOPE,
        qk_rope_head_dim=ROPE,
        v_head_dim=VALUE,
        max_position_embeddings=163_840,
        rope_parameters=PUBLISHED_ROPE,
        experts_implementation="eager",
    )
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.mul_(8)
    return model


def test_positions_past_100_000(
    tmp_path: Path, tiny_tokenizer: Path, runner: Any, error_of: Callable[[Any, Any], float]
) -> None:
    """Behind the same latent vectors, expanded for us by transformers itself."""
    model = make_model()
    model.save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "checkpoint/tokenizer.json").write_bytes(tiny_tokenizer.read_bytes())
    export_checkpoint(tmp_path / "checkpoint", tmp_path / "model", weights="fp32")
    ids = np.random.default_rng(2).integers(0, VOCAB, TOKENS)
    graph = runner(tmp_path / "model", PAST + TOKENS)
    latent, turning = torch.randn(1, 1, PAST, LATENT), torch.randn(1, 1, PAST, ROPE)
    cache = transformers.DynamicCache()
    cache.update(latent, turning, 0)
    with torch.no_grad():
        key, value = model.model.layers[0].self_attn.expand_kv(latent, turning)
        expected = model(torch.from_numpy(ids)[None], past_key_values=cache).logits[0].numpy()
    still, turning = key.split([NOPE, ROPE], dim=-1)
    parts = torch.cat([turning[..., 0::2], turning[..., 1::2], still], dim=-1)
    for name, values in (("0_key", parts), ("0_value", value)):
        graph.buffers[name][:, :, :PAST] = 0
        graph.buffers[name][:, :, :PAST, : values.shape[-1]] = values.numpy()

    found = graph.step(ids, PAST)

    assert error_of(found, expected) < TOLERANCE
    assert error_of(graph.step(ids, PAST - TOKENS), expected) > TOLERANCE
