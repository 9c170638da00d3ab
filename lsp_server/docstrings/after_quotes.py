"""The docstring that belongs behind opening quotes just typed, closed by the editor or not yet."""

import re
from dataclasses import dataclass
from typing import Final

from lsp_server.docstrings.drafting import DocstringError, Draft, draft
from lsp_server.docstrings.facts import FunctionFacts
from lsp_server.docstrings.habits import ProjectHabits
from lsp_server.docstrings.same_code import same_code
from lsp_server.document import Document, Point
from lsp_server.syntax.python_facts import read_facts

_TYPED: Final = re.compile(r"[ \t]+(?P<opening>[rR]?(?P<quotes>\"\"\"|'''))")


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterQuotes:
    """What to insert at the cursor."""

    text: str  # LF line ends
    absorbed: int  # code points behind the cursor that it takes the place of


def is_behind_quotes(document: Document, cursor: Point) -> bool:
    """Tell whether a docstring may have been opened here: quotes, and nothing else but their end.

    Args:
        document: the file.
        cursor: the place.
    """
    line = document.line(cursor.line)
    opened = _TYPED.fullmatch(line[: cursor.column])
    return opened is not None and line[cursor.column :].strip() in {"", opened["quotes"]}


def after_quotes(document: Document, cursor: Point, project: ProjectHabits) -> AfterQuotes | None:
    """Return the rest of the docstring whose opening quotes stand before the cursor.

    Args:
        document: the file; behind open quotes all of it is a string to a parser, so that they are
            taken out first.
        cursor: the place.
        project: what else is known of the project.

    Returns:
        None if the place is no docstring's, or the docstring would not be sound there.
    """
    line = document.line(cursor.line)
    opened = _TYPED.fullmatch(line[: cursor.column])
    if opened is None or not is_behind_quotes(document, cursor):
        return None
    without, _ = document.replace(
        Point(cursor.line, 0), Point(cursor.line, len(line)), "", document.version
    )
    drafted = _draft(without, cursor.line, project)
    if drafted is None:
        return None
    literal, opening = drafted.literal, opened["opening"]
    indent = line[: len(line) - len(line.lstrip())]
    if not literal.startswith(opening) or drafted.layout.indent != indent:
        return None
    if not same_code(without.text(), drafted.applied().text()):
        return None
    rest = line[cursor.column :]
    return AfterQuotes(
        text=literal.removeprefix(opening), absorbed=len(rest.rstrip()) if rest.strip() else 0
    )


def _draft(document: Document, line: int, project: ProjectHabits) -> Draft | None:
    """Return the docstring of the definition whose body begins at a line."""
    module = read_facts(document.text())
    if module is None:
        return None
    for facts in module.definitions:
        header = facts.span.header_end.line
        between = all(not document.line(row).strip() for row in range(header + 1, line))
        if header < line and between and facts.span.docstring is None:
            if isinstance(facts, FunctionFacts) and facts.span.body_is_inline:
                continue
            try:
                return draft(document, module, facts, project)
            except DocstringError:
                return None
    return None
