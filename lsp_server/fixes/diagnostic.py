"""A complaint about a place in a document, whoever made it."""

from dataclasses import dataclass
from typing import Final

from lsp_server.document import Point

ERROR: Final = 1
"""LSP's `DiagnosticSeverity.Error`."""
WARNING: Final = 2
"""LSP's `DiagnosticSeverity.Warning`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What a checker says of a range; the range's end is the first point behind it."""

    start: Point
    end: Point
    code: str = ""  # the checker's name of the rule, such as "F821"; empty where it has none
    message: str
    source: str  # who says so: "ruff", "Pyright", "mixline", ...
    severity: int = ERROR  # LSP's: 1 error, 2 warning, 3 information, 4 hint
