"""Writes a docstring, quotes and indentation included, in one of the styles."""

from dataclasses import replace
from types import ModuleType
from typing import Final

from lsp_server.docstrings.content import Content, Entry, Style
from lsp_server.docstrings.styles import google, numpy, sphinx
from lsp_server.docstrings.styles.layout import Layout, with_double_backticks

_MARK: Final = "\0"  # stands where a description will

STYLES: Final[dict[Style, ModuleType]] = {
    Style.GOOGLE: google,
    Style.NUMPY: numpy,
    Style.SPHINX: sphinx,
}


def write(content: Content, style: Style, layout: Layout) -> str:
    """Return the string literal; its first line is not indented, the others are, LF line ends."""
    summary = content.summary
    if style is not Style.GOOGLE:
        summary = with_double_backticks(summary)
    lines: list[str] = body_of(content, style, layout)
    text = "\n".join([summary, *lines])
    quotes = layout.quotes
    opening = ("r" if "\\" in text else "") + quotes
    if not lines:
        # A quote before the closing ones would be read as one of them.
        space = " " if summary.endswith(quotes[0]) else ""
        return f"{opening}{summary}{space}{quotes}"
    first = [opening + summary] if layout.summary_first else [opening, layout.indent + summary]
    rest = [layout.indent + line if line else "" for line in [*lines, quotes]]
    return "\n".join([*first, *rest])


def body_of(content: Content, style: Style, layout: Layout) -> list[str]:
    """Return the lines below the summary, not indented."""
    lines: list[str] = STYLES[style].body(content, layout)
    return lines


def upto_slot(
    style: Style, layout: Layout, content: Content | None = None, entry: Entry | None = None
) -> str:
    """Return a docstring up to the place of a description; its first line is not indented.

    Args:
        style: of the docstring.
        layout: of the docstring.
        content: what is written so far, ending in the section of the entry; None for the summary.
        entry: what is to be described, None for the summary.
    """
    if content is None or entry is None:
        below = "" if layout.summary_first else f"\n{layout.indent}"
        return layout.quotes + below
    *others, last = content.sections
    blank = replace(entry, text=_MARK)
    section = replace(last, entries=(*last.entries, blank))
    whole = write(replace(content, sections=(*others, section)), style, layout)
    return whole.partition(_MARK)[0].rstrip(" ")
