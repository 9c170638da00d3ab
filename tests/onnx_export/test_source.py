"""Random weights follow the seed alone, and presets are configurations that the exporter reads."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from inference.model_dir import ModelDir
from onnx_export import CheckpointError, RandomWeights, export_checkpoint, preset_names
from onnx_export.arch import read_spec
from onnx_export.parameters import active_parameters, total_parameters
from onnx_export.random_checkpoint import qwen3_moe_config
from onnx_export.random_weights import CHUNK, RandomTensor
from onnx_export.source import open_config, open_source

SIZES = {
    "vocab": 600,
    "hidden": 64,
    "layers": 3,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 32,
    "experts": 4,
    "experts_per_token": 2,
    "expert_hidden": 32,
}


@pytest.fixture
def config_only(tmp_path: Path, tiny_tokenizer: Path) -> Path:
    """Folder of a configuration without weights."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(qwen3_moe_config(**SIZES)))
    (folder / "tokenizer.json").write_bytes(tiny_tokenizer.read_bytes())
    return folder


def digests(model: Path) -> list[str]:
    """SHA-256 of every file."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(model.iterdir())]


def test_random_weights_follow_the_seed(tmp_path: Path, config_only: Path) -> None:
    """Equal seeds give equal files, another one does not."""
    found = []
    for number, seed in enumerate((5, 5, 6)):
        out = tmp_path / str(number) / "model"
        export_checkpoint(config_only, out, random=RandomWeights(seed=seed))
        found.append(digests(out))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_rows_are_the_same_whatever_is_read_with_them() -> None:
    """Also over the border between two generators, and of a size that they do not divide."""
    tensor = RandomTensor(name="w", shape=(2 * CHUNK // 1000, 1001), seed=3)
    whole = tensor.read()
    pieces = [tensor.read(start, start + 100) for start in range(0, tensor.shape[0], 100)]

    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert abs(float(whole.std()) * 1001**0.5 - 1) < 0.01
    assert whole.shape == tensor.shape
    assert abs(float(RandomTensor(name="n", shape=(5000,), seed=3).read().mean()) - 1) < 0.01


def test_layers_cut_the_configuration(tmp_path: Path, config_only: Path) -> None:
    """One layer of three is exported; a fourth does not exist."""
    export_checkpoint(config_only, tmp_path / "model", random=RandomWeights(layers=1))

    assert ModelDir.open(tmp_path / "model", verify=True).manifest.architecture.layers == 1
    with pytest.raises(CheckpointError, match="expected at least 4 layers, found 3"):
        open_config(config_only, 4)


def test_lists_with_an_entry_for_each_layer_are_cut_with_them(tmp_path: Path) -> None:
    """Kinds of attention and of feed-forward; the first layers stay."""
    config = {
        "model_type": "mellum",
        "num_hidden_layers": 3,
        "layer_types": ["sliding_attention", "full_attention", "full_attention"],
        "mlp_layer_types": ["dense", "sparse", "sparse"],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))

    spec = read_spec(open_config(tmp_path, 2))

    assert (len(spec.layers), spec.dense_layers) == (2, 1)


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_read(name: str) -> None:
    """By their names, with random weights only; the tokenizer is then the shipped model's."""
    source = open_source(Path(name), RandomWeights())

    assert source.tokenizer.is_file()
    assert source.spec.layers
    with pytest.raises(CheckpointError, match=f"{name}: .* fill it with --random-weights"):
        open_source(Path(name))


def test_codex_mini_counts_as_planned() -> None:
    """120.1 billion parameters, 3.59 of them for one token, both to 1 %; YaRN to 131,072."""
    spec = read_spec(open_config(Path("codex-mini")))

    assert (spec.context, len(spec.ropes)) == (131_072, 1)
    assert spec.ropes[0].kind == "yarn"
    assert spec.ropes[0].factor * spec.ropes[0].original_context == spec.context

    assert total_parameters(spec) == pytest.approx(120.1e9, rel=0.01)
    assert active_parameters(spec) == pytest.approx(3.59e9, rel=0.01)


def test_folder_goes_before_a_preset(
    tmp_path: Path, config_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is called like a preset is the user's."""
    monkeypatch.chdir(tmp_path)
    config_only.rename("codex-mini")

    assert open_source(Path("codex-mini"), RandomWeights()).spec.hidden == SIZES["hidden"]
