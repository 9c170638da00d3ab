"""Places in texts, written with a `|` where the cursor stands."""

from collections.abc import Callable

import pytest

from lsp_server.document import Document, Point
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees

GuardAt = Callable[[str, str], SyntaxGuard]


@pytest.fixture
def guard_at() -> GuardAt:
    """Return the guard of the place that a `|` marks in a text, given language and text."""

    def make(language: str, marked: str) -> SyntaxGuard:
        head, tail = marked.split("|")
        document = Document.of_text(uri="file:///a", version=1, language=language, text=head + tail)
        cursor = Point(head.count("\n"), len(head) - (head.rfind("\n") + 1))
        return SyntaxGuard(SyntaxTrees(), document, cursor, "")

    return make
