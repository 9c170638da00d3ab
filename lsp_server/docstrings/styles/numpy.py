"""numpy's style: an underlined header, then each name with its type above its description."""

from typing import Final

from lsp_server.docstrings.content import Content, Entry, Section, SectionKind
from lsp_server.docstrings.styles.layout import Layout, filled, with_double_backticks

HEADERS: Final = {
    SectionKind.ATTRIBUTES: "Attributes",
    SectionKind.PARAMETERS: "Parameters",
    SectionKind.RETURNS: "Returns",
    SectionKind.YIELDS: "Yields",
    SectionKind.RAISES: "Raises",
}


def body(content: Content, layout: Layout) -> list[str]:
    """Return the lines below the summary, not indented."""
    lines: list[str] = []
    for section in content.sections:
        lines += ["", *section_lines(section, layout)]
    return lines


def entry_lines(kind: SectionKind, entry: Entry, layout: Layout) -> list[str]:
    """Return the lines of one entry."""
    if kind in {SectionKind.RETURNS, SectionKind.YIELDS}:
        head = entry.type
    else:
        head = f"{entry.name} : {entry.type}" if entry.type else entry.name
    return [head, *filled(with_double_backticks(entry.text), layout.unit, layout.unit, layout.room)]


def section_lines(section: Section, layout: Layout) -> list[str]:
    """Return a section's header and entries."""
    header = HEADERS[section.kind]
    lines = [header, "-" * len(header)]
    for entry in section.entries:
        lines += entry_lines(section.kind, entry, layout)
    return lines
