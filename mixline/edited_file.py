"""A file before and after an edit: shown as a diff, or written."""

import difflib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mixline.usage import UsageError

if TYPE_CHECKING:
    from lsp_server.document import Document


def difference(file: Path, before: "Document", after: "Document") -> str:
    """Return a unified diff; empty if nothing has changed."""
    lines = difflib.unified_diff(
        before.text().splitlines(keepends=True),
        after.text().splitlines(keepends=True),
        str(file),
        str(file),
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def write_document(file: Path, document: "Document") -> None:
    """Replace a file at once, so that an interrupt leaves it whole.

    Raises:
        UsageError: the file cannot be written.
    """
    data = "".join(document.lines).encode("utf-8")
    target = file.resolve()
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as made:
            made.write(data)
        Path(made.name).chmod(target.stat().st_mode)
        Path(made.name).replace(target)
    except OSError as error:
        raise UsageError(
            f"expected a file that can be written, got {str(file)!r}: {error.strerror}"
        ) from error
