"""Descriptions of which nobody is sure, left as placeholders of a snippet for the user to fill."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lsp_server.docstrings.content import Content, SectionKind
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Change

# Private use: they mark the ends of a description while the lines are laid out.
_OPEN: Final = "\ue000"
_CLOSE: Final = "\ue001"
_MARKED: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")
_SPECIAL: Final = re.compile(r"[\\$}]")  # of LSP's snippet syntax
_LINE_SIGNS: Final = frozenset({"*", "///", "//!", "//"})
_CERTAIN: Final = frozenset({SectionKind.RAISES})  # what an exception needs is read off the code


def snippet_change(
    document: Document, content: Content, plain: Content, render: Callable[[Content], Change]
) -> Change | None:
    """Return the change as a snippet, whose placeholders are the phrases that the code alone gave.

    Args:
        document: the file.
        content: what is to be shown.
        plain: of plain phrases only; what is the same in both is nobody's own word.
        render: lays a content out.

    Returns:
        None where there is no placeholder, or the place is none for a snippet: an editor indents
        its lines like the line where it begins, so it must begin at the margin.
    """
    marked, shown = render(_with_marks(content, plain)), render(content)
    if _words(_MARKED.sub(r"\1", marked.text)) != _words(shown.text):
        return None  # the file has such characters itself
    placed = _at_margin(document, marked)
    if placed is None or not _MARKED.search(placed.text):
        return None
    number = 0

    def placeholder(found: re.Match[str]) -> str:
        nonlocal number
        number += 1
        return f"${{{number}:{found[1]}}}"

    escaped = _SPECIAL.sub(lambda sign: f"\\{sign[0]}", placed.text)
    return replace(placed, text=f"{_MARKED.sub(placeholder, escaped)}$0")


def _with_marks(content: Content, plain: Content) -> Content:
    known = {
        (section.kind, entry.name): entry.text
        for section in plain.sections
        for entry in section.entries
    }
    return Content(
        summary=_marked_if(content.summary, plain.summary),
        sections=tuple(
            replace(
                section,
                entries=tuple(
                    replace(entry, text=_marked_if(entry.text, known[section.kind, entry.name]))
                    for entry in section.entries
                ),
            )
            if section.kind not in _CERTAIN
            else section
            for section in content.sections
        ),
    )


def _marked_if(text: str, plain: str) -> str:
    return f"{_OPEN}{text}{_CLOSE}" if text == plain else text


def _words(text: str) -> list[str]:
    return [word for word in text.split() if word not in _LINE_SIGNS]


def _at_margin(document: Document, change: Change) -> Change | None:
    """Return the same change with whole lines in place of whole lines."""
    start, end, text = change.start, change.end, change.text
    at_end = start.column == len(document.line(start.line))
    if text.startswith("\n") and at_end and end.column == len(document.line(end.line)):
        if end.line + 1 >= len(document.lines):
            return None
        first, last = Point(start.line + 1, 0), Point(end.line + 1, 0)
        return Change(start=first, end=last, text=f"{text[1:]}\n")
    before = document.line(start.line)[: start.column]
    if start == end and not before.strip():
        return Change(start=Point(start.line, 0), end=end, text=before + text)
    return None
