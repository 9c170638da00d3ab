"""Reads a docstring in any of the styles: which names it describes, and on which of its lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lsp_server.docstrings.content import SectionKind, Style

_KINDS: Final = {
    "args": SectionKind.PARAMETERS,
    "arguments": SectionKind.PARAMETERS,
    "parameters": SectionKind.PARAMETERS,
    "params": SectionKind.PARAMETERS,
    "keyword args": SectionKind.PARAMETERS,
    "keyword arguments": SectionKind.PARAMETERS,
    "other parameters": SectionKind.PARAMETERS,
    "attributes": SectionKind.ATTRIBUTES,
    "returns": SectionKind.RETURNS,
    "return": SectionKind.RETURNS,
    "yields": SectionKind.YIELDS,
    "yield": SectionKind.YIELDS,
    "raises": SectionKind.RAISES,
    "raise": SectionKind.RAISES,
}
_NUMPY_OTHERS: Final = frozenset(
    {"see also", "notes", "references", "examples", "warnings", "warns", "methods", "receives"}
)
_FIELD: Final = re.compile(
    r":(?P<field>param|parameter|arg|argument|key|keyword|kwarg|raises?|except|exception|returns?"
    r"|yields?|ivar|cvar|var)\b(?P<named>[^:\n]*):"
)
_FIELD_KINDS: Final = {
    "raise": SectionKind.RAISES,
    "raises": SectionKind.RAISES,
    "except": SectionKind.RAISES,
    "exception": SectionKind.RAISES,
    "return": SectionKind.RETURNS,
    "returns": SectionKind.RETURNS,
    "yield": SectionKind.YIELDS,
    "yields": SectionKind.YIELDS,
    "ivar": SectionKind.ATTRIBUTES,
    "cvar": SectionKind.ATTRIBUTES,
    "var": SectionKind.ATTRIBUTES,
}
_TYPE_FIELD: Final = re.compile(r":type[ \t]+(?P<name>\\?\*{0,2}[\w.]+|\\\*\\\*\w+):")
_ATTRIBUTE: Final = re.compile(r"\.\. attribute ?:: *(?P<name>[\w.]+)")
_NAME: Final = r"(?:\\?\*){0,2}[^\W\d][\w.]*"
_GOOGLE_ENTRY: Final = re.compile(
    rf"(?P<names>`{{0,2}}{_NAME}`{{0,2}}(?:[ \t]*[,/][ \t]*`{{0,2}}{_NAME}`{{0,2}})*)"
    r"[ \t]*(?P<type>\((?:[^()]|\([^()]*\))*\))?[ \t]*:(?=\s|$)"
)
_NUMPY_ENTRY: Final = re.compile(
    rf"(?P<names>`{{0,2}}{_NAME}`{{0,2}}(?:[ \t]*,[ \t]*`{{0,2}}{_NAME}`{{0,2}})*)"
    r"[ \t]*(?::[ \t]*(?P<type>.*))?$"
)
_ONE_NAME: Final = re.compile(_NAME)
_OPENING: Final = re.compile(r"[rRuU]?(?:\"\"\"|'''|\"|')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name that an entry describes, with the columns of its first line where it stands."""

    text: str  # with its stars, without backslashes
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEntry:
    """One entry; lines count from that of the opening quotes, half-open."""

    kind: SectionKind
    names: tuple[Name, ...]  # empty for what is returned or yielded
    first: int
    end: int
    is_type: bool = False  # Sphinx: a field that only tells the type


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSection:
    """One section; its header's line is the first."""

    kind: SectionKind
    first: int
    end: int  # behind its last line that is not blank


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDocstring:
    """What was found."""

    style: Style | None  # None: it has no section
    entries: tuple[ReadEntry, ...]
    sections: tuple[ReadSection, ...]
    base: str  # indentation of its lines

    def named(self, kind: SectionKind) -> list[str]:
        """Return the names that entries of a kind describe, in order, each as often as it does."""
        return [
            name.text
            for entry in self.entries
            if entry.kind is kind and not entry.is_type
            for name in entry.names
        ]

    def has(self, kind: SectionKind) -> int:
        """Return how many sections (Sphinx: fields) of a kind there are."""
        return sum(section.kind is kind for section in self.sections)


def read_docstring(literal: str) -> ReadDocstring:
    """Read a docstring.

    Args:
        literal: its source, quotes included; LF line ends; all lines but the first indented as in
            the file.
    """
    lines = _without_quotes(literal)
    base = _base(lines[1:])
    for style, read in (
        (Style.NUMPY, _read_numpy),
        (Style.SPHINX, _read_sphinx),
        (Style.GOOGLE, _read_google),
    ):
        entries, sections = read(lines, base)
        if sections:
            return ReadDocstring(
                style=style, entries=tuple(entries), sections=tuple(sections), base=base
            )
    return ReadDocstring(style=None, entries=(), sections=(), base=base)


def _without_quotes(literal: str) -> list[str]:
    """Return the lines, blanks in place of the quotes so that columns stay."""
    opening = _OPENING.match(literal)
    start = opening.end() if opening else 0
    size = 3 if literal[:start].endswith(('"""', "'''")) else 1
    text = " " * start + literal[start : len(literal) - size]
    return text.split("\n")


def _base(lines: Sequence[str]) -> str:
    leading = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    return min(leading, key=len, default="")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _names(match: re.Match[str], group: str = "names") -> tuple[Name, ...]:
    start = match.start(group)
    return tuple(
        Name(text=one[0].replace("\\", ""), start=start + one.start(), end=start + one.end())
        for one in _ONE_NAME.finditer(match[group])
    )


