"""The files of a workspace that may be learned from: what the language server would admit."""

import os
from collections.abc import Iterator
from pathlib import Path

from lsp_server.context.admission import Admission, AdmissionRules
from lsp_server.context.workspace_files import FOLDERS_OF_TOOLS

# Never a user's own code, and large enough to take minutes to walk.
_SKIPPED_FOLDERS = FOLDERS_OF_TOOLS | {".git", ".hg", ".svn", ".venv"}


def workspace_files(
    folder: Path, suffixes: tuple[str, ...], max_bytes: int
) -> Iterator[tuple[str, bytes]]:
    """Yield path (relative, with "/") and contents of each admitted file, in a fixed order.

    Left out: what git ignores, what is on the secrets list, links that lead outside, files of
    other suffixes or over ``max_bytes``, and what cannot be read. A file with two names is yielded
    once, under its own.
    """
    rules = AdmissionRules([folder])
    real = folder.resolve()
    seen: set[str] = set()
    for parent, folders, names in os.walk(real):  # does not follow links to folders
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        for name in sorted(names):
            if not name.endswith(suffixes):
                continue
            path = Path(parent, name)
            admitted = rules.admit(path.as_uri())
            if admitted.admission is not Admission.WORKSPACE or admitted.path in seen:
                continue
            seen.add(admitted.path)
            data = _read(real / admitted.path, max_bytes)
            if data is not None:
                yield admitted.path, data


def _read(path: Path, max_bytes: int) -> bytes | None:
    """Read a plain file of at most so many bytes; a pipe or a device would block."""
    try:
        if not path.is_file() or path.stat().st_size > max_bytes:
            return None
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError:
        return None
    return data if len(data) <= max_bytes else None
