"""A Python text that does not parse: the small repairs with which it does."""

import ast
import builtins
import keyword
import re
from collections.abc import Iterator, Sequence
from typing import Final

from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.indentation import reindented
from lsp_server.fixes.candidates.line_repairs import Repair, repairs
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.candidates.tokens import CLOSERS, OPENERS, tokens
from lsp_server.fixes.kinds import Kind
from lsp_server.syntax.silence import silenced

_MOST_PARSED: Final = 160
_MOST_PARSED_WHOLE: Final = 60
_MOST_LINES: Final = 600  # of what is parsed for each repair
_AWAY: Final = 0.7  # for each line between the complaint and the repair
_MOST_ROWS: Final = 6
_ABOUT_INDENTATION: Final = "ndent"  # "Indentation", "unindent", "indented"
_NOT_ABOUT_INDENTATION: Final = 2.5
_NOT_ABOUT_CODE: Final = 1.0
_WORD: Final = re.compile(r"[^\W\d]\w*")
_CONTINUES: Final = ("else", "elif", "except", "finally", *CLOSERS)


def syntax_repairs(site: Site) -> Iterator[Candidate]:
    """Yield the repairs of single lines after which the statement and its surroundings parse."""
    if not site.is_python or site.tree is not None:
        return
    if site.kind is not None and site.kind is not Kind.SYNTAX:
        return
    tries = _tries(site)
    if not tries:
        return
    first, last = _part(site.lines, min(row for _, row, _ in tries), site.row)
    found = False
    for cost, row, repair in tries:
        if _parses([*site.lines[first:row], repair.text, *site.lines[row + 1 : last]]):
            found = True
            yield site.line_replaced(repair.title, row, repair.text, cost)
    if found:
        return
    # The part began or ended inside a string, or there is one more fault.
    for cost, row, repair in tries[:_MOST_PARSED_WHOLE]:
        if _parses([*site.lines[:row], repair.text, *site.lines[row + 1 :]]):
            yield site.line_replaced(repair.title, row, repair.text, cost)


def _tries(site: Site) -> list[tuple[float, int, Repair]]:
    """Return the repairs of the lines that may be at fault, the likeliest first, each once."""
    words = {*_WORD.findall(site.document.text()), *dir(builtins), *keyword.kwlist}
    if _ABOUT_INDENTATION in site.diagnostic.message:
        of_code, of_depth = _NOT_ABOUT_CODE, 0.0
    else:
        of_code, of_depth = 0.0, _NOT_ABOUT_INDENTATION
    best: dict[tuple[int, str], tuple[float, int, Repair]] = {}
    for rank, row in enumerate(_rows(site)):
        costs = [(of_code, one) for one in repairs(site.lines[row], words)]
        costs += [(of_depth, one) for one in reindented(site.lines, row)]
        for extra, repair in costs:
            one = rank * _AWAY + extra + repair.cost, row, repair
            key = row, repair.text
            best[key] = min(one, best.get(key, one))
    return sorted(best.values())[:_MOST_PARSED]


def _rows(site: Site) -> list[int]:
    """Return the lines that may be at fault, the likeliest first."""
    lines = site.lines
    found = [site.row]
    above = site.row - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    if above >= 0:
        found.append(above)
        found += [row for row in _opened_by(lines, above) if row not in found]
    found += [row for row in _open_rows(lines, site.row) if row not in found]
    below = site.row + 1
    if (
        below < len(lines)
        and lines[below].strip()
        and _ABOUT_INDENTATION in site.diagnostic.message
    ):
        found.append(below)
    return [row for row in found if lines[row].strip()][:_MOST_ROWS]


def _opened_by(lines: Sequence[str], row: int) -> list[int]:
    """Return the line where a bracket opens that a line closes, if it is another one."""
    open_before = _open_rows(lines, row)
    open_behind = _open_rows(lines, row + 1)
    return [one for one in open_before if one not in open_behind][-1:]


def _open_rows(lines: Sequence[str], row: int) -> list[int]:
    """Return the lines above whose brackets are still open at a line, the nearest first."""
    first, _ = _part(lines, row, row)
    stack: list[tuple[str, int]] = []
    for number in range(first, row):
        for token in tokens(lines[number]):
            if token.text in OPENERS:
                stack.append((token.text, number))
            elif token.text in CLOSERS and stack and stack[-1][0] == CLOSERS[token.text]:
                stack.pop()
    return list(dict.fromkeys(number for _, number in reversed(stack)))


def _part(lines: Sequence[str], row: int, complaint: int) -> tuple[int, int]:
    """Return the lines from the statement at the left margin above to the one behind.

    A line that is at fault may itself have slipped to the margin, so the statement before it
    counts too.
    """
    first = row
    for _ in range(2):
        first = max(0, first - 1)
        while first > 0 and not _begins(lines[first]):
            first -= 1
    while first > 0 and lines[first - 1].startswith("@"):
        first -= 1
    last = complaint + 1
    for _ in range(2):
        last += 1
        while last < len(lines) and not _begins(lines[last]):
            last += 1
    return first, min(last, len(lines), first + _MOST_LINES)


def _begins(line: str) -> bool:
    return bool(line[:1].strip()) and line[0] != "#" and not line.startswith(_CONTINUES)


def _parses(lines: Sequence[str]) -> bool:
    with silenced():
        try:
            ast.parse("\n".join(lines) + "\n")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return False
    return True
