"""Which attention operator a graph calls, and that either computes the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from onnx_export import UnsupportedError, export_checkpoint
from onnx_export.arch import read_spec
from onnx_export.attention_plan import attention_plan
from onnx_export.hf_config import HfConfig
from onnx_export.random_checkpoint import qwen3_moe_config, write_random_checkpoint

IDS = np.random.default_rng(0).integers(0, 600, 100)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Path) -> Any:
    """Make a small checkpoint: ``checkpoint(heads=..., kv_heads=..., head_dim=...)``."""

    def make(**heads: int) -> Path:
        folder = tmp_path_factory.mktemp("attention") / "checkpoint"
        sizes = {"hidden": 32, "layers": 1, "experts": 2, "experts_per_token": 1}
        config = qwen3_moe_config(vocab=600, expert_hidden=16, context=256, **sizes, **heads)
        write_random_checkpoint(folder, config, tiny_tokenizer)
        return folder

    return make


@pytest.mark.parametrize(
    ("heads", "operator"),
    [
        ({"heads": 4, "kv_heads": 2, "head_dim": 32}, "CachedAttention"),
        ({"heads": 2, "kv_heads": 2, "head_dim": 32}, "GroupQueryAttention"),
        ({"heads": 2, "kv_heads": 1, "head_dim": 512}, "GroupQueryAttention"),
    ],
)
def test_heads_that_share_keys_get_the_operator_that_reads_them_once(
    heads: dict[str, int], operator: str, checkpoint: Any, tmp_path: Path
) -> None:
    """Elsewhere, and beyond 256 dimensions, ONNX Runtime's is used."""
    export_checkpoint(checkpoint(**heads), tmp_path / "model", weights="fp32")

    graph = onnx.load(tmp_path / "model" / "model.onnx", load_external_data=False).graph

    assert [n.op_type for n in graph.node if n.op_type.endswith("Attention")] == [operator]


@pytest.mark.parametrize("head_dim", [24, 32])
def test_both_operators_compute_the_same(
    head_dim: int, checkpoint: Any, tmp_path: Path, runner: Any, error_of: Callable[..., float]
) -> None:
    """In one go and in pieces, with heads that are widened and heads that are not."""
    source = checkpoint(heads=4, kv_heads=2, head_dim=head_dim)
    logits = {}
    for attention in ("cached", "group_query"):
        export_checkpoint(source, tmp_path / attention, weights="fp32", attention=attention)
        graph = runner(tmp_path / attention, 128)
        logits[attention] = graph.step(IDS, 0)
        assert error_of(graph.in_pieces(IDS, (1, 40, 41, 100)), logits[attention]) < 1e-5

    assert error_of(logits["cached"], logits["group_query"]) < 1e-5


@pytest.mark.parametrize(
    ("heads", "attention", "kv", "message"),
    [
        ({}, "fast", "f32", "attention to be one of auto, cached, group_query, found 'fast'"),
        ({}, "auto", "fp8", "kv to be one of auto, f32, int8, found 'fp8'"),
        ({}, "group_query", "int8", "expected kv f32 with attention group_query, found int8"),
        ({"head_dim": 512}, "cached", "f32", "a multiple of 16 up to 256 dimensions .* found 512"),
        ({"head_dim": 48}, "auto", "int8", "a multiple of 32 up to 256 dimensions .* found 48"),
    ],
)
def test_what_does_not_fit_is_refused(
    heads: dict[str, int], attention: str, kv: str, message: str, checkpoint: Any
) -> None:
    """Before anything is read or written."""
    sizes = {"heads": 4, "kv_heads": 2, "head_dim": 32} | heads
    spec = read_spec(HfConfig.open(checkpoint(**sizes)))

    with pytest.raises(UnsupportedError, match=message):
        attention_plan(spec, attention, kv, exact=False)


@pytest.mark.parametrize(
    ("sizes", "exact", "expected"),
    [
        ({"context": 8192}, False, ("cached", "int8")),
        ({"context": 8191}, False, ("cached", "f32")),
        ({"context": 8192}, True, ("cached", "f32")),
        ({"context": 8192, "head_dim": 48}, False, ("cached", "f32")),
        ({"context": 8192, "kv_heads": 4}, False, ("group_query", "f32")),
        ({"context": 8192, "head_dim": 512}, False, ("group_query", "f32")),
    ],
)
def test_long_contexts_get_an_int8_cache(
    sizes: dict[str, int], exact: bool, expected: tuple[str, str], checkpoint: Any
) -> None:
    """Where the operator has one, and weights are rounded too."""
    heads = {"heads": 4, "kv_heads": 2, "head_dim": 32}
    spec = replace(read_spec(HfConfig.open(checkpoint(**heads))), **sizes)

    plan = attention_plan(spec, "auto", "auto", exact=exact)

    assert (plan.operator, plan.kv_format) == expected
