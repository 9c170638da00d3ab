"""Sphinx's style: one reStructuredText field for each name."""

from typing import Final

from lsp_server.docstrings.content import Content, Entry, Section, SectionKind
from lsp_server.docstrings.styles.layout import Layout, filled, with_double_backticks

_FIELDS: Final = {
    SectionKind.PARAMETERS: "param",
    SectionKind.RETURNS: "returns",
    SectionKind.YIELDS: "yields",
    SectionKind.RAISES: "raises",
}


def body(content: Content, layout: Layout) -> list[str]:
    """Return the lines below the summary, not indented."""
    lines: list[str] = []
    fields: list[str] = []
    for section in content.sections:
        if section.kind is SectionKind.ATTRIBUTES:
            lines += section_lines(section, layout)
        else:
            fields += section_lines(section, layout)
    return [*lines, *(["", *fields] if fields else [])]


def entry_lines(kind: SectionKind, entry: Entry, layout: Layout) -> list[str]:
    """Return the lines of one entry."""
    text, unit = with_double_backticks(entry.text), layout.unit
    if kind is SectionKind.ATTRIBUTES:
        typed = [f"{unit}:type: {entry.type}"] if entry.type else []
        described = filled(text, unit, unit, layout.room)
        return ["", f".. attribute :: {entry.name}", *typed, "", *described]
    named = f" {entry.name.replace('*', chr(92) + '*')}" if entry.name else ""
    lines = filled(f":{_FIELDS[kind]}{named}: {text}", "", unit, layout.room)
    if layout.types and entry.type and kind is SectionKind.PARAMETERS:
        lines.append(f":type{named}: {entry.type}")
    elif layout.types and entry.type and kind is SectionKind.RETURNS:
        lines.append(f":rtype: {entry.type}")
    return lines


def section_lines(section: Section, layout: Layout) -> list[str]:
    """Return the fields of a section."""
    return [line for entry in section.entries for line in entry_lines(section.kind, entry, layout)]
