"""Where a docstring goes in its file, as a change that leaves the code as it is."""

from lsp_server.docstrings.facts import ClassFacts, Facts
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Change


def placed(document: Document, facts: Facts, indent: str, literal: str) -> Change:
    """Return the change that gives a definition a docstring, in place of the one that it has.

    Args:
        document: the file.
        facts: of the definition.
        indent: of the docstring.
        literal: the string, its first line not indented.
    """
    span = facts.span
    if span.docstring is not None:
        start, end = span.docstring
        return Change(start=start, end=end, text=literal)
    gap = "\n" if isinstance(facts, ClassFacts) else ""
    if span.body_is_inline:
        return Change(
            start=span.header_end, end=span.body, text=f"\n{indent}{literal}\n{gap}{indent}"
        )
    line = span.header_end.line
    after = Point(line, len(document.line(line)))
    if span.body == span.header_end:
        return Change(start=after, end=after, text=f"\n{indent}{literal}")
    # Blank lines below the header would stand between the docstring and the code.
    end = after
    while end.line + 1 < span.body.line and not document.line(end.line + 1).strip():
        end = Point(end.line + 1, len(document.line(end.line + 1)))
    return Change(start=after, end=end, text=f"\n{indent}{literal}{gap}")
