"""A verified docstring for one place in a file: what the command, the server and tests ask for."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lsp_server.docstrings.comments.dialect import Dialect
from lsp_server.docstrings.comments.proposal import missing_comments, propose_comment
from lsp_server.docstrings.content import Style
from lsp_server.docstrings.drafting import DocstringError, Draft, draft
from lsp_server.docstrings.facts import Facts, FunctionFacts, ModuleFacts
from lsp_server.docstrings.filling import Model, filled
from lsp_server.docstrings.habits import (
    ProjectHabits,
    choose_layout,
    docstrings_of,
    text_between,
)
from lsp_server.docstrings.languages import PYTHON, described_grammar, read_module
from lsp_server.docstrings.linters import Linters
from lsp_server.docstrings.placeholders import snippet_change
from lsp_server.docstrings.stale import find_stale, updated
from lsp_server.docstrings.styles.reading import read_docstring
from lsp_server.docstrings.verification import Checks, verify
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin, apply


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One change that gives a definition its docstring, and what was proved of it."""

    facts: Facts
    change: Change
    style: Style | Dialect
    checks: Checks
    snippet: Change | None = None  # the same with placeholders where nobody is sure


def facts_of(document: Document) -> ModuleFacts:
    """Return the facts of a file.

    Raises:
        DocstringError: it is in no language whose functions are described, or takes too long to
            parse.
    """
    if described_grammar(document) is None:
        raise DocstringError(
            f"expected a file of Python, JavaScript, TypeScript, Rust, Go, Java, C or C++, got"
            f" {document.uri}; docstrings are written for these"
        )
    facts = read_module(document)
    if facts is None:
        raise DocstringError(f"expected a file that can be parsed in seconds, got {document.uri}")
    return facts


def definition_at(document: Document, module: ModuleFacts, line: int) -> Facts:
    """Return the innermost function or class around a line.

    Args:
        document: the file.
        module: its facts.
        line: from 0.

    Raises:
        DocstringError: there is none.
    """
    text = document.line(line)
    found = module.around(Point(line, len(text) - len(text.lstrip())))
    if found is None:
        raise DocstringError(
            f"expected a function or class around line {line + 1}, found none; name a line of its"
            " header or body"
        )
    return found


def missing(document: Document, module: ModuleFacts) -> Sequence[Facts]:
    """Return the public functions, classes and methods without a docstring, in their order."""
    grammar = described_grammar(document)
    if grammar is not None and grammar != PYTHON:
        return missing_comments(document, module, grammar)
    private: set[tuple[Point, Point]] = set()
    found: list[Facts] = []
    for facts in module.definitions:
        span = facts.span
        inside = any(start < span.start and span.end <= end for start, end in private)
        is_function = isinstance(facts, FunctionFacts)
        if is_function or facts.name.startswith("_"):
            private.add((span.start, span.end))
        if inside or span.docstring is not None or facts.name.startswith("_"):
            continue
        if isinstance(facts, FunctionFacts) and (facts.is_overload or facts.is_accessor):
            continue
        found.append(facts)
    return found


async def propose(
    document: Document,
    module: ModuleFacts,
    facts: Facts,
    project: ProjectHabits,
    linters: Linters,
    style: Style | None = None,
    model: Model | None = None,
    on_slot: Callable[[int, int], None] | None = None,
) -> Proposal:
    """Return a verified docstring for a definition that has none.

    Args:
        document: the file.
        module: its facts.
        facts: of the definition.
        project: what else is known of the project.
        linters: those that may run.
        style: None to follow the file and the project; of Python alone.
        model: what writes descriptions in Python; None for plain phrases.
        on_slot: is told how many descriptions of how many the model has written.

    Raises:
        DocstringError: it can have none, or the checks have refused it.
        MixlineError: the model failed.
    """
    grammar = described_grammar(document)
    if grammar is not None and grammar != PYTHON and isinstance(facts, FunctionFacts):
        found = await asyncio.to_thread(propose_comment, document, module, facts, grammar)
        return Proposal(
            facts=facts,
            change=found.change,
            style=found.style,
            checks=found.checks,
            snippet=found.snippet,
        )
    if facts.span.docstring is not None:
        raise DocstringError(
            f"expected a function or class without a docstring, found that `{facts.name}` has one"
        )
    plain = draft(document, module, facts, project, style)
    drafts = [plain]
    if model is not None:
        written = await filled(plain, model, on_slot)
        # Where linters dislike the model's words, the summary is most often to blame.
        with_plain_summary = replace(written.content, summary=plain.content.summary)
        drafts = [written, written.with_content(with_plain_summary), plain]
    for drafted in drafts:
        checks = await _checked(drafted, linters)
        if not checks.findings:
            break
    return Proposal(
        facts=facts,
        change=drafted.change,
        style=drafted.style,
        checks=checks,
        snippet=snippet_change(
            document,
            drafted.content,
            plain.content,
            lambda content: drafted.with_content(content).change,
        ),
    )


async def bring_up_to_date(
    document: Document, module: ModuleFacts, facts: Facts, project: ProjectHabits, linters: Linters
) -> Proposal:
    """Return the change that takes lost parameters out of a docstring, or renames them in it.

    Args:
        document: the file.
        module: its facts.
        facts: of a definition with a docstring.
        project: what else is known of the project.
        linters: those that may run.

    Raises:
        DocstringError: the docstring describes nothing that is not there.
    """
    place = facts.span.docstring
    literal = "" if place is None else text_between(document, *place)
    style = read_docstring(literal).style
    staleness = find_stale(facts, literal) if isinstance(facts, FunctionFacts) else None
    if place is None or style is None or not staleness or not isinstance(facts, FunctionFacts):
        raise DocstringError(
            f"expected a function or class without a docstring, or one that describes lost"
            f" parameters; found that `{facts.name}` has one which agrees with its signature"
        )
    layout = choose_layout(document, facts, docstrings_of(document, module), project, style)
    text = updated(facts, literal, staleness, layout)
    change = Change(start=place[0], end=place[1], text=text)
    after = apply(document, Candidate(title="", changes=(change,), origin=Origin.ENUMERATED))
    index = module.definitions.index(facts)
    checks = await verify(document, after, index, style, layout, linters)
    if not (checks.parses and checks.same_code):
        raise DocstringError(
            f"expected a docstring of `{facts.name}` that leaves the code as it is, but it would"
            " not; nothing is proposed"
        )
    return Proposal(facts=facts, change=change, style=style, checks=checks)


async def _checked(drafted: Draft, linters: Linters) -> Checks:
    checks = await verify(
        drafted.document,
        drafted.applied(),
        drafted.index,
        drafted.style,
        drafted.layout,
        linters,
    )
    if not checks.sound:
        wrong = [
            name
            for name, holds in (
                ("the file would not parse", checks.parses),
                ("its code would change", checks.same_code),
                ("something would be described twice or not at all", checks.documented_once),
            )
            if not holds
        ]
        raise DocstringError(
            f"expected a docstring of `{drafted.facts.name}` that passes every check, but"
            f" {' and '.join(wrong)}; nothing is proposed"
        )
    return checks
