"""Writes a docstring, quotes and indentation included, in one of the styles."""

from types import ModuleType
from typing import Final

from lsp_server.docstrings.content import Content, Style
from lsp_server.docstrings.styles import google, numpy, sphinx
from lsp_server.docstrings.styles.layout import Layout, with_double_backticks

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
    lines: list[str] = STYLES[style].body(content, layout)
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
