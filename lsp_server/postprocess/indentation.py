"""Indentation of a suggestion: tabs or blanks as the file has them, no deeper than it may stand."""

import re
from math import gcd
from typing import Final

_BLANK: Final = " \t"
_COLUMNS: Final = 4  # of a level, where neither the suggestion nor the file tells
_CLEAR: Final = 10  # so many times more lines of one style than of the other are a file's style
_SAMPLE: Final = 64_000  # characters of the document to each side that are looked at
_LEAD: Final = re.compile(r"^(\t|  )[ \t]*(?=[^ \t\n])", re.MULTILINE)
_ENDED: Final = (";", "}")  # behind these a statement is over, and the next stands no deeper


def fit_indentation(text: str, prefix: str, suffix: str) -> str:
    """Return a suggestion whose lines are indented as those of the document.

    Lines indented by tabs in a document of blanks get blanks, and the other way round. A first line
    deeper than the statement that has ended above it moves left, see `moved_left`.

    Args:
        text: the suggestion.
        prefix: the document before the cursor.
        suffix: the document behind it.
    """
    above, _, line_before = prefix.rpartition("\n")
    first = 1 if line_before.strip(_BLANK) else 0  # the first line whose indentation is new
    lines = text.split("\n")
    if any(map(_lead, lines[first:])):
        before = prefix[-_SAMPLE:]
        style = indent_style(before + suffix[:_SAMPLE]) or indent_style(line_before + "x")
        unit = _unit(before.split("\n") if style == " " else lines[first:])
        lines[first:] = [_restyled(line, style, unit) for line in lines[first:]]
        text = "\n".join(lines)
    line_above = above.rstrip().rpartition("\n")[2]
    if line_above.endswith(_ENDED) and _columns(line_above) <= _columns(line_before):
        return moved_left(text, line_before)
    return text


def moved_left(text: str, line_before: str) -> str:
    """Return the text with its first line at the cursor, in an indentation that is there already.

    The lines that are as deep as the first or deeper move with it. A text that does not add to the
    indentation before the cursor is returned as it is.
    """
    first, *rest = text.split("\n")
    if not line_before or line_before.strip(_BLANK) or not _lead(first) or not first.strip(_BLANK):
        return text
    deep = _columns(line_before + first)
    moved = [first.lstrip(_BLANK)]
    for line in rest:
        columns = _columns(line)
        body = line.lstrip(_BLANK)
        tabs = _lead(line).startswith("\t")
        if body and columns >= deep:
            more = columns - deep
            step = "\t" * (more // _COLUMNS) if tabs else " " * more
            moved.append(line_before + step + body)
        else:
            moved.append(line)
    return "\n".join(moved)


def indent_style(text: str) -> str | None:
    r"""Return what the lines of a text are indented by, "\t" or " "; None if neither is clear.

    A single blank is alignment, as in the lines of a comment, and counts for nothing.
    """
    leads = [lead.group(1) for lead in _LEAD.finditer(text)]
    tabs = leads.count("\t")
    blanks = len(leads) - tabs
    if tabs > _CLEAR * blanks:
        return "\t"
    return " " if blanks > _CLEAR * tabs else None


def _restyled(line: str, style: str | None, unit: int) -> str:
    lead = _lead(line)
    columns = len(lead.expandtabs(unit))
    if style == " " and "\t" in lead:
        return " " * columns + line[len(lead) :]
    if style == "\t" and lead.startswith("  "):
        return "\t" * (columns // unit) + " " * (columns % unit) + line[len(lead) :]
    return line


def _unit(lines: list[str]) -> int:
    """Return by how many columns one level of these lines is indented."""
    step = 0
    for line in lines:
        lead = _lead(line)
        if len(lead) > 1 and "\t" not in lead:
            step = gcd(step, len(lead))
    return min(step, _COLUMNS) if step > 1 else _COLUMNS


def _columns(line: str) -> int:
    return len(_lead(line).expandtabs(_COLUMNS))


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip(_BLANK))]
