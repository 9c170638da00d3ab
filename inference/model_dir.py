"""A model directory: opened only if its files, its manifest and its graphs agree."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from inference.errors import ModelDirectoryError
from inference.graph_check import check_graph
from inference.manifest import (
    MANIFEST_NAME,
    TOKENIZER_NAME,
    Manifest,
    read_manifest,
    serialize_manifest,
)
from inference.onnx_file import read_onnx

DEFAULT_MODEL: Final = "mixline-mini-17m"
MODEL_VARIABLE: Final = "MIXLINE_MODEL"
_HASH_BYTES: Final = 2**20  # read at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDir:
    """A directory that passed all checks."""

    path: Path
    manifest: Manifest
    graphs: Mapping[str, Path]  # provider -> graph file
    tokenizer: Path

    @classmethod
    def open(cls, path: Path, *, verify: bool = False) -> "ModelDir":
        """Check the directory at ``path``.

        Args:
            path: the directory that holds `manifest.json`.
            verify: compare the SHA-256 of every file too, which reads all of it.

        Raises:
            ModelDirectoryError: a file is missing, has the wrong size (or, with ``verify``, other
                contents), is a link out of the directory; the manifest is damaged or of another
                version; a graph reads data outside the directory or contradicts the manifest.
        """
        path = Path(path)
        if not path.is_dir():
            raise ModelDirectoryError(
                f"{path}: expected a model directory, found"
                f" {'a file' if path.exists() else 'nothing'}; make one with `mixline export`"
            )
        if os.path.lexists(path / MANIFEST_NAME):  # a pipe in its place would be waited for
            _check_plain(path, MANIFEST_NAME)
        manifest = read_manifest(path / MANIFEST_NAME)
        for name, entry in manifest.files.items():
            _check_file(path, name, entry.bytes)
            if verify:
                _check_digest(path / name, entry.sha256)
        sizes = {name: entry.bytes for name, entry in manifest.files.items()}
        graphs = {provider: path / name for provider, name in manifest.graphs.items()}
        for provider, graph in graphs.items():
            check_graph(read_onnx(graph), manifest, sizes, str(graph), provider)
        return cls(
            path=path,
            manifest=manifest,
            graphs=MappingProxyType(graphs),
            tokenizer=path / TOKENIZER_NAME,
        )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `manifest.json` into the directory ``path``.

    Raises:
        ModelDirectoryError: the manifest contradicts itself.
        OSError: the file cannot be written.
    """
    (path / MANIFEST_NAME).write_bytes(serialize_manifest(manifest))


def default_model() -> Path:
    """Return the model to use when none is named.

    That is the environment variable MIXLINE_MODEL, else the shipped model of a checkout, else that
    of an installed wheel.

    Raises:
        ModelDirectoryError: none of them is there.
    """
    chosen = os.environ.get(MODEL_VARIABLE)
    if chosen:
        return Path(chosen)
    package = Path(__file__).resolve().parent
    places = [parent / "models" / DEFAULT_MODEL for parent in (package.parent, package)]
    for place in places:
        if (place / MANIFEST_NAME).is_file():
            return place
    raise ModelDirectoryError(
        f"expected the shipped model in {' or '.join(map(str, places))}, found none; reinstall"
        f" mixline, or name a model directory with --model or {MODEL_VARIABLE}"
    )


def _check_file(directory: Path, name: str, expected_bytes: int) -> None:
    found_bytes = _check_plain(directory, name)
    if found_bytes != expected_bytes:
        raise ModelDirectoryError(
            f"{directory / name}: expected {expected_bytes} bytes, found {found_bytes}; export or"
            " download the model again"
        )


def _check_plain(directory: Path, name: str) -> int:
    """Return the size of a file that is one, and lies in the directory itself."""
    path = directory / name
    try:
        found = path.stat()
        is_inside = path.resolve().parent == directory.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelDirectoryError(
            f"{path}: expected a file, found none ({reason}); export or download the model again"
        ) from error
    if not is_inside or not stat.S_ISREG(found.st_mode):
        raise ModelDirectoryError(
            f"{path}: expected a plain file in the model directory, found"
            f" {'something else' if is_inside else f'a link to {path.resolve()}'}; copy the file"
        )
    return found.st_size


def _check_digest(path: Path, expected: str) -> None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_HASH_BYTES):
                digest.update(data)
    except OSError as error:
        raise ModelDirectoryError(f"{path}: cannot be read ({error.strerror})") from error
    if digest.hexdigest() != expected:
        raise ModelDirectoryError(
            f"{path}: expected SHA-256 {expected}, found {digest.hexdigest()}; export or download"
            " the model again"
        )
