"""Weights under llama.cpp's names are those of the checkpoint."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.model_dir import ModelDir
from onnx_export import Adapter, read_weights
from training.errors import CheckpointError
from training.gguf_tensors import check_shape, tensors


def test_adapters_are_added(tiny_model: Path) -> None:
    """A fine-tuned model's file holds what base and adapter compute together."""
    model = ModelDir.open(tiny_model)
    sizes, weights = model.manifest.architecture, read_weights(model)
    rng = np.random.default_rng(0)
    rows, columns = weights.frozen[1].qkv.shape
    adapter = Adapter(
        down=rng.standard_normal((3, columns), dtype=np.float32),
        up=rng.standard_normal((rows, 3), dtype=np.float32),
    )
    first, second = weights.tuned.layers
    tuned = dataclasses.replace(
        weights.tuned, layers=(first, dataclasses.replace(second, qkv=adapter))
    )

    before = dict(tensors(sizes, weights))
    after = dict(tensors(sizes, dataclasses.replace(weights, tuned=tuned)))

    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {f"blk.1.attn_{part}.weight" for part in "qkv"}
    found = np.concatenate([after[f"blk.1.attn_{part}.weight"] for part in "qkv"])
    expected = weights.frozen[1].qkv + adapter.up.astype(np.float64) @ adapter.down
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_an_adapted_head_stands_beside_the_embedding(tiny_model: Path) -> None:
    """Where the two were tied, only the head is another matrix now."""
    model = ModelDir.open(tiny_model)
    sizes, weights = model.manifest.architecture, read_weights(model)
    rows, columns = weights.embedding.shape
    adapter = Adapter(
        down=np.full((2, columns), 0.5, np.float32), up=np.full((rows, 2), 0.25, np.float32)
    )
    tuned = dataclasses.replace(weights.tuned, head=adapter)

    assert "output.weight" not in dict(tensors(sizes, weights))
    after = dict(tensors(sizes, dataclasses.replace(weights, tuned=tuned)))
    np.testing.assert_array_equal(after["token_embd.weight"], weights.embedding)
    np.testing.assert_allclose(after["output.weight"], weights.embedding + 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({"norm_topk": False}, "norm_topk_prob"), ({"head_dim": 24}, "multiple of 16")],
)
def test_what_llama_cpp_computes_otherwise_is_refused(
    make_random_model: Callable[..., Path], sizes: dict[str, int], message: str
) -> None:
    """Better no file than one that answers something else."""
    model = ModelDir.open(make_random_model(weights="fp32", **sizes))

    with pytest.raises(CheckpointError, match=message):
        check_shape(model.manifest.architecture, read_weights(model), "a model")
