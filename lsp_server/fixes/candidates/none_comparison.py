"""A comparison with None by its value in place of its identity."""

import re
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind

_COMPARISON: Final = re.compile(r"([=!])=(\s*)None\b|\bNone(\s*)([=!])=")


def identity(site: Site) -> Iterator[Candidate]:
    """Yield `is` or `is not` for the comparisons on the line, the nearest first."""
    if site.kind is not Kind.NONE_COMPARISON:
        return
    line = site.lines[site.row]
    for found in _COMPARISON.finditer(line):
        sign = found[1] or found[4]
        word = "is" if sign == "=" else "is not"
        at = found.start() if found[1] else found.end() - 2
        away = abs(at - site.diagnostic.start.column) / 100
        before = "" if at and line[at - 1].isspace() else " "
        behind = "" if line[at + 2 : at + 3].isspace() else " "
        start, end = Point(site.row, at), Point(site.row, at + 2)
        yield site.replaced(f"Compare with `{word}`", start, end, f"{before}{word}{behind}", away)
