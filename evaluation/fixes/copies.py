"""Copies of repositories in a temporary folder, with faulty files beside their originals."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from evaluation.errors import DataError
from evaluation.repositories import Repository

RULES: Final = ("E4", "E7", "E9", "F")
"""ruff's default for many years."""

_PYRIGHT: Final = {"typeCheckingMode": "standard"}
_RUFF: Final = f"lint.select = {json.dumps(RULES)}\n"


class Copy:
    """One repository's Python files under a folder of their own."""

    def __init__(self, repository: Repository, parent: Path) -> None:
        """Write the files.

        Raises:
            DataError: the folder cannot be written.
        """
        self.folder = parent / repository.name
        self._texts = {file.path: file.text for file in repository.files}
        settings = {"pyrightconfig.json": json.dumps(_PYRIGHT), "ruff.toml": _RUFF}
        self._write({**self._texts, **settings}.items())

    def write_beside(self, path: str, tag: str, text: str) -> str:
        """Write a text as a file in the folder of `path`, so that its imports mean the same.

        Returns:
            The new file's path in this copy.
        """
        file = Path(path)
        name = f"{file.stem.replace('.', '_')}_mixline_{tag}{file.suffix}"
        beside = file.with_name(name).as_posix()
        self._write([(beside, text)])
        return beside

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files that `write_beside` wrote."""
        for path in paths:
            (self.folder / path).unlink(missing_ok=True)

    def _write(self, texts: Iterable[tuple[str, str]]) -> None:
        try:
            for path, text in texts:
                place = self.folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DataError(
                f"expected room for a copy of the data in {self.folder}, found none"
                f" ({error.strerror}); set TMPDIR"
            ) from error
