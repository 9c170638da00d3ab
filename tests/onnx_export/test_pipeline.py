"""An export is complete or absent, and each thing that goes wrong has one clear sentence."""

import errno
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from inference.model_dir import ModelDir
from inference.ops.layout import unpack
from onnx_export import CheckpointError, ExportError, UnsupportedError, export_checkpoint
from onnx_export.safetensors_file import open_safetensors, write_safetensors
from onnx_export.write import write_error


@pytest.fixture
def checkpoint(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """Copy of the tiny checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


def rewrite_tensors(checkpoint: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Change the checkpoint's tensors."""
    path = checkpoint / "model.safetensors"
    tensors = {name: tensor.read().copy() for name, tensor in open_safetensors(path).items()}
    change(tensors)
    shapes = {name: values.shape for name, values in tensors.items()}
    write_safetensors(path, shapes, iter(tensors.values()))


def test_directory_holds_what_the_manifest_lists(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Nothing more, nothing less, and nothing is left beside it."""
    report = export_checkpoint(tiny_checkpoint, tmp_path / "out" / "model", weights="int4")

    model = ModelDir.open(tmp_path / "out" / "model", verify=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]
    names = {path.name for path in model.path.iterdir()}
    assert names == {*model.manifest.files, "manifest.json"}
    assert report.num_bytes == sum(path.stat().st_size for path in model.path.iterdir())
    assert str(report).startswith(f"{model.path}: 0.2 M parameters")
    assert model.manifest.name == "model"
    assert oct(model.path.stat().st_mode & 0o777) == "0o755"


def test_every_router_and_expert_is_an_operator_of_ours(tiny_model: Path) -> None:
    """Attention, router and expert FFN in each layer are ours, and weights start at 64 KiB."""
    graph = onnx.load(tiny_model / "model.onnx", load_external_data=False).graph
    ours = [node.op_type for node in graph.node if node.domain == "mixline"]
    assert ours == ["CachedAttention", "ExpertRouter", "ExpertFFN"] * 2

    offsets = {
        tensor.name: int(next(e.value for e in tensor.external_data if e.key == "offset"))
        for tensor in graph.initializer
        if tensor.external_data
    }
    assert all(offset % 65536 == 0 for offset in offsets.values())
    assert {"layers.1.moe.gate_up", "layers.1.moe.down", "embedding.weight"} <= set(offsets)


def test_tied_embedding_is_stored_once(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Gather and head read the same initialisers."""
    for weights, parts in (("fp32", ["weight"]), ("int4", ["values", "scales"])):
        out = tmp_path / weights
        export_checkpoint(tiny_checkpoint, out, weights=weights)
        nodes = onnx.load(out / "model.onnx", load_external_data=False).graph.node
        for part in parts:
            readers = {node.op_type for node in nodes if f"embedding.{part}" in node.input}
            assert readers == {"Gather", "Gemm" if weights == "fp32" else "MatMulNBits"}


def test_expert_weights_are_the_checkpoints(tiny_checkpoint: Path, tiny_model: Path) -> None:
    """Unpacked from weights.bin at the place that the graph names, bit for bit."""
    graph = onnx.load(tiny_model / "model.onnx", load_external_data=False).graph
    tensor = next(t for t in graph.initializer if t.name == "layers.1.moe.down")
    offset = int(next(e.value for e in tensor.external_data if e.key == "offset"))
    packed = np.fromfile(
        tiny_model / "weights.bin", np.uint8, int(np.prod(tensor.dims)), offset=offset
    ).reshape(tensor.dims)

    found = unpack("f32", 32, packed, 64, 40)

    stored = open_safetensors(tiny_checkpoint / "model.safetensors")
    for expert in range(8):
        name = f"model.layers.1.mlp.experts.{expert}.down_proj.weight"
        np.testing.assert_array_equal(found[expert], stored[name].read())


def test_same_checkpoint_gives_the_same_bytes(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Nothing in the files depends on time or place."""
    digests = []
    for folder in ("a", "b"):
        out = tmp_path / folder / "model"
        export_checkpoint(tiny_checkpoint, out, weights="int4")
        digests.append([hashlib.sha256(p.read_bytes()).digest() for p in sorted(out.iterdir())])
    assert digests[0] == digests[1]


def test_progress_ends_at_all_bytes(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """The callback counts up to the checkpoint's bytes."""
    calls: list[tuple[int, int, str]] = []
    export_checkpoint(tiny_checkpoint, tmp_path / "m", progress=lambda *call: calls.append(call))

    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == calls[-1][1]
    assert "model.layers.0.mlp.experts.0.up_proj.weight" in {call[2] for call in calls}


def test_licence_is_the_model_cards(tmp_path: Path, checkpoint: Path) -> None:
    """From the header of README.md; said so if there is none."""
    export_checkpoint(checkpoint, tmp_path / "a")
    (checkpoint / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\nlicense: no\n")
    export_checkpoint(checkpoint, tmp_path / "b")
    export_checkpoint(checkpoint, tmp_path / "c", licence="MIT")

    licences = [ModelDir.open(tmp_path / name).manifest.licence for name in "abc"]
    assert licences == ["unknown", "apache-2.0", "MIT"]


def test_lm_head_stored_beside_a_tied_embedding_is_ignored(
    tmp_path: Path, checkpoint: Path
) -> None:
    """Some writers store the tied matrix twice."""
    rewrite_tensors(
        checkpoint, lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"]})
    )
    export_checkpoint(checkpoint, tmp_path / "model")
    assert ModelDir.open(tmp_path / "model").manifest.architecture.tied_embeddings


def poison(tensors: dict[str, np.ndarray]) -> None:
    """Put a NaN into a weight that is read late."""
    tensors["model.layers.1.mlp.experts.7.down_proj.weight"][3, 3] = np.nan


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda t: t.pop("model.norm.weight"), CheckpointError, "the tensor model.norm.weight"),
        (
            lambda t: t.update({"model.norm.weight": np.ones(65, np.float32)}),
            CheckpointError,
            r"model.norm.weight to be \[64\] as config.json says, found \[65\]",
        ),
        (poison, CheckpointError, r"experts\.7\.down_proj\.weight, found 1 that"),
        (
            lambda t: t.update({"model.mtp.weight": np.ones(1, np.float32)}),
            UnsupportedError,
            "found 1 more, model.mtp.weight",
        ),
        (
            lambda t: t["model.norm.weight"].fill(1) or t["model.embed_tokens.weight"].fill(1e38),
            CheckpointError,
            "model.embed_tokens.weight: expected finite int8 weights of at most 8319008",
        ),
    ],
)
def test_damaged_checkpoint_leaves_nothing_behind(
    tmp_path: Path,
    checkpoint: Path,
    change: Callable[[dict[str, np.ndarray]], object],
    kind: type[ExportError],
    message: str,
) -> None:
    """Whenever it is noticed: neither the directory nor its hidden beginning stays."""
    rewrite_tensors(checkpoint, change)

    with pytest.raises(kind, match=message):
        export_checkpoint(checkpoint, tmp_path / "out" / "model")

    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_truncated_shard(tmp_path: Path, checkpoint: Path) -> None:
    """The file is named before anything is written."""
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 1)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: expected .* cut off"):
        export_checkpoint(checkpoint, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_existing_target_is_not_touched(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Neither a folder, nor a file, nor a dangling link is replaced."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "file", "link"):
        with pytest.raises(ExportError, match="expected no such file or folder, found one"):
            export_checkpoint(tiny_checkpoint, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]


def test_place_that_cannot_be_written(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """A file in the way of the path, and a folder that refuses, are named."""
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=r"file/model: cannot be written \(File exists\)"):
        export_checkpoint(tiny_checkpoint, tmp_path / "file" / "model")

    refused = write_error(tmp_path, PermissionError(errno.EACCES, "Permission denied"))
    assert "cannot be written (Permission denied); name a folder where you may" in str(refused)


def test_space_is_checked_before_the_start(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device with 1 kB left, the export does not begin."""
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(ExportError, match="bytes of free space, found 1,000"):
        export_checkpoint(tiny_checkpoint, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_disk_that_fills_up_on_the_way(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """A write that fails in the middle is one sentence, and the beginning is removed."""
    program = (
        "import signal, sys, pathlib, onnx_export\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: onnx_export.export_checkpoint(*map(pathlib.Path, sys.argv[1:]))\n"
        "except onnx_export.ExportError as error: print(error)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = subprocess.run(
        [sys.executable, "-c", program, str(tiny_checkpoint), str(tmp_path / "model")],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert "no space is left on the device (File too large)" in result.stdout
    assert not list(tmp_path.iterdir())


def test_providers_and_precisions_that_do_not_exist(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """The error lists what there is."""
    with pytest.raises(UnsupportedError, match="providers to be cpu or cpu,cuda, found 'cpu,tpu'"):
        export_checkpoint(tiny_checkpoint, tmp_path / "m", providers=("cpu", "tpu"))
    with pytest.raises(UnsupportedError, match="weights to be one of int4"):
        export_checkpoint(tiny_checkpoint, tmp_path / "m", weights="int2")


def test_checkpoint_that_is_absent(tmp_path: Path) -> None:
    """A wrong path is one sentence."""
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read"):
        export_checkpoint(tmp_path / "absent", tmp_path / "model")


def test_manifest_counts_parameters(tiny_checkpoint: Path, tiny_model: Path) -> None:
    """All weights, and those that one token meets: two experts of eight."""
    stored = open_safetensors(tiny_checkpoint / "model.safetensors").values()
    total = sum(int(np.prod(tensor.shape)) for tensor in stored)
    architecture = ModelDir.open(tiny_model).manifest.architecture

    assert architecture.total_parameters == total
    assert architecture.active_parameters == total - 2 * 6 * 3 * 64 * 40
    manifest: dict[str, Any] = json.loads((tiny_model / "manifest.json").read_text())
    assert manifest["produced_by"].startswith("mixline")
