"""Parcels: what goes in comes out, whatever the order, and damage is noticed."""

import os
from pathlib import Path

import pytest

from training.errors import ParcelError
from training.parcels import MANIFEST, pack, unpack


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A file of several slices that do not pack, one of a few bytes, an empty one."""
    contents = {
        "corpus/text.bin": os.urandom(50_000),
        "tokenizer.json": b"{}",
        "empty": b"",
    }
    found = {}
    for index, (name, data) in enumerate(contents.items()):
        found[name] = tmp_path / f"source{index}"
        found[name].write_bytes(data)
    return found


def test_files_come_out_as_they_went_in(files: dict[str, Path], tmp_path: Path) -> None:
    """Parcels keep to their size; unpacked backwards they say what is still missing."""
    out, work = tmp_path / "parcels", tmp_path / "work"
    sizes = pack(files, out, parcel_bytes=16_000, slice_bytes=12_000)

    answers = [unpack(out / str(place), work) for place in reversed(range(len(sizes)))]

    assert len(sizes) > 3
    for place, size in enumerate(sizes):
        found = sum(path.stat().st_size for path in (out / str(place)).iterdir())
        assert found == size <= 16_000
    assert "corpus/text.bin" in answers[0]
    assert answers[-1] == []
    for name, path in files.items():
        assert (work / name).read_bytes() == path.read_bytes()
    assert not list((work / "slices").iterdir())


def test_a_parcel_may_come_twice(files: dict[str, Path], tmp_path: Path) -> None:
    """A command that broke off is given again."""
    out, work = tmp_path / "parcels", tmp_path / "work"
    assert len(pack(files, out, parcel_bytes=100_000)) == 1

    assert unpack(out / "0", work) == []
    assert unpack(out / "0", work) == []


def test_damage_is_noticed(files: dict[str, Path], tmp_path: Path) -> None:
    """A cut slice, another content, a folder that is no parcel, a folder in use."""
    out = tmp_path / "parcels"
    pack(files, out, parcel_bytes=100_000)
    packed = max((out / "0").glob("*.xz"), key=lambda path: path.stat().st_size)
    whole = packed.read_bytes()

    packed.write_bytes(whole[:-40])
    with pytest.raises(ParcelError, match="carry it again"):
        unpack(out / "0", tmp_path / "work")
    packed.write_bytes(whole)
    manifest = out / "0" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(ParcelError, match="expected digest 0"):
        unpack(out / "0", tmp_path / "work")
    with pytest.raises(ParcelError, match="expected a parcel"):
        unpack(tmp_path, tmp_path / "work")
    with pytest.raises(ParcelError, match="expected an empty folder"):
        pack(files, out, parcel_bytes=100_000)


def test_slices_must_fit(files: dict[str, Path], tmp_path: Path) -> None:
    """A slice that is larger than a parcel is refused."""
    with pytest.raises(ParcelError, match="pack smaller slices"):
        pack(files, tmp_path / "parcels", parcel_bytes=9_000, slice_bytes=12_000)
