"""Quotes other files in prompts: gathers while the user rests, and gives what was gathered last."""

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inference import ModelInfo, Snippet
from lsp_server.context.admission import Admission, AdmissionRules, Admitted
from lsp_server.context.gather import MAX_OTHERS, PinnedContext, gather, scope_at, surroundings
from lsp_server.context.imported_files import imported_files
from lsp_server.context.other_file import OtherFile
from lsp_server.context.recent_edits import RecentEdits, lines_of
from lsp_server.context.workspace_files import Stamp, read_shared, stamp_of
from lsp_server.document import Document, Edit, Point
from lsp_server.settings import OtherFiles, Settings
from lsp_server.syntax.guard import SyntaxGuard

# New files are parsed for so long at one rest, the others at the next: keys must not wait.
_TIME_LIMIT_S: Final = 0.03


# Tokens of the largest prompt. The shipped model has 768, and is not exact more often with any kind
# of quotation in them; docs/ghost-text.md has the figures.
_LEAST_PROMPT_TOKENS: Final = 3000


def quotes_others(settings: Settings, model: ModelInfo) -> bool:
    """Tell whether prompts for a model quote other files."""
    if settings.other_files is OtherFiles.AUTO:
        return model.prompt_tokens >= _LEAST_PROMPT_TOKENS
    return settings.other_files is OtherFiles.ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What may be quoted at one moment."""

    others: Sequence[Document]  # open and admitted, the most recently used first
    folders: Sequence[Path]  # of the workspace
    rules: AdmissionRules
    file: Path | None  # of the document itself


class Quoting:
    """The quotations of all documents of a session; lives in the event loop's thread."""

    def __init__(
        self, admit: Callable[[str], Admitted], shared_text: Callable[[Document], str]
    ) -> None:
        """Quote nothing yet.

        Args:
            admit: decides on a document's URI; cheap.
            shared_text: what others may see of a document.
        """
        self._admit = admit
        self._shared_text = shared_text
        self._pinned = PinnedContext()
        self._recent = RecentEdits()
        self._files: dict[str, tuple[Document | Stamp, OtherFile]] = {}  # by URI
        self._quoted: dict[str, tuple[str, ...]] = {}  # URI -> URIs of what is quoted for it
        self._saves = 0

    def snippets(self, uri: str) -> tuple[Snippet, ...]:
        """Return what is quoted for a document, nothing if any of it may not be by now."""
        for other in self._quoted.get(uri, ()):
            if self._admit(other).admission is not Admission.WORKSPACE:
                self._forget(uri)
                break
        return self._pinned.snippets(uri)

    def edited(self, uri: str, edits: Iterable[Edit]) -> None:
        """Take note of edits."""
        for edit in edits:
            self._recent.edited(uri, edit)

    def saved(self) -> None:
        """Gather anew at the next rest."""
        self._saves += 1

    def closed(self, uri: str) -> None:
        """Drop a document; what it is quoted in stays until the next rest."""
        self._recent.closed(uri)
        self._files.pop(uri, None)
        self._forget(uri)

    def clear(self) -> None:
        """Drop everything: other files may be quoted from now on."""
        self._pinned.clear()
        self._quoted.clear()
        self._files.clear()

    def renew(
        self, document: Document, cursor: Point, syntax: SyntaxGuard, sources: Sources
    ) -> tuple[Snippet, ...]:
        """Gather for a document, if there is a reason, and return what is quoted from now on."""
        uri = document.uri
        versions = sorted((other.uri, other.version) for other in sources.others)
        reason: Hashable = (scope_at(syntax.definitions, syntax.offset), *versions, self._saves)
        if self._pinned.holds(uri, reason):
            return self.snippets(uri)
        files, is_complete = self._ready(sources, syntax.imports)
        place = surroundings(document, cursor)
        open_by_uri = {other.uri: other for other in sources.others} | {uri: document}

        def quoted(other: Document, first: int, end: int) -> Snippet | None:
            admitted = self._admit(other.uri)
            if other is not document and admitted.admission is not Admission.WORKSPACE:
                return None
            text = lines_of(self._shared_text(other), first, end)
            return Snippet(path=admitted.path, text=text)

        snippets = gather(
            place,
            imported=syntax.imports,
            defined=frozenset(item.name for item in syntax.definitions),
            others=list(files.values()),
            recent=self._recent.snippets(open_by_uri.get, quoted, place.visible),
        )
        paths = {snippet.path for snippet in snippets}
        self._pinned.pin(uri, reason if is_complete else None, snippets)
        self._quoted[uri] = tuple(key for key, file in files.items() if file.path in paths)
        return snippets

    def _ready(
        self, sources: Sources, imported: frozenset[str]
    ) -> tuple[dict[str, OtherFile], bool]:
        """Return files by their URIs, as many as there is time for, and whether these are all."""
        deadline = time.monotonic() + _TIME_LIMIT_S
        opened = {other.uri: other for other in sources.others[:MAX_OTHERS]}
        paths: dict[str, Path] = {}
        if sources.file is not None:
            near = imported_files(sources.file, sources.folders, imported)
            paths = {path.as_uri(): path for path in near}
        found: dict[str, OtherFile] = {}
        for uri in dict.fromkeys([*opened, *paths]):
            if time.monotonic() > deadline:
                return found, False
            file = self._opened(opened[uri]) if uri in opened else None
            if file is None and uri not in opened:
                file = self._from_disk(uri, paths[uri], sources.rules)
            if file is not None:
                found[uri] = file
        self._files = {uri: self._files[uri] for uri in found}
        return found, True

    def _opened(self, document: Document) -> OtherFile:
        known = self._files.get(document.uri)
        if known is None or known[0] is not document:
            path = self._admit(document.uri).path
            known = (document, OtherFile.ready(path, self._shared_text(document)))
            self._files[document.uri] = known
        return known[1]

    def _from_disk(self, uri: str, path: Path, rules: AdmissionRules) -> OtherFile | None:
        stamp = stamp_of(path)
        known = self._files.get(uri)
        if stamp is None:
            return None
        if known is None or known[0] != stamp:
            text = read_shared(path, rules, lambda: None)
            if text is None:
                return None
            known = self._files[uri] = (stamp, OtherFile.ready(rules.admit(uri).path, text))
        return known[1]

    def _forget(self, uri: str) -> None:
        self._pinned.forget(uri)
        self._quoted.pop(uri, None)
