"""Cuts files into parcels of a given size for a machine that takes little at a time, and back.

A parcel is a folder. Its `manifest.json`, the same in each, names every file with its digest and
its slices; a slice is a piece of a file, packed by xz.
"""

import hashlib
import json
import lzma
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from training.errors import ParcelError

MANIFEST: Final = "manifest.json"
SLICE_BYTES: Final = 48 << 20
"""Of a file, before packing. Slices are packed and unpacked side by side."""
_PRESET: Final = 7


def pack(
    files: Mapping[str, Path],
    out: Path,
    *,
    parcel_bytes: int,
    slice_bytes: int = SLICE_BYTES,
    threads: int | None = None,
) -> list[int]:
    """Packs files into parcels `out/0`, `out/1`, ... and returns their sizes in bytes.

    Args:
        files: name to have at the other end ("corpus/text.bin"), and where the file is.
        out: folder, new or empty.
        parcel_bytes: size that no parcel exceeds.
        slice_bytes: size of a slice before packing.
        threads: how many slices are packed at once; None is one for each core.

    Raises:
        ParcelError: `out` holds something, or one packed slice exceeds a parcel.
    """
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise ParcelError(f"expected an empty folder for parcels, found files in {out}")
    rows: list[dict[str, Any]] = []
    jobs: list[tuple[Path, int, Path]] = []
    for number, (name, path) in enumerate(files.items()):
        size = path.stat().st_size
        starts = range(0, max(size, 1), slice_bytes)
        slices = [f"{number}.{index:03}.xz" for index in range(len(starts))]
        jobs += [(path, start, out / one) for start, one in zip(starts, slices, strict=True)]
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        rows.append({"name": name, "bytes": size, "sha256": digest, "slices": slices})

    def compress(job: tuple[Path, int, Path]) -> None:
        path, start, packed = job
        with path.open("rb") as stream:
            stream.seek(start)
            packed.write_bytes(lzma.compress(stream.read(slice_bytes), preset=_PRESET))

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        list(pool.map(compress, jobs))
    return _share_out([packed for _, _, packed in jobs], {"files": rows}, out, parcel_bytes)


def _share_out(
    slices: list[Path], manifest: dict[str, Any], out: Path, parcel_bytes: int
) -> list[int]:
    text = json.dumps(manifest, indent=1) + "\n"
    rooms: list[list[Path]] = []
    sizes: list[int] = []
    for one in sorted(slices, key=lambda path: -path.stat().st_size):
        size = one.stat().st_size
        if len(text) + size > parcel_bytes:
            raise ParcelError(
                f"expected slices of less than a parcel ({parcel_bytes} bytes), found one of "
                f"{size}; pack smaller slices"
            )
        place = next((i for i, used in enumerate(sizes) if used + size <= parcel_bytes), None)
        if place is None:
            place = len(sizes)
            rooms.append([])
            sizes.append(len(text))
        rooms[place].append(one)
        sizes[place] += size
    for place, room in enumerate(rooms):
        folder = out / str(place)
        folder.mkdir()
        (folder / MANIFEST).write_text(text, encoding="utf-8")
        for one in room:
            one.rename(folder / one.name)
    return sizes


def unpack(parcel: Path, work: Path) -> list[str]:
    """Takes one parcel; puts every file of which all slices are there together, and checks it.

    Returns:
        The names of the files that are still incomplete.

    Raises:
        ParcelError: the folder is no parcel, a slice is damaged, or a file has another digest.
    """
    try:
        rows = json.loads((parcel / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, LookupError) as error:
        raise ParcelError(f"expected a parcel with {MANIFEST} in {parcel}: {error}") from error
    store = work / "slices"
    store.mkdir(parents=True, exist_ok=True)

    def decompress(path: Path) -> None:
        try:
            data = lzma.decompress(path.read_bytes())
        except (lzma.LZMAError, EOFError) as error:
            raise ParcelError(f"{path}: expected xz, found {error}; carry it again") from error
        partial = store / f"{path.stem}.partial"
        partial.write_bytes(data)
        partial.replace(store / path.stem)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decompress, sorted(parcel.glob("*.xz"))))
    missing = []
    for row in rows:
        target = work / row["name"]
        pieces = [store / Path(one).stem for one in row["slices"]]
        if target.is_file():
            continue
        if all(piece.is_file() for piece in pieces):
            _put_together(pieces, target, row)
        else:
            missing.append(row["name"])
    return missing


def _put_together(pieces: list[Path], target: Path, row: dict[str, Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    digest = hashlib.sha256()
    with partial.open("wb") as stream:
        for piece in pieces:
            data = piece.read_bytes()
            digest.update(data)
            stream.write(data)
    if digest.hexdigest() != row["sha256"]:
        raise ParcelError(f"{row['name']}: expected digest {row['sha256']}, found another")
    partial.replace(target)
    for piece in pieces:
        piece.unlink()
