"""Files near a document or in the workspace whose names stand in its import statements."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MOST_FILES: Final = 8
_MOST_ENTRIES: Final = 4000  # of folders, looked at for one document
_DEEPEST: Final = 4
_OFTEN_ABOVE: Final = frozenset({"src", "lib"})  # folders that imports leave out


def imported_files(
    document: Path, folders: Iterable[Path], imported: frozenset[str]
) -> tuple[Path, ...]:
    """Return files with the document's suffix, the nearest first; links are left out.

    Args:
        document: absolute; its own folder is looked at first.
        folders: of the workspace; only folders that are named in an import are entered.
        imported: names in the import statements, those of modules included.
    """
    found: dict[Path, None] = {}
    left = _MOST_ENTRIES
    level = [document.parent, *folders]
    for _ in range(_DEEPEST):
        below: list[Path] = []
        for folder in dict.fromkeys(level):
            for entry in _entries(folder, left):
                left -= 1
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    if entry.name in imported or entry.name in _OFTEN_ABOVE:
                        below.append(path)
                elif (
                    path.suffix == document.suffix
                    and path.stem in imported
                    and path != document
                    and entry.is_file(follow_symlinks=False)
                ):
                    found[path] = None
        level = below
    return tuple(found)[:_MOST_FILES]


def _entries(folder: Path, most: int) -> list["os.DirEntry[str]"]:
    """Return what is in a folder by name, nothing of one that cannot be read or is too full."""
    if most <= 0:
        return []
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry)
                if len(found) > most:
                    return []
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name)
