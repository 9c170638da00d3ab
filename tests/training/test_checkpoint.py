"""Checkpoints: atomic, checked, locked."""

from dataclasses import asdict
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training import checkpoint  # noqa: E402 - torch first
from training.checkpoint import State  # noqa: E402
from training.errors import CheckpointError  # noqa: E402

STATE = State(step=3, tokens=5, seconds=1.5, rows_stable=7, rows_decay=0, corpus="abc")


def write(path: Path) -> None:
    """Saves a small checkpoint."""
    checkpoint.save(path, STATE, {"w": torch.ones(3)}, {"adam": {}}, {"hidden": 4})


def test_round_trip(tmp_path: Path) -> None:
    """What is saved comes back, and no partial file stays."""
    write(tmp_path / "last.pt")

    state, weights, optimiser, config = checkpoint.load(tmp_path / "last.pt")

    assert asdict(state) == asdict(STATE)
    assert torch.equal(weights["w"], torch.ones(3))
    assert (optimiser, config) == ({"adam": {}}, {"hidden": 4})
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_failed_save_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that breaks off half-way does not touch the checkpoint before it."""
    write(tmp_path / "last.pt")

    def breaks(_content: object, stream: object) -> None:
        stream.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", breaks)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "last.pt")

    assert checkpoint.load(tmp_path / "last.pt")[0].step == 3


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04half"])
def test_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    """No traceback from the depths of torch."""
    (tmp_path / "last.pt").write_bytes(content)

    with pytest.raises(CheckpointError, match="expected a training checkpoint"):
        checkpoint.load(tmp_path / "last.pt")


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    """A wrong path is said."""
    with pytest.raises(CheckpointError, match=r"nothing\.pt"):
        checkpoint.load(tmp_path / "nothing.pt")


def test_folder_is_held_by_one(tmp_path: Path) -> None:
    """Two runs in one folder would spoil each other's checkpoints."""
    with (
        checkpoint.locked(tmp_path / "run"),
        pytest.raises(CheckpointError, match="another process trains there"),
        checkpoint.locked(tmp_path / "run"),
    ):
        pass
    with checkpoint.locked(tmp_path / "run"):
        pass
