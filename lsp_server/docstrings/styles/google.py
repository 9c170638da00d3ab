"""Google's style: `Args:`, then an indented line for each name."""

from typing import Final

from lsp_server.docstrings.content import Content, Entry, Section, SectionKind
from lsp_server.docstrings.styles.layout import Layout, filled

HEADERS: Final = {
    SectionKind.ATTRIBUTES: "Attributes:",
    SectionKind.PARAMETERS: "Args:",
    SectionKind.RETURNS: "Returns:",
    SectionKind.YIELDS: "Yields:",
    SectionKind.RAISES: "Raises:",
}


def body(content: Content, layout: Layout) -> list[str]:
    """Return the lines below the summary, not indented."""
    lines: list[str] = []
    for section in content.sections:
        lines += ["", HEADERS[section.kind]]
        for entry in section.entries:
            lines += entry_lines(section.kind, entry, layout)
    return lines


def entry_lines(kind: SectionKind, entry: Entry, layout: Layout) -> list[str]:
    """Return the lines of one entry."""
    unit = layout.unit
    if kind in {SectionKind.RETURNS, SectionKind.YIELDS}:
        head = f"{entry.type}: " if layout.types and entry.type else ""
        # A colon would make what stands before it a type.
        return filled(entry.text, unit, unit, layout.room, head=head)
    typed = f" ({entry.type})" if layout.types and entry.type else ""
    return filled(entry.text, unit, unit + unit, layout.room, head=f"{entry.name}{typed}: ")


def section_lines(section: Section, layout: Layout) -> list[str]:
    """Return a section's header and entries."""
    lines = [HEADERS[section.kind]]
    for entry in section.entries:
        lines += entry_lines(section.kind, entry, layout)
    return lines
