"""Repositories as evaluation data: a folder whose sub-folders each hold the sources of one.

Every readable UTF-8 file `*.py` counts, tests included; links inside a repository, hidden folders
and files over 1 MB do not. Without data, this project's own packages are the sample.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from evaluation.errors import DataError
from evaluation.resume import digest

_MAX_BYTES: Final = 1_000_000
_OWN: Final = ("evaluation", "inference", "lsp_server", "mixline", "onnx_export", "training")


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a repository."""

    repository: str
    path: str  # inside the repository, with "/"
    text: str = field(repr=False)  # "\n" line ends

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.split("\n")

    @cached_property
    def stripped_lines(self) -> frozenset[str]:
        """The lines without blanks around them."""
        return frozenset(map(str.strip, self.lines))

    @cached_property
    def digest(self) -> str:
        """The digest of path and text."""
        return digest(self.path, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The files of one project, in the order of their paths."""

    name: str
    files: tuple[SourceFile, ...]


def read_repositories(folder: Path | None) -> list[Repository]:
    """Return the repositories of a folder in the order of their names.

    Args:
        folder: None for this project's own packages.

    Raises:
        DataError: no sub-folder of it has a Python file.
    """
    if folder is None:
        root = Path(__file__).parents[1]
        places = [root / name for name in _OWN]
    else:
        try:
            places = sorted(
                place
                for place in folder.iterdir()
                if place.is_dir() and not place.name.startswith(".")
            )
        except OSError as error:
            raise DataError(
                f"expected a folder of repositories, got {folder}: {error.strerror}"
            ) from error
    repositories = [
        Repository(name=place.name, files=files) for place in places if (files := _files(place))
    ]
    if not repositories:
        raise DataError(
            f"expected a folder whose sub-folders hold Python files, one a repository, found none"
            f" in {folder}"
        )
    return repositories


def read_sources(paths: Sequence[Path]) -> list[Repository]:
    """Return what stands at the paths, in their order.

    Args:
        paths: files, repositories, or folders of repositories: each sub-folder counts as one.

    Raises:
        DataError: nothing is there, or no Python file in it.
    """
    repositories = []
    for path in paths:
        files = sorted(path.glob("*.py")) if path.is_dir() else [path]
        direct = [
            SourceFile(repository=path.name, path=file.name, text=text)
            for file in files
            if (text := _read(file))
        ]
        if direct:
            repositories.append(Repository(name=path.name, files=tuple(direct)))
        if path.is_dir():
            with suppress(DataError):
                repositories += read_repositories(path)
    if not repositories:
        raise DataError(
            "expected files, or folders with Python files, found none in"
            f" {', '.join(map(str, paths))}"
        )
    return repositories


def _files(folder: Path) -> tuple[SourceFile, ...]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            text = _read(path) if path.suffix == ".py" else ""
            if text:
                inside = path.relative_to(folder).as_posix()
                found.append(SourceFile(repository=folder.name, path=inside, text=text))
    return tuple(found)


def _read(path: Path) -> str:
    """Return a file's text, "" where it does not count."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return ""
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
