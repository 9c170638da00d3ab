"""Follows open files: what Python's functions were, and which docstrings are left behind."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lsp_server.context.admission import path_of_uri
from lsp_server.docstrings.facts import FunctionFacts, ModuleFacts
from lsp_server.docstrings.habits import ProjectHabits, choose_layout, docstrings_of, text_between
from lsp_server.docstrings.languages import PYTHON, described_grammar, read_module
from lsp_server.docstrings.project_habits import read_project_habits
from lsp_server.docstrings.same_code import same_code
from lsp_server.docstrings.stale import Staleness, find_stale, updated
from lsp_server.docstrings.styles.reading import read_docstring
from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate, Change, Origin, apply
from lsp_server.fixes.diagnostic import Diagnostic

HINT: Final = 4  # LSP's `DiagnosticSeverity.Hint`
SOURCE: Final = "mixline"
CODE: Final = "stale-docstring"
_REST_S: Final = 0.6  # nobody types any more
_MAX_CHARACTERS: Final = 400_000
_MAX_AT_ONCE: Final = 20_000  # read in about 15 ms

_Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """One docstring that was left behind."""

    facts: FunctionFacts
    staleness: Staleness
    diagnostic: Diagnostic
    change: Change | None  # None where the fix would not be sound


class DocstringWatch:
    """What one client's files hold; lives in the event loop's thread.

    Args:
        document: returns an open document.
        publish: is told what is stale in a document, as soon as it is known.
    """

    def __init__(
        self,
        document: Callable[[str], Document | None],
        publish: Callable[[Document, tuple[Stale, ...]], None],
    ) -> None:
        self._document = document
        self._publish = publish
        self._earlier: dict[str, dict[_Key, FunctionFacts]] = {}
        self._facts: dict[str, tuple[Document, ModuleFacts | None]] = {}
        self._stale: dict[str, tuple[Document, tuple[Stale, ...]]] = {}
        self._habits: dict[Path, ProjectHabits] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def touched(self, uri: str) -> None:
        """Look at a document once it rests; at a new one at once."""
        document = self._document(uri)
        self._end(uri)
        is_described = document is not None and described_grammar(document) is not None
        if document is None or not is_described or document.length > _MAX_CHARACTERS:
            return
        delay = _REST_S if uri in self._earlier else 0.0
        self._tasks[uri] = asyncio.ensure_future(self._look(uri, delay))

    def forget(self, uri: str) -> None:
        """Forget a document."""
        self._end(uri)
        for known in (self._earlier, self._facts, self._stale):
            known.pop(uri, None)

    def saved(self) -> None:
        """Read configurations again: one of them may have been saved."""
        self._habits.clear()

    def stop(self) -> None:
        """End all work."""
        for uri in list(self._tasks):
            self._end(uri)

    def facts(self, document: Document) -> ModuleFacts | None:
        """Return the facts of a document, read once for each version."""
        known = self._facts.get(document.uri)
        if known is None or known[0] is not document:
            known = (document, read_module(document))
            self._facts[document.uri] = known
        return known[1]

    def facts_at_hand(self, document: Document) -> ModuleFacts | None:
        """Do the same for an answer that must not wait: a long document's only if they are known.

        They are read in the background as soon as the document rests.
        """
        known = self._facts.get(document.uri)
        is_known = known is not None and known[0] is document
        return self.facts(document) if is_known or document.length <= _MAX_AT_ONCE else None

    def stale(self, document: Document) -> tuple[Stale, ...]:
        """Return what is known to be stale in this version of a document."""
        known = self._stale.get(document.uri)
        return known[1] if known is not None and known[0] is document else ()

    def habits(self, uri: str) -> ProjectHabits:
        """Return what is known of the project that a document is in."""
        path = path_of_uri(uri)
        if path is None:
            return ProjectHabits()
        if path.parent not in self._habits:
            self._habits[path.parent] = read_project_habits(path)
        return self._habits[path.parent]

    async def _look(self, uri: str, delay: float) -> None:
        await asyncio.sleep(delay)
        document = self._document(uri)
        if document is None:
            return
        module = await asyncio.to_thread(read_module, document)
        if module is None or self._document(uri) is not document:
            return
        self._facts[uri] = (document, module)
        if not is_python(document):
            self._earlier.setdefault(uri, {})
            return
        earlier = self._earlier.setdefault(uri, {})
        found = await asyncio.to_thread(find_all, document, module, earlier, self.habits(uri))
        for key, facts in functions(module).items():
            earlier.setdefault(key, facts)
        if self._document(uri) is document:
            self._stale[uri] = (document, found)
            self._publish(document, found)

    def _end(self, uri: str) -> None:
        task = self._tasks.pop(uri, None)
        if task is not None:
            task.cancel()


def is_python(document: Document) -> bool:
    """Tell whether a document's docstrings can be looked at."""
    return described_grammar(document) == PYTHON


def functions(module: ModuleFacts) -> dict[_Key, FunctionFacts]:
    """Return the functions of a file by class, name and which of that name they are."""
    found: dict[_Key, FunctionFacts] = {}
    for facts in module.definitions:
        if isinstance(facts, FunctionFacts):
            number = 0
            while (facts.owner or "", facts.name, number) in found:
                number += 1
            found[facts.owner or "", facts.name, number] = facts
    return found


def find_all(
    document: Document,
    module: ModuleFacts,
    earlier: dict[_Key, FunctionFacts],
    project: ProjectHabits,
) -> tuple[Stale, ...]:
    """Return the stale docstrings of a file, each with its fix.

    Args:
        document: the file.
        module: its facts.
        earlier: its functions as they were.
        project: what else is known of the project.
    """
    found = []
    for key, facts in functions(module).items():
        place = facts.span.docstring
        if place is None or facts.is_overload:
            continue
        literal = text_between(document, *place)
        staleness = find_stale(facts, literal, earlier.get(key))
        if staleness:
            found.append(
                Stale(
                    facts=facts,
                    staleness=staleness,
                    diagnostic=Diagnostic(
                        start=place[0],
                        end=place[1],
                        code=CODE,
                        message=staleness.message,
                        source=SOURCE,
                        severity=HINT,
                    ),
                    change=_fix(document, module, facts, staleness, project),
                )
            )
    return tuple(found)


def _fix(
    document: Document,
    module: ModuleFacts,
    facts: FunctionFacts,
    staleness: Staleness,
    project: ProjectHabits,
) -> Change | None:
    """Return the change that brings a docstring up to date, if the code stays what it is."""
    if facts.span.docstring is None:
        return None
    start, end = facts.span.docstring
    literal = text_between(document, start, end)
    style = read_docstring(literal).style
    if style is None:
        return None
    layout = choose_layout(document, facts, docstrings_of(document, module), project, style)
    change = Change(start=start, end=end, text=updated(facts, literal, staleness, layout))
    candidate = Candidate(title="", changes=(change,), origin=Origin.ENUMERATED)
    after = apply(document, candidate)
    return change if same_code(document.text(), after.text()) else None
