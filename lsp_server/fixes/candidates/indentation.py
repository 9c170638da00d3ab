"""A line that stands at a depth where it cannot stand: the depths of the lines around it."""

from collections.abc import Iterator, Sequence
from typing import Final

from lsp_server.fixes.candidates.line_repairs import Repair
from lsp_server.fixes.candidates.tokens import tokens

_REACH: Final = 40  # lines above that may have opened a block
_EXPECTED, _BELOW, _ABOVE, _ANY = 0.1, 0.5, 0.8, 2.0
_DEFAULT: Final = "    "


def reindented(lines: Sequence[str], row: int) -> Iterator[Repair]:
    """Yield a line at other depths, the likeliest first."""
    line = lines[row]
    body = line.lstrip(" \t")
    if not body:
        return
    costs: dict[str, float] = {}
    for indent, cost in _depths(lines, row):
        costs[indent] = min(cost, costs.get(indent, cost))
    for indent, cost in costs.items():
        if indent + body != line:
            yield Repair(cost, "Correct the indentation", indent + body)


def _depths(lines: Sequence[str], row: int) -> Iterator[tuple[str, float]]:
    """Yield where a line may begin, with costs."""
    above, below = _neighbour(lines, row, -1), _neighbour(lines, row, 1)
    unit = _unit(lines)
    if above is not None:
        indent = _indent(lines[above])
        if _opens(lines[above]):
            yield indent + unit, _EXPECTED
        else:
            yield indent, _ABOVE
            yield indent + unit, _ANY
        yield indent.removesuffix(unit), _ANY
    if below is not None:
        yield _indent(lines[below]), _BELOW
        if _opens(lines[row]):
            yield _indent(lines[below]).removesuffix(unit), _EXPECTED
    for number in range(row - 1, max(-1, row - _REACH), -1):
        if lines[number].strip():
            yield _indent(lines[number]), _ANY
    yield "", _ANY


def _opens(line: str) -> bool:
    parts = tokens(line)
    return bool(parts) and parts[-1].text == ":"


def _neighbour(lines: Sequence[str], row: int, step: int) -> int | None:
    row += step
    while 0 <= row < len(lines):
        if lines[row].strip() and not lines[row].lstrip().startswith("#"):
            return row
        row += step
    return None


def _unit(lines: Sequence[str]) -> str:
    indents = [_indent(line) for line in lines if line[:1] in {" ", "\t"} and line.strip()]
    if any("\t" in indent for indent in indents):
        return "\t"
    narrow = [len(indent) for indent in indents]
    twos = sum(width % 4 == 2 for width in narrow)  # noqa: PLR2004
    return "  " if 4 * twos > len(narrow) else _DEFAULT


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
