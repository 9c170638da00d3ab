"""Writes the comment of a function in the dialect of its language."""

import re
from typing import Final

from lsp_server.docstrings.comments.dialect import CommentLayout, Dialect
from lsp_server.docstrings.content import Content, Entry, SectionKind
from lsp_server.docstrings.styles.layout import filled

_CODE: Final = re.compile(r"`([^`]*)`")
_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})
_RUST_HEADERS: Final = {SectionKind.PARAMETERS: "# Arguments", SectionKind.RETURNS: "# Returns"}
_TAGS: Final = {
    SectionKind.PARAMETERS: "param",
    SectionKind.RETURNS: "returns",
    SectionKind.YIELDS: "yields",
    SectionKind.RAISES: "throws",
}


def write_comment(content: Content, dialect: Dialect, layout: CommentLayout) -> str:
    """Return the comment without the indentation of its first line and without a last line end."""
    if dialect is Dialect.RUSTDOC:
        lines = _rust(content, layout)
    elif dialect is Dialect.GODOC:
        lines = _go(content, layout)
    else:
        lines = _tagged(content, dialect, layout)
    if layout.is_block:
        framed = [layout.opening, *(f" * {line}".rstrip() for line in lines), " */"]
    else:
        framed = [f"{layout.opening} {line}".rstrip() for line in lines]
    return f"\n{layout.indent}".join(framed)


def _rust(content: Content, layout: CommentLayout) -> list[str]:
    lines = filled(content.summary, "", "", layout.room)
    for section in content.sections:
        lines += ["", _RUST_HEADERS[section.kind], ""]
        for entry in section.entries:
            if entry.name:
                lines += filled(f"`{entry.name}` - {entry.text}", "* ", "  ", layout.room)
            else:
                lines += filled(entry.text, "", "", layout.room)
    return lines


def _go(content: Content, layout: CommentLayout) -> list[str]:
    lines = filled(content.summary, "", "", layout.room)
    for section in content.sections:
        if section.kind is SectionKind.PARAMETERS:
            lines += ["", "Parameters:"]
            for entry in section.entries:
                # As gofmt sets lists.
                lines += filled(f"{entry.name}: {entry.text}", "  - ", "    ", layout.room)
        else:
            lines += ["", *filled(f"Returns: {section.entries[0].text}", "", "", layout.room)]
    return lines


def _tagged(content: Content, dialect: Dialect, layout: CommentLayout) -> list[str]:
    summary = _marked(content.summary, dialect)
    if dialect is Dialect.DOXYGEN:
        summary = f"{layout.sign}brief {summary}"
    lines = filled(summary, "", "", layout.room)
    lines += [""] if content.sections else []
    for section in content.sections:
        for entry in section.entries:
            lines += filled(_tag(section.kind, entry, dialect, layout), "", "  ", layout.room)
    return lines


def _tag(kind: SectionKind, entry: Entry, dialect: Dialect, layout: CommentLayout) -> str:
    tag = _TAGS[kind]
    if kind is SectionKind.RETURNS and dialect in {Dialect.JAVADOC, Dialect.DOXYGEN}:
        tag = "return"
    parts = [f"{layout.sign}{tag}"]
    if entry.type and dialect is Dialect.JSDOC:
        parts.append(f"{{{entry.type}}}")
    if entry.name:
        parts.append(entry.name)
        if dialect in {Dialect.JSDOC, Dialect.TSDOC} and kind is SectionKind.PARAMETERS:
            parts.append("-")
    return " ".join([*parts, _marked(entry.text, dialect)])


def _marked(text: str, dialect: Dialect) -> str:
    """Return a text whose code is marked as the dialect does."""
    return _CODE.sub(_java_code, text) if dialect is Dialect.JAVADOC else text


def _java_code(found: re.Match[str]) -> str:
    """Return code for Javadoc, whose inline tags end at the brace that closes them."""
    depth = 0
    for sign in found[1]:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            break
    return f"<code>{found[1].translate(_HTML)}</code>" if depth else f"{{@code {found[1]}}}"
