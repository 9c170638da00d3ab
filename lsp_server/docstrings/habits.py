"""Which style and layout a file's own docstrings have, and how to set a new one like them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lsp_server.docstrings.content import Style
from lsp_server.docstrings.facts import Facts, ModuleFacts
from lsp_server.docstrings.styles.layout import Layout
from lsp_server.document import Document, Point

DEFAULT_WIDTH: Final = 88  # ruff's and black's
_DEFAULT_UNIT: Final = "    "
_ENOUGH: Final = 2  # docstrings that make a habit
_EVIDENCE: Final = {
    Style.GOOGLE: re.compile(
        r"^[ \t]*(?:Args|Arguments|Returns|Raises|Yields|Attributes):[ \t]*$", re.MULTILINE
    ),
    Style.NUMPY: re.compile(
        r"^[ \t]*(?:Parameters|Returns|Raises|Yields|Attributes)[ \t]*\n[ \t]*-{3,}[ \t]*$",
        re.MULTILINE,
    ),
    Style.SPHINX: re.compile(
        r"^[ \t]*:(?:param|type|returns?|rtype|raises?|yields?)\b[^:\n]*:", re.MULTILINE
    ),
}
_TYPED_GOOGLE: Final = re.compile(r"^[ \t]+\*{0,2}\w+ \([^)\n]+\): ", re.MULTILINE)
_PLAIN_GOOGLE: Final = re.compile(r"^[ \t]+\*{0,2}\w+: ", re.MULTILINE)
_TYPED_SPHINX: Final = re.compile(r"^[ \t]*:(?:type|rtype)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectHabits:
    """What a project's configuration and other files say."""

    convention: Style | None = None  # configured
    width: int | None = None  # configured
    style: Style | None = None  # of most other files


def docstrings_of(document: Document, facts: ModuleFacts) -> list[str]:
    """Return the source of each docstring of a file, quotes included, LF line ends."""
    return [
        text_between(document, *one.span.docstring)
        for one in facts.definitions
        if one.span.docstring is not None
    ]


def text_between(document: Document, start: Point, end: Point) -> str:
    """Return what stands between two points of a document, LF line ends."""
    if start.line == end.line:
        return document.line(start.line)[start.column : end.column]
    middle = [document.line(number) for number in range(start.line + 1, end.line)]
    first = document.line(start.line)[start.column :]
    return "\n".join([first, *middle, document.line(end.line)[: end.column]])


def count_styles(docstrings: Iterable[str]) -> Counter[Style]:
    """Count the docstrings that show each style."""
    counts: Counter[Style] = Counter()
    for docstring in docstrings:
        shown = [style for style, evidence in _EVIDENCE.items() if evidence.search(docstring)]
        if len(shown) == 1:
            counts[shown[0]] += 1
    return counts


def choose_style(docstrings: list[str], project: ProjectHabits) -> Style:
    """Return the style for a new docstring: configured, else of the file, of the project, Google's.

    Args:
        docstrings: of the file.
        project: what is known of the rest.
    """
    if project.convention is not None:
        return project.convention
    most = count_styles(docstrings).most_common(1)
    return most[0][0] if most else project.style or Style.GOOGLE


def choose_layout(
    document: Document, facts: Facts, docstrings: list[str], project: ProjectHabits, style: Style
) -> Layout:
    """Return how a docstring of a definition is set in its file."""
    unit = _unit(document)
    span = facts.span
    if span.docstring is not None:
        indent = _leading(document.line(span.docstring[0].line))
    elif span.body_is_inline or span.body == span.header_end:
        indent = _leading(document.line(span.start.line)) + unit
    else:
        indent = _leading(document.line(span.body.line))
    return Layout(
        indent=indent,
        unit=unit,
        width=project.width or DEFAULT_WIDTH,
        quotes=_quotes(docstrings),
        types=_has_types(docstrings, style),
        summary_first=style is Style.GOOGLE or _summary_first(docstrings),
    )


def _leading(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(document: Document) -> str:
    """Return one step of indentation, by the steps between lines that follow each other."""
    steps: Counter[str] = Counter()
    before = ""
    for line in document.lines:
        if not line.strip():
            continue
        leading = _leading(line)
        if leading.startswith(before) and len(leading) > len(before):
            steps[leading.removeprefix(before)] += 1
        before = leading
    for step, _ in steps.most_common():
        if step == "\t" or step in {"  ", "   ", "    ", "        "}:
            return step
    return _DEFAULT_UNIT


def _quotes(docstrings: list[str]) -> str:
    single = sum(one.lstrip("rRuU").startswith("'''") for one in docstrings)
    double = sum(one.lstrip("rRuU").startswith('"""') for one in docstrings)
    return "'''" if single > double and single >= _ENOUGH else '"""'


def _has_types(docstrings: list[str], style: Style) -> bool:
    text = "\n".join(docstrings)
    if style is Style.GOOGLE:
        typed = len(_TYPED_GOOGLE.findall(text))
        return typed >= _ENOUGH and typed > len(_PLAIN_GOOGLE.findall(text))
    return style is Style.SPHINX and len(_TYPED_SPHINX.findall(text)) >= _ENOUGH


def _summary_first(docstrings: list[str]) -> bool:
    several = [one.lstrip("rRuU")[3:] for one in docstrings if "\n" in one]
    below = sum(one.lstrip(" \t").startswith("\n") for one in several)
    return not (below >= _ENOUGH and 2 * below > len(several))