def _read_google(lines: list[str], base: str) -> tuple[list[ReadEntry], list[ReadSection]]:
    entries: list[ReadEntry] = []
    sections: list[ReadSection] = []
    row = 0
    while row < len(lines):
        header = lines[row].strip()
        kind = _KINDS.get(header.removesuffix(":").lower()) if header.endswith(":") else None
        depth = _indent(lines[row]) if row else len(base)
        if kind is None:
            row += 1
            continue
        end = row + 1
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > depth):
            end += 1
        end = _trimmed(lines, row, end)
        if end > row + 1:
            sections.append(ReadSection(kind=kind, first=row, end=end))
            entries += _google_entries(lines, kind, row + 1, end)
        row = max(end, row + 1)
    return entries, sections


def _google_entries(
    lines: list[str], kind: SectionKind, first: int, end: int
) -> Iterator[ReadEntry]:
    if kind in {SectionKind.RETURNS, SectionKind.YIELDS}:
        yield ReadEntry(kind=kind, names=(), first=first, end=end)
        return
    filled = [row for row in range(first, end) if lines[row].strip()]
    depth = _indent(lines[filled[0]]) if filled else 0
    starts = []
    for row in filled:
        match = _GOOGLE_ENTRY.match(lines[row], _indent(lines[row]))
        if _indent(lines[row]) == depth and match is not None:
            starts.append((row, _names(match)))
    for index, (row, names) in enumerate(starts):
        last = starts[index + 1][0] if index + 1 < len(starts) else end
        yield ReadEntry(kind=kind, names=names, first=row, end=_trimmed(lines, row, last))


def _read_numpy(lines: list[str], base: str) -> tuple[list[ReadEntry], list[ReadSection]]:
    headers = [
        row
        for row in range(len(lines) - 1)
        if lines[row].strip()
        and re.fullmatch(r"-{3,}|={3,}", lines[row + 1].strip())
        and lines[row].strip().lower() in {*_KINDS, *_NUMPY_OTHERS}
    ]
    entries: list[ReadEntry] = []
    sections: list[ReadSection] = []
    for index, row in enumerate(headers):
        kind = _KINDS.get(lines[row].strip().lower())
        if kind is None:
            continue
        end = headers[index + 1] if index + 1 < len(headers) else len(lines)
        end = _trimmed(lines, row + 1, end)
        sections.append(ReadSection(kind=kind, first=row, end=end))
        entries += _numpy_entries(
            lines, kind, row + 2, end, _indent(lines[row]) if row else len(base)
        )
    return entries, sections


def _numpy_entries(
    lines: list[str], kind: SectionKind, first: int, end: int, depth: int
) -> Iterator[ReadEntry]:
    if kind in {SectionKind.RETURNS, SectionKind.YIELDS}:
        yield ReadEntry(kind=kind, names=(), first=first, end=end)
        return
    starts = []
    for row in range(first, end):
        match = _NUMPY_ENTRY.match(lines[row].rstrip(), _indent(lines[row]))
        if lines[row].strip() and _indent(lines[row]) == depth and match is not None:
            starts.append((row, _names(match)))
    for index, (row, names) in enumerate(starts):
        last = starts[index + 1][0] if index + 1 < len(starts) else end
        yield ReadEntry(kind=kind, names=names, first=row, end=_trimmed(lines, row, last))


def _read_sphinx(lines: list[str], _: str) -> tuple[list[ReadEntry], list[ReadSection]]:
    entries: list[ReadEntry] = []
    sections: list[ReadSection] = []
    for row, line in enumerate(lines):
        at = _indent(line)
        kind: SectionKind | None = None
        names: tuple[Name, ...] = ()
        is_type = False
        if (match := _FIELD.match(line, at)) is not None:
            kind = _FIELD_KINDS.get(match["field"], SectionKind.PARAMETERS)
            names = _field_names(match, kind)
        elif (match := _TYPE_FIELD.match(line, at)) is not None:
            kind, is_type = SectionKind.PARAMETERS, True
            names = _names(match, "name")
        elif (match := _ATTRIBUTE.match(line, at)) is not None:
            kind, names = SectionKind.ATTRIBUTES, _names(match, "name")
        if kind is None:
            continue
        end = row + 1
        while end < len(lines) and _goes_on(lines, end, at, kind):
            end += 1
        end = _trimmed(lines, row, end)
        entries.append(ReadEntry(kind=kind, names=names, first=row, end=end, is_type=is_type))
        if not is_type:
            sections.append(ReadSection(kind=kind, first=row, end=end))
    return entries, sections


def _field_names(match: re.Match[str], kind: SectionKind) -> tuple[Name, ...]:
    """Return the names of a field: the last word of a parameter's, each of an exception's."""
    if kind in {SectionKind.RETURNS, SectionKind.YIELDS}:
        return ()
    names = _names(match, "named")
    return names if kind is SectionKind.RAISES else names[-1:]


def _goes_on(lines: list[str], row: int, depth: int, kind: SectionKind) -> bool:
    line = lines[row]
    if not line.strip():
        return (
            row + 1 < len(lines)
            and _indent(lines[row + 1]) > depth
            and bool(lines[row + 1].strip())
        )
    if _indent(line) > depth:
        return True
    if kind is SectionKind.ATTRIBUTES:
        return False
    # Many write continuation lines at the margin.
    return not line.lstrip().startswith((":", "..")) and bool(lines[row - 1].strip())


def _trimmed(lines: list[str], first: int, end: int) -> int:
    while end > first + 1 and not lines[end - 1].strip():
        end -= 1
    return end
