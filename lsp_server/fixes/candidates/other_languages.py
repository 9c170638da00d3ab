"""Repairs for languages that only tree-sitter parses: brackets, semicolons, names of the file."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lsp_server.document import Point
from lsp_server.fixes.candidate import Candidate
from lsp_server.fixes.candidates.line_repairs import Repair, bracket_repairs
from lsp_server.fixes.candidates.nearness import near
from lsp_server.fixes.candidates.site import Site
from lsp_server.fixes.kinds import Kind
from lsp_server.syntax.faults import syntax_faults
from lsp_server.syntax.grammars import grammar_name
from lsp_server.syntax.parsing import Parsed, parse

_WORD: Final = re.compile(r"[^\W\d]\w*")
_ATTRIBUTE: Final = re.compile(r"(?:\.|->|::)\s*([^\W\d]\w*)")
_MOST_PARSED: Final = 24
_AWAY: Final = 0.7
_SEMICOLON: Final = 0.4
_ENDS_OPEN: Final = tuple(",;{}([:&|+-*/=<>.")
_SELDOM: Final = 0.5


def near_words(site: Site) -> Iterator[Candidate]:
    """Yield renamings of an unknown name or member to words of the file that are near."""
    start, wrong = site.word
    if site.is_python or not wrong:
        return
    if site.kind is Kind.UNDEFINED_NAME:
        words = Counter(_WORD.findall(site.document.text()))
    elif site.kind is Kind.UNKNOWN_ATTRIBUTE:
        words = Counter(_ATTRIBUTE.findall(site.document.text()))
    else:
        return
    end = Point(start.line, start.column + len(wrong))
    for cost, name in near(wrong, words):
        extra = _SELDOM if words[name] == 1 else 0.0
        yield site.replaced(f"Rename to `{name}`", start, end, name, cost + extra)


def fewer_errors(site: Site) -> Iterator[Candidate]:
    """Yield repairs of single lines with which the parser finds fewer errors."""
    if site.is_python or site.parsed is None:
        return
    if site.kind is not None and site.kind is not Kind.SYNTAX:
        return
    before = len(syntax_faults(site.parsed))
    if not before:
        return
    tries = sorted(
        (repair.cost + rank * _AWAY, row, repair)
        for rank, row in enumerate(_rows(site))
        for repair in (*bracket_repairs(site.lines[row]), *_semicolon(site.lines[row]))
    )
    for cost, row, repair in tries[:_MOST_PARSED]:
        after = _parsed(site, [*site.lines[:row], repair.text, *site.lines[row + 1 :]])
        if after is not None and len(syntax_faults(after)) < before:
            yield site.line_replaced(repair.title, row, repair.text, cost)


def _semicolon(line: str) -> Iterator[Repair]:
    code = line.rstrip()
    if code and not code.endswith(_ENDS_OPEN):
        yield Repair(_SEMICOLON, "Add the missing `;`", f"{code};{line[len(code) :]}")


def _rows(site: Site) -> list[int]:
    above = site.row - 1
    while above >= 0 and not site.lines[above].strip():
        above -= 1
    return [row for row in (site.row, above) if row >= 0 and site.lines[row].strip()]


def _parsed(site: Site, lines: list[str]) -> Parsed | None:
    grammar = grammar_name(site.document.language, site.document.uri)
    return None if grammar is None else parse(grammar, "\n".join(lines).encode("utf-8", "replace"))
