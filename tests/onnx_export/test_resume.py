"""An export that was killed goes on where it was, and ends in the same bytes."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.model_dir import ModelDir
from onnx_export import ExportError, export_checkpoint
from onnx_export.resume import partial_bytes, partial_folder
from onnx_export.safetensors_file import open_safetensors, write_safetensors

# Kills itself with the progress call that the third argument counts.
PROGRAM = """
import os, pathlib, signal, sys, onnx_export
left = int(sys.argv[3])
def progress(done, total, what):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
onnx_export.export_checkpoint(*map(pathlib.Path, sys.argv[1:3]), progress=progress)
"""
NUM_READS = 70  # of the tiny checkpoint, at least


def killed(checkpoint: Path, out: Path, reads: int) -> None:
    """Export until so many tensors are read."""
    words = [sys.executable, "-c", PROGRAM, str(checkpoint), str(out), str(reads)]
    done = subprocess.run(words, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL


def digests(model: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    files = sorted(model.iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def journal_of(out: Path) -> list[str]:
    """Names of the tensors that are finished."""
    lines = (partial_folder(out) / "journal.jsonl").read_text().splitlines()[1:]
    return [json.loads(line)["name"] for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> dict[str, str]:
    """Digests of an export that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "model"
    export_checkpoint(tiny_checkpoint, out)
    return digests(out)


@pytest.fixture
def interrupted(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """Where an export was interrupted with Ctrl-C when it was nearly done."""
    out = tmp_path / "model"
    calls = 0

    def interrupt(_done: int, _total: int, _what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == NUM_READS - 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_checkpoint(tiny_checkpoint, out, progress=interrupt)
    return out


@pytest.fixture
def reads() -> tuple[list[str], Callable[[int, int, str], None]]:
    """What a run reads, and its progress callback."""
    names: list[str] = []
    return names, lambda _done, _total, what: names.append(what)


def test_killed_at_a_random_moment(
    tmp_path: Path, tiny_checkpoint: Path, whole: dict[str, str]
) -> None:
    """Three times in a row; nothing is a model directory before the end."""
    out = tmp_path / "model"
    for moment in np.random.default_rng().integers(2, NUM_READS // 2, 3):
        killed(tiny_checkpoint, out, int(moment))
        assert not out.exists()
        assert not list(tmp_path.rglob("manifest.json"))

    export_checkpoint(tiny_checkpoint, out)

    assert digests(out) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_interrupted_export_reads_only_the_rest(
    interrupted: Path,
    tiny_checkpoint: Path,
    whole: dict[str, str],
    reads: tuple[list[str], Callable[[int, int, str], None]],
) -> None:
    """What the journal lists is taken over; progress still ends at all bytes."""
    finished = journal_of(interrupted)
    assert {"embedding.values", "layers.0.moe.gate_up", "layers.0.moe.down"} <= set(finished)
    assert partial_bytes(interrupted) > 0

    names, progress = reads
    counts: list[tuple[int, int]] = []
    export_checkpoint(
        tiny_checkpoint,
        interrupted,
        progress=lambda done, total, what: (counts.append((done, total)), progress(0, 0, what)),
    )

    assert digests(interrupted) == whole
    assert "model.layers.0.mlp.experts.3.down_proj.weight" not in names
    assert "model.layers.1.mlp.experts.7.down_proj.weight" in names
    done = [count for count, _ in counts]
    assert done == sorted(done)
    assert counts[-1][0] == counts[-1][1]


def damage_weights(partial: Path) -> None:
    """Change a byte in the middle, as a machine that lost its power may."""
    with (partial / "model" / "weights.bin").open("r+b") as file:
        file.seek(file.seek(0, 2) // 2)
        file.write(b"\xa5\x5a")


def cut_weights(partial: Path) -> None:
    """Lose the end of the file."""
    with (partial / "model" / "weights.bin").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 1)


def tear_journal(partial: Path) -> None:
    """Cut its last line."""
    path = partial / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-20])


def rename_entry(partial: Path) -> None:
    """Say that another tensor was written."""
    path = partial / "journal.jsonl"
    path.write_text(path.read_text().replace('"layers.0.moe.down"', '"layers.0.moe.up"'))


@pytest.mark.parametrize(
    "change",
    [
        damage_weights,
        cut_weights,
        tear_journal,
        rename_entry,
        lambda partial: (partial / "journal.jsonl").write_bytes(b"\xff{"),
        lambda partial: (partial / "journal.jsonl").unlink(),
    ],
)
def test_damaged_remains_are_written_anew(
    interrupted: Path,
    tiny_checkpoint: Path,
    whole: dict[str, str],
    change: Callable[[Path], object],
) -> None:
    """Whatever happened to them, the result is the same."""
    change(partial_folder(interrupted))

    export_checkpoint(tiny_checkpoint, interrupted)

    assert digests(interrupted) == whole
    ModelDir.open(interrupted, verify=True)


def test_other_options_or_files_start_over(
    tmp_path: Path,
    interrupted: Path,
    tiny_checkpoint: Path,
    reads: tuple[list[str], Callable[[int, int, str], None]],
) -> None:
    """Nothing of the int4 export gets into one of int8."""
    names, progress = reads
    export_checkpoint(tiny_checkpoint, interrupted, weights="int8", progress=progress)
    export_checkpoint(tiny_checkpoint, tmp_path / "b" / "model", weights="int8")

    assert "model.embed_tokens.weight" in names
    assert digests(interrupted) == digests(tmp_path / "b" / "model")


def test_changed_checkpoint_starts_over(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """A shard that was written anew is another one."""
    copy = tmp_path / "checkpoint"
    copy.mkdir()
    for file in tiny_checkpoint.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    killed(copy, tmp_path / "model", NUM_READS // 2)
    path = copy / "model.safetensors"
    tensors = {name: -tensor.read() for name, tensor in open_safetensors(path).items()}
    shapes = {name: values.shape for name, values in tensors.items()}
    write_safetensors(path, shapes, iter(tensors.values()))

    export_checkpoint(copy, tmp_path / "model")

    export_checkpoint(copy, tmp_path / "other" / "model")
    assert digests(tmp_path / "model") == digests(tmp_path / "other" / "model")


def test_two_exports_of_one_directory(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """The second is told, and the first goes on."""
    out = tmp_path / "model"
    refused: list[str] = []

    def again(_done: int, _total: int, _what: str) -> None:
        if not refused:
            with pytest.raises(ExportError) as error:
                export_checkpoint(tiny_checkpoint, out)
            refused.append(str(error.value))

    export_checkpoint(tiny_checkpoint, out, progress=again)

    assert "expected no other export that writes it, found one" in refused[0]
    ModelDir.open(out, verify=True)
