"""Names that a checker itself suggests in its message."""

import re
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.site import Site

_MOST_CHARACTERS: Final = 1000
# TypeScript, CPython, ruff, mypy, clang.
_SUGGESTION: Final = re.compile(
    r"(?:[Dd]id you mean|; maybe)(?: to write)?:? [\"'`\u2018]([^\W\d][\w.]*)[\"'`\u2019]"
)


def suggested_names(site: Site) -> Iterator[Candidate]:
    """Yield the renaming that the message asks about."""
    found = _SUGGESTION.search(site.diagnostic.message[:_MOST_CHARACTERS])
    start, wrong = site.word
    if found is not None and wrong and found[1] != wrong:
        end = Point(start.line, start.column + len(wrong))
        yield site.replaced(f"Rename to `{found[1]}`", start, end, found[1], 0.0)
