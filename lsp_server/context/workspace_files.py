"""Which files of the workspace are worth matching against, and what others may see of them."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lsp_server.context.admission import Admission, AdmissionRules
from lsp_server.context.around_cursor import printable
from lsp_server.context.redaction import redact
from lsp_server.document import normalise_line_ends

MAX_FILE_BYTES: Final = 1_000_000
MOST_ENTRIES: Final = 200_000  # of folders, looked at in one walk
_LONGEST_LINES: Final = 300  # characters on average; above that nobody has written it by hand
_SNIFFED_BYTES: Final = 4096
_REDACTED_AT_ONCE: Final = 20_000  # characters: a millisecond or two in which no other thread runs
# Made by tools and never read by people, also where no .gitignore says so.
FOLDERS_OF_TOOLS: Final = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Tells whether a file has changed."""

    modified_ns: int
    size: int


def walk(
    folders: Iterable[Path],
    rules: AdmissionRules,
    pause: Callable[[], None],
    *,
    most_levels: float = math.inf,
) -> Iterator[Path]:
    """Yield the files below some folders (links resolved), level by level, links left out.

    Args:
        folders: where to begin.
        rules: folders that they keep out are not entered; single files are not asked about.
        pause: called at every folder.
        most_levels: of folders; 1: only the files that lie directly in those given.
    """
    level = [folder for folder in folders if not rules.keeps_out(folder)]
    left = MOST_ENTRIES
    while level and left > 0 and most_levels > 0:
        most_levels -= 1
        below: list[Path] = []
        for folder in level:
            pause()
            files, inner = _entries(folder)
            left -= len(files) + len(inner)
            yield from files
            below += [
                path
                for path in inner
                if not path.name.startswith(".")
                and path.name not in FOLDERS_OF_TOOLS
                and not rules.keeps_out(path)
            ]
        level = below


def stamp_of(file: Path) -> Stamp | None:
    """Return the stamp of a file that is not too large, None for any other."""
    try:
        stat = file.stat()
    except (OSError, ValueError):
        return None
    if not file.is_file() or stat.st_size > MAX_FILE_BYTES:
        return None
    return Stamp(modified_ns=stat.st_mtime_ns, size=stat.st_size)


def read_shared(
    file: Path, rules: AdmissionRules, pause: Callable[[], None], *, walked: bool = False
) -> str | None:
    """Return what other documents may learn from a file, None where it is none of theirs.

    Args:
        file: absolute; whether it is admitted is decided here.
        rules: of the workspace.
        pause: called between parts of the work.
        walked: `walk` has just yielded it.
    """
    if rules.admit_file(file, walked=walked).admission is not Admission.WORKSPACE:
        return None
    try:
        text = normalise_line_ends(_bytes(file).decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return None
    if len(text) > _LONGEST_LINES * (1 + text.count("\n")):
        return None
    return shared(text, pause)


def _bytes(file: Path) -> bytes:
    """Return what is in a file of text, nothing of one that is too large or no text."""
    with file.open("rb") as stream:
        head = stream.read(_SNIFFED_BYTES)
        if b"\0" in head:
            return b""
        data = head + stream.read(MAX_FILE_BYTES + 1 - len(head))
    return data if len(data) <= MAX_FILE_BYTES else b""


def shared(text: str, pause: Callable[[], None]) -> str:
    """Return what others may see of a text with newlines as line ends, see `redact`."""
    if "PRIVATE KEY" in text:  # a block of several lines, not to be cut
        return redact(printable(text))
    parts = []
    start = 0
    while start < len(text):
        line_end = text.find("\n", start + _REDACTED_AT_ONCE)
        end = len(text) if line_end < 0 else line_end + 1
        parts.append(redact(printable(text[start:end])))
        start = end
        pause()
    return "".join(parts)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files and the folders in a folder, links left out."""
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(folder / entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(folder / entry.name)
    except OSError:
        pass  # gone meanwhile, or not ours to read
    return sorted(files), sorted(folders)
