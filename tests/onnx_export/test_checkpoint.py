"""Tensors are found over one file or several; what is missing is named."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from onnx_export.checkpoint import Checkpoint, read_json
from onnx_export.errors import CheckpointError


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A checkpoint of two shards."""
    save_file({"a": np.full(3, 1, np.float32)}, tmp_path / "one.safetensors")
    save_file({"b": np.full((2, 2), 2, np.float32)}, tmp_path / "two.safetensors")
    write_index(tmp_path, {"a": "one.safetensors", "b": "two.safetensors"})
    return tmp_path


def write_index(folder: Path, weight_map: dict[str, str]) -> None:
    """Write the index of shards."""
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_tensors_of_all_shards(sharded: Path) -> None:
    """Each tensor is read from the file that the index names, and reported."""
    read: list[tuple[str, int]] = []
    checkpoint = Checkpoint.open(sharded).reporting_to(lambda *what: read.append(what))

    assert checkpoint.names() == {"a", "b"}
    np.testing.assert_array_equal(checkpoint.read("b", (2, 2)), np.full((2, 2), 2))
    assert read == [("b", 16)]


def test_tensor_that_is_missing_or_of_another_shape(sharded: Path) -> None:
    """The error names the tensor, and both shapes."""
    checkpoint = Checkpoint.open(sharded)

    with pytest.raises(CheckpointError, match="expected the tensor c, found none"):
        checkpoint.read("c", (1,))
    with pytest.raises(CheckpointError, match=r"expected a to be \[4\].*found \[3\]"):
        checkpoint.check("a", (4,))


def test_shard_that_is_missing(sharded: Path) -> None:
    """An index without its files is named by the file."""
    (sharded / "two.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"two\.safetensors: cannot be read"):
        Checkpoint.open(sharded)


def test_index_that_lies(sharded: Path) -> None:
    """A tensor that its shard does not hold, and a shard outside the folder."""
    write_index(sharded, {"z": "one.safetensors"})
    with pytest.raises(CheckpointError, match="expected the tensor z"):
        Checkpoint.open(sharded)
    write_index(sharded, {"a": "../one.safetensors"})
    with pytest.raises(CheckpointError, match="a file in the checkpoint's folder"):
        Checkpoint.open(sharded)


def test_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    """Nothing, and a folder with other files, each say what was found."""
    with pytest.raises(CheckpointError, match="found no folder"):
        Checkpoint.open(tmp_path / "absent")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(CheckpointError, match=r"found \['pytorch_model\.bin'\]"):
        Checkpoint.open(tmp_path)


def test_json_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file is one sentence."""
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read"):
        read_json(tmp_path / "config.json")
