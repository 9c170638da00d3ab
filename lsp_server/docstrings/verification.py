"""Proves a docstring before it is shown: same code, all described once, linters agree."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from lsp_server.docstrings.content import SectionKind, Style
from lsp_server.docstrings.facts import ClassFacts, Facts, FunctionFacts, ModuleFacts
from lsp_server.docstrings.habits import text_between
from lsp_server.docstrings.linters import Finding, Linters
from lsp_server.docstrings.same_code import parses, same_code
from lsp_server.docstrings.skeleton import described_exceptions, returns_documented
from lsp_server.docstrings.styles.layout import Layout
from lsp_server.docstrings.styles.reading import ReadDocstring, read_docstring
from lsp_server.document import Document
from lsp_server.syntax.python_facts import read_facts

# Rules that a file's own habits contradict.
_QUOTES_RULE: Final = "D300"
_TABS_RULE: Final = "D206"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What was proved of a docstring, and what was not."""

    parses: bool  # the file still does; True where it did not before
    same_code: bool  # its syntax tree without docstrings is what it was
    documented_once: bool  # each parameter, exception, returned and yielded value
    findings: tuple[Finding, ...]  # of linters, at the new docstring
    linters: tuple[str, ...]  # those that have run

    @property
    def sound(self) -> bool:
        """Whether it may be shown: linters may disagree about words, not about facts."""
        return self.parses and self.same_code and self.documented_once


async def verify(
    before: Document,
    after: Document,
    index: int,
    style: Style,
    layout: Layout,
    linters: Linters,
) -> Checks:
    """Check a file with a new docstring against the one without.

    Args:
        before: the file as it was.
        after: with the docstring.
        index: which of the file's definitions has it.
        style: of the docstring.
        layout: of the docstring.
        linters: those that may run.
    """
    checks, target = await asyncio.to_thread(_proved, before, after, index, style)
    if target is None:
        return checks
    new = after.text()
    findings, ran = await linters.lint(new, after.uri, style, target, types=layout.types)
    return replace(
        checks,
        findings=tuple(one for one in findings if one.code not in _against_habits(layout)),
        linters=ran,
    )


def _proved(
    before: Document, after: Document, index: int, style: Style
) -> tuple[Checks, Facts | None]:
    """Return what needs no linter, and the definition if it has its docstring."""
    old, new = before.text(), after.text()
    target = _definition(read_facts(new), index)
    place = None if target is None else target.span.docstring
    once = False
    if target is not None and place is not None:
        once = documented_once(read_docstring(text_between(after, *place)), target, style)
    checks = Checks(
        parses=parses(new) or not parses(old),
        same_code=same_code(old, new),
        documented_once=once,
        findings=(),
        linters=(),
    )
    return checks, target if place is not None else None


def documented_once(read: ReadDocstring, facts: Facts, style: Style) -> bool:
    """Tell whether a docstring describes exactly what there is, each thing once."""
    if isinstance(facts, ClassFacts):
        names = [one.name for one in facts.attributes if not one.name.startswith("_")]
        return Counter(read.named(SectionKind.ATTRIBUTES)) == Counter(names)
    parameters = [one.starred for one in facts.parameters]
    return (
        Counter(read.named(SectionKind.PARAMETERS)) == Counter(parameters)
        and Counter(read.named(SectionKind.RAISES))
        == Counter(name for name, _ in described_exceptions(facts, style))
        and read.has(SectionKind.RETURNS) == returns_documented(facts)
        and read.has(SectionKind.YIELDS) == facts.is_generator
        and (read.style in {None, style})
    )


def _definition(facts: ModuleFacts | None, index: int) -> FunctionFacts | ClassFacts | None:
    if facts is None or index >= len(facts.definitions):
        return None
    return facts.definitions[index]


def _against_habits(layout: Layout) -> frozenset[str]:
    rules = set()
    if layout.quotes == "'''":
        rules.add(_QUOTES_RULE)
    if "\t" in layout.indent + layout.unit:
        rules.add(_TABS_RULE)
    return frozenset(rules)
