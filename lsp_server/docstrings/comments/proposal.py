"""A verified comment for a function in a language other than Python."""

from collections import Counter
from dataclasses import dataclass

from lsp_server.docstrings.comments.dialect import DIALECTS, Dialect, choose_comment_layout
from lsp_server.docstrings.comments.reading import ReadComment, read_comment
from lsp_server.docstrings.comments.skeleton import comment_content
from lsp_server.docstrings.comments.writing import write_comment
from lsp_server.docstrings.content import Content
from lsp_server.docstrings.drafting import DocstringError
from lsp_server.docstrings.facts import FunctionFacts, ModuleFacts
from lsp_server.docstrings.habits import text_between
from lsp_server.docstrings.placeholders import snippet_change
from lsp_server.docstrings.verification import Checks
from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin, apply
from lsp_server.syntax.callable_facts import INTERFACE, read_callables
from lsp_server.syntax.comment_tokens import bare_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentProposal:
    """One change that gives a function its comment, and what was proved of it."""

    facts: FunctionFacts
    change: Change
    style: Dialect
    content: Content
    checks: Checks
    snippet: Change | None  # the same with placeholders


def propose_comment(
    document: Document,
    module: ModuleFacts,
    facts: FunctionFacts,
    grammar: str,
    width: int | None = None,
) -> CommentProposal:
    """Return a verified comment for a function that has none.

    Args:
        document: the file.
        module: its facts.
        facts: of the function, one of those.
        grammar: of the file's language.
        width: of a line, None for what is usual in the language.

    Raises:
        DocstringError: there is one, or the checks have refused the new one.
    """
    if facts.span.docstring is not None:
        raise DocstringError(
            f"expected a function without a comment that describes it, found that `{facts.name}`"
            " has one"
        )
    if not begins_line(document, facts):
        raise DocstringError(
            f"expected a function that begins its line, found code before `{facts.name}`; break"
            " the line first"
        )
    dialect = DIALECTS[grammar]
    layout = choose_comment_layout(document, facts, dialect, width)
    content = comment_content(facts, dialect, layout.room)
    # gofmt's, between a comment and a directive.
    behind = f"\n{layout.indent}//" if _has_directive(document, facts) else ""
    start = facts.span.start

    def render(shown: Content) -> Change:
        comment = write_comment(shown, dialect, layout)
        return Change(start=start, end=start, text=f"{comment}{behind}\n{layout.indent}")

    change = render(content)
    checks = _checks(document, module, facts, grammar, change)
    if not checks.sound:
        raise DocstringError(
            f"expected a comment on `{facts.name}` that leaves the code as it is and describes all"
            " of it once, but it would not; nothing is proposed"
        )
    return CommentProposal(
        facts=facts,
        change=change,
        style=dialect,
        content=content,
        checks=checks,
        snippet=snippet_change(document, content, content, render),
    )


def missing_comments(document: Document, module: ModuleFacts, grammar: str) -> list[FunctionFacts]:
    """Return the public functions without a comment, in their order; none inside another."""
    found = []
    end = Point(-1, 0)
    for facts in module.definitions:
        if not isinstance(facts, FunctionFacts) or facts.span.start < end:
            continue
        end = facts.span.end
        is_bare = facts.span.docstring is None and begins_line(document, facts)
        if is_bare and is_public(facts, grammar):
            found.append(facts)
    return found


def is_public(facts: FunctionFacts, grammar: str) -> bool:
    """Tell whether a function may be used by others, as far as its own header says."""
    is_member = facts.owner is not None
    if grammar == "go":
        return facts.name[:1].isupper()
    if grammar == "rust":
        is_open = any(one.startswith("pub") for one in facts.decorators)
        return is_open or INTERFACE in facts.decorators
    if grammar == "java":
        return bool({"public", "protected", INTERFACE} & {*facts.decorators})
    if grammar in {"c", "cpp"}:
        return "static" not in facts.decorators or is_member
    return not facts.name.startswith(("_", "#")) and "private" not in facts.decorators


def begins_line(document: Document, facts: FunctionFacts) -> bool:
    """Tell whether nothing stands before a function on its line."""
    start = facts.span.start
    return not document.line(start.line)[: start.column].strip()


def _has_directive(document: Document, facts: FunctionFacts) -> bool:
    return document.line(facts.span.start.line).startswith(("//go:", "//nolint", "//export "))


def _checks(
    document: Document, module: ModuleFacts, facts: FunctionFacts, grammar: str, change: Change
) -> Checks:
    candidate = Candidate(title="", changes=(change,), origin=Origin.ENUMERATED)
    after = apply(document, candidate)
    old, new = bare_tree(document.text(), grammar), bare_tree(after.text(), grammar)
    index = module.definitions.index(facts)
    read_again = read_callables(after.text(), grammar)
    once = False
    if read_again is not None and len(read_again.definitions) == len(module.definitions):
        target = read_again.definitions[index]
        if target.name == facts.name and target.span.docstring is not None:
            written = text_between(after, *target.span.docstring)
            once = described_once(read_comment(written, DIALECTS[grammar]), facts)
    kept = (
        old is not None and new is not None and not (Counter(old.comments) - Counter(new.comments))
    )
    return Checks(
        parses=old is not None and new is not None and new.errors <= old.errors,
        same_code=kept and old is not None and new is not None and old.nodes == new.nodes,
        documented_once=once,
        findings=(),
        linters=(),
    )


def described_once(read: ReadComment, facts: FunctionFacts) -> bool:
    """Tell whether a comment describes exactly what there is, each thing once."""
    return (
        Counter(read.parameters) == Counter(one.name for one in facts.parameters)
        and read.returns == facts.returns_value
        and read.yields == facts.is_generator
        and Counter(read.raises) == Counter(one.name for one in facts.raises)
    )
