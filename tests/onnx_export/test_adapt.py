"""A fine-tuned directory: base weights shared, adapters beside them, checked like any other."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from inference import CompletionRequest, Engine, ModelDirectoryError
from inference.model_dir import ModelDir
from onnx_export import (
    Adapter,
    ExportError,
    TunedWeights,
    export_checkpoint,
    read_weights,
    write_adapted,
)
from onnx_export.safetensors_file import open_safetensors, write_safetensors
from onnx_export.verify import relative_errors

IDS = np.arange(20, 52, dtype=np.int64)
Floats = np.ndarray


def tuned_like(path: Path, *, seed: int, rank: int = 4, scale: float = 0.1) -> TunedWeights:
    """Give the directory's tuned weights random adapters, and change routers and norms."""
    weights = read_weights(ModelDir.open(path))
    rng = np.random.default_rng(seed)

    def adapter(w: Floats) -> Adapter:
        rows, columns = w.shape
        return Adapter(
            down=rng.normal(size=(rank, columns)).astype(np.float32) * scale,
            up=rng.normal(size=(rows, rank)).astype(np.float32) * scale,
        )

    layers = tuple(
        dataclasses.replace(
            tuned,
            qkv=adapter(frozen.qkv),
            output=adapter(frozen.output),
            router=tuned.router * np.float32(1.5),
            input_norm=tuned.input_norm * np.float32(0.9),
        )
        for frozen, tuned in zip(weights.frozen, weights.tuned.layers, strict=True)
    )
    return TunedWeights(
        layers=layers,
        final_norm=weights.tuned.final_norm * np.float32(1.1),
        head=adapter(weights.embedding),
    )


def merged_checkpoint(source: Path, target: Path, tuned: TunedWeights) -> Path:
    """Copy a checkpoint and add the adapters' products to its matrices."""
    shutil.copytree(source, target)
    path = target / "model.safetensors"
    tensors = {name: tensor.read().copy() for name, tensor in open_safetensors(path).items()}
    tensors["model.norm.weight"] = tuned.final_norm
    for index, layer in enumerate(tuned.layers):
        start = f"model.layers.{index}"
        tensors[f"{start}.mlp.gate.weight"] = layer.router
        tensors[f"{start}.input_layernorm.weight"] = layer.input_norm
        assert layer.qkv is not None
        assert layer.output is not None
        change, first = layer.qkv.up @ layer.qkv.down, 0
        for part in "qkv":
            matrix = tensors[f"{start}.self_attn.{part}_proj.weight"]
            matrix += change[first : first + len(matrix)]
            first += len(matrix)
        tensors[f"{start}.self_attn.o_proj.weight"] += layer.output.up @ layer.output.down
    assert tuned.head is not None
    embedding = tensors["model.embed_tokens.weight"]  # stays what it is, where the two were tied
    tensors["lm_head.weight"] = embedding + tuned.head.up @ tuned.head.down
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    write_safetensors(path, {n: t.shape for n, t in tensors.items()}, iter(tensors.values()))
    return target


@pytest.fixture
def adapted(tmp_path: Path, tiny_model: Path) -> Path:
    """The tiny model with random adapters."""
    tuned = tuned_like(tiny_model, seed=1)
    write_adapted(ModelDir.open(tiny_model), tmp_path / "tuned", tuned, produced_by="a test")
    return tmp_path / "tuned"


def test_adapters_compute_what_merged_weights_compute(
    adapted: Path,
    tmp_path: Path,
    tiny_checkpoint: Path,
    tiny_model: Path,
    runner: Any,
    error_of: Any,
) -> None:
    """The logits are those of a checkpoint whose matrices hold the products."""
    merged = merged_checkpoint(tiny_checkpoint, tmp_path / "hf", tuned_like(tiny_model, seed=1))
    export_checkpoint(merged, tmp_path / "merged", weights="fp32")

    found = runner(adapted, 64).step(IDS, 0)
    expected = runner(tmp_path / "merged", 64).step(IDS, 0)

    assert error_of(found, expected) < 1e-5
    assert error_of(runner(tiny_model, 64).step(IDS, 0), expected) > 0.01


def test_a_second_fine_tuning_replaces_the_first(
    adapted: Path, tmp_path: Path, tiny_model: Path, runner: Any
) -> None:
    """Adapters do not pile up: twice tuned is once tuned with the later weights."""
    later = tuned_like(tiny_model, seed=2)
    write_adapted(ModelDir.open(adapted), tmp_path / "twice", later, produced_by="a test")
    write_adapted(ModelDir.open(tiny_model), tmp_path / "once", later, produced_by="a test")

    twice, once = ModelDir.open(tmp_path / "twice"), ModelDir.open(tmp_path / "once")
    assert twice.manifest.architecture == once.manifest.architecture
    found = runner(twice.path, 64).step(IDS, 0)
    np.testing.assert_array_equal(found, runner(once.path, 64).step(IDS, 0))


def test_graph_for_cuda_is_adapted_too(
    tmp_path: Path, tiny_checkpoint: Path, runner: Any, stand_in: Callable[[Path], Path]
) -> None:
    """Tuned twice: same numbers as the graph for the CPU, scales and angles still the base's."""
    base = tmp_path / "base"
    export_checkpoint(tiny_checkpoint, base, weights="int8", providers=("cpu", "cuda"))
    for before, after, seed in (("base", "once", 1), ("once", "twice", 2)):
        tuned = tuned_like(base, seed=seed)
        write_adapted(
            ModelDir.open(tmp_path / before), tmp_path / after, tuned, produced_by="a test"
        )

    twice = ModelDir.open(tmp_path / "twice", verify=True)
    found = runner(twice.path, 64, stand_in(twice.graphs["cuda"])).step(IDS, 0)

    expected = runner(twice.path, 64).step(IDS, 0)
    untuned = runner(base, 64).step(IDS, 0)
    assert np.median(relative_errors(found, expected)) < 0.15  # activations of 8 bits and of fp16
    assert np.median(relative_errors(untuned, expected)) > 0.3
    names = {
        tensor.name
        for tensor in onnx.load(twice.graphs["cuda"], load_external_data=False).graph.initializer
        if tensor.external_data
    }
    assert "rope.cosines.f16" in names
    assert "adapters.bin" not in twice.manifest.files  # these are small, and nothing was copied
    assert (base / "weights.bin").samefile(twice.path / "weights.bin")


def test_what_was_written_is_read_back(adapted: Path, tiny_model: Path) -> None:
    """Adapters, routers and norms, bit by bit; the matrices are the base's."""
    expected = tuned_like(tiny_model, seed=1)
    found = read_weights(ModelDir.open(adapted, verify=True))

    parts = [(found.tuned, expected), *zip(found.tuned.layers, expected.layers, strict=True)]
    for mine, theirs in parts:
        for field in dataclasses.fields(mine):
            one, other = getattr(mine, field.name), getattr(theirs, field.name)
            if isinstance(one, Adapter):
                np.testing.assert_array_equal(one.down, other.down)
                np.testing.assert_array_equal(one.up, other.up)
            elif field.name != "layers":
                np.testing.assert_array_equal(one, other)
    base = read_weights(ModelDir.open(tiny_model))
    np.testing.assert_array_equal(found.frozen[0].qkv, base.frozen[0].qkv)


def test_the_manifest_says_where_it_comes_from(adapted: Path, tiny_model: Path) -> None:
    """Its own name, the note, and the adapters' parameters counted."""
    manifest, base = ModelDir.open(adapted).manifest, ModelDir.open(tiny_model).manifest

    assert (manifest.name, manifest.produced_by) == ("tuned", "a test")
    added = tuned_like(tiny_model, seed=1).adapter_parameters
    assert manifest.architecture.total_parameters == base.architecture.total_parameters + added
    assert manifest.fim == base.fim
    assert manifest.stop_ids == base.stop_ids


def test_weights_are_shared_by_a_hard_link(adapted: Path, tiny_model: Path) -> None:
    """A tuned model takes only the space of its adapters."""
    assert (adapted / "weights.bin").samefile(tiny_model / "weights.bin")


def test_weights_are_copied_where_links_fail(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another device."""

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    tuned = tuned_like(tiny_model, seed=1)
    write_adapted(ModelDir.open(tiny_model), tmp_path / "copy", tuned, produced_by="a test")

    ModelDir.open(tmp_path / "copy", verify=True)
    assert not (tmp_path / "copy/weights.bin").samefile(tiny_model / "weights.bin")


def test_large_adapters_stand_in_a_file_of_their_own(tmp_path: Path, tiny_model: Path) -> None:
    """From 64 KiB on; the directory is checked with it, and refused without."""
    tuned = tuned_like(tiny_model, seed=1, rank=300)
    write_adapted(ModelDir.open(tiny_model), tmp_path / "large", tuned, produced_by="a test")
    file = tmp_path / "large/adapters.bin"

    assert "adapters.bin" in ModelDir.open(tmp_path / "large", verify=True).manifest.files
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelDirectoryError, match=r"adapters\.bin: expected"):
        ModelDir.open(tmp_path / "large")


def test_the_engine_runs_it(adapted: Path) -> None:
    """A completion comes out of a tuned directory."""
    with Engine.open(adapted) as engine:
        request = CompletionRequest(document="a", path="", prefix="def f(", suffix="", max_tokens=4)
        assert engine.submit(request).future.result(60).finish_reason is not None


def test_an_existing_target_is_left_alone(adapted: Path, tiny_model: Path) -> None:
    """One sentence, and nothing is written into it."""
    before = sorted(adapted.iterdir())
    with pytest.raises(ExportError, match="expected no such file or folder"):
        write_adapted(
            ModelDir.open(tiny_model), adapted, tuned_like(tiny_model, seed=3), produced_by="a test"
        )

    assert sorted(adapted.iterdir()) == before


def test_a_failed_check_leaves_nothing(tmp_path: Path, tiny_model: Path) -> None:
    """The check sees a complete directory; when it fails none appears."""
    seen: list[str] = []

    def fail(path: Path) -> None:
        seen.append(ModelDir.open(path).manifest.name)
        raise ExportError("no")

    check: Callable[[Path], None] = fail
    with pytest.raises(ExportError, match="no"):
        write_adapted(
            ModelDir.open(tiny_model),
            tmp_path / "out/tuned",
            tuned_like(tiny_model, seed=1),
            produced_by="a test",
            check=check,
        )

    assert seen == ["tuned"]
    assert list((tmp_path / "out").iterdir()) == []
