"""What one client has told the server; features read it through immutable snapshots."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference import Reference, Snippet, WorkspaceView
from lsp_server.context.admission import Admission, AdmissionRules, Admitted, path_of_uri, resolved
from lsp_server.context.around_cursor import Window, WindowPins
from lsp_server.context.redaction import redact
from lsp_server.context.references import gather_references
from lsp_server.context.shown_suffix import ShownSuffixes
from lsp_server.document import Document, Edit, Point
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.notebooks import Notebooks
from lsp_server.positions import PositionEncoding
from lsp_server.postprocess.reject import RejectReason
from lsp_server.quoting import Quoting, Sources
from lsp_server.settings import Settings
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees
from lsp_server.trust import TrustList
from lsp_server.workspace_reader import WorkspaceReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One cursor in one version of one document, with all that a request may use of the session."""

    document: Document
    cursor: Point
    window: Window
    earlier: str  # what stands before the document: the cells before a notebook's cell
    path: str  # shown to the model
    references: Callable[[], tuple[Reference, ...]]  # of this moment, gathered when they are needed
    workspace: Callable[[], WorkspaceView]  # likewise
    settings: Settings
    shown: ShownSuffixes
    snippets: tuple[Snippet, ...]  # of other files, as they are quoted by now
    renew_snippets: Callable[[SyntaxGuard], tuple[Snippet, ...]]  # see `Quoting`; at rest only
    trees: SyntaxTrees
    encoding: PositionEncoding


class Session:
    """The state of one client; lives in the event loop's thread."""

    def __init__(self, is_busy: Callable[[], bool] = lambda: False) -> None:
        """Know nothing yet.

        Args:
            is_busy: see `WorkspaceReader`, which is not started here.
        """
        self.workspace = WorkspaceReader(is_busy)
        self.encoding = PositionEncoding.UTF16
        self.settings = Settings()
        self.trusted = False  # the client says that programs from inside the folders may run
        self._trust = TrustList()
        self.pins = WindowPins()
        self.shown = ShownSuffixes()
        self.notebooks = Notebooks()
        self.trees = SyntaxTrees()
        self._documents: dict[str, Document] = {}  # the most recently used last
        self._folders: dict[str, Path] = {}  # URI -> path
        self._rules = AdmissionRules(())
        self._admitted: dict[str, Admitted] = {}
        self._texts = _Texts(Document.text)
        self._shared_texts = _Texts(lambda document: redact(self._texts.text(document)))
        self._quoting = Quoting(self._admission, self._shared_texts.text)

    def look(self, uri: str, line: int, character: int) -> Place | RejectReason:
        """Take a snapshot at a position of the client's, or say why the place is none of ours."""
        document = self._documents.get(uri)
        if document is None:
            return RejectReason.UNKNOWN_DOCUMENT
        return self.look_at(document, document.point(line, character, self.encoding))

    def look_at(self, document: Document, cursor: Point) -> Place | RejectReason:
        """Do the same at a place of an open document."""
        uri = document.uri
        if not self.settings.enable or document.language in self.settings.disabled_languages:
            return RejectReason.DISABLED
        admitted = self._rules.admit(self.notebooks.holder(uri))
        self._admitted[uri] = admitted
        if admitted.admission is Admission.SECRET:
            return RejectReason.SECRET
        self._documents[uri] = self._documents.pop(uri)
        self.workspace.look(uri)
        newest_first = tuple(reversed(self._documents.values()))
        return Place(
            document=document,
            cursor=cursor,
            window=self.pins.window(document, cursor),
            earlier=self.notebooks.earlier_text(document, self.document, self._texts.text),
            path=admitted.path,
            references=lambda: gather_references(
                document,
                [other for other in newest_first if not self.workspace.has(other)],
                lambda other: self._admission(other).admission,
                self._texts.text,
                self._shared_texts.text,
            ),
            workspace=lambda: self.workspace.view(document),
            settings=self.settings,
            shown=self.shown,
            snippets=self._quoting.snippets(uri),
            renew_snippets=lambda syntax: self._quoting.renew(
                document, cursor, syntax, self._sources(document, newest_first)
            ),
            trees=self.trees,
            encoding=self.encoding,
        )

    def _sources(self, document: Document, opened: Iterable[Document]) -> Sources:
        return Sources(
            others=[
                other
                for other in opened
                if other.uri != document.uri
                and self._admission(other.uri).admission is Admission.WORKSPACE
            ],
            folders=tuple(self._folders.values()),
            rules=self._rules,
            file=path_of_uri(document.uri),
        )

    def to_mend(self, uri: str) -> Document | None:
        """Return an open document, None if no fix or docstring is offered there."""
        document = self._documents.get(uri)
        return document if document is not None and self._is_to_mend(document) else None

    def _is_to_mend(self, document: Document) -> bool:
        uri, settings = document.uri, self.settings
        if not settings.quick_fixes or not settings.enable:
            return False
        if document.language in settings.disabled_languages:
            return False
        if self._admission(uri).admission is Admission.SECRET:
            return False
        # A checker would miss in a cell what the cells before it define.
        return self.notebooks.holder(uri) == uri

    def to_check(self, uri: str) -> CheckedFile | None:
        """Return an open document as checkers are to see it, None as `to_mend` does."""
        document = self._documents.get(uri)
        return None if document is None else self.to_check_text(document)

    def to_check_text(self, document: Document) -> CheckedFile | None:
        """Do the same for a text that may be a file's on disk."""
        if not self._is_to_mend(document):
            return None
        uri = document.uri
        path = path_of_uri(uri)
        opened = ((path_of_uri(other.uri), other) for other in self._documents.values())
        return CheckedFile(
            document=document,
            path=path,
            folder=self._folder_of(path),
            others={
                file: other
                for file, other in opened
                if file is not None and file != path and self._folder_of(file) is not None
            },
            background=True,
        )

    def surroundings(self, file: CheckedFile) -> Surroundings:
        """Return which programs may check a file."""
        folder = file.folder
        trusted = folder is not None and (self.trusted or self._trust.trusts(folder))
        return Surroundings(folder=folder, workspace=self.folders, trusted=trusted)

    def _folder_of(self, path: Path | None) -> Path | None:
        """Return the innermost workspace folder around a file, links resolved."""
        if path is None:
            return None
        around = [folder for folder in self.folders if resolved(path).is_relative_to(folder)]
        return max(around, key=lambda folder: len(folder.parts), default=None)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The workspace folders, links resolved."""
        return tuple(map(resolved, self._folders.values()))

    def uri_of(self, path: Path) -> str:
        """Return how the client calls a file that it has opened, else the file's own URI."""
        for uri in self._documents:
            opened = path_of_uri(uri)
            if opened is not None and resolved(opened) == path:
                return uri
        return path.as_uri()

    def document(self, uri: str) -> Document | None:
        """Return an open document."""
        return self._documents.get(uri)

    def open(self, document: Document) -> None:
        """Take over a document that the client has opened."""
        self.pins.closed(document.uri)
        self.shown.forget(document.uri)
        self._admitted.pop(document.uri, None)
        self._documents[document.uri] = document
        self.workspace.open(document)

    def edit(self, document: Document, edits: Sequence[Edit]) -> None:
        """Take over the next version of a document."""
        for edit in edits:
            self.pins.edited(document.uri, edit)
        self._quoting.edited(document.uri, edits)
        self._documents[document.uri] = document
        self.workspace.edit(document)

    def close(self, uri: str) -> None:
        """Forget a document."""
        for known in (self._documents, self._admitted):
            known.pop(uri, None)
        self._texts.forget(uri)
        self._shared_texts.forget(uri)
        self.pins.closed(uri)
        self.shown.forget(uri)
        self.trees.forget(uri)
        self._quoting.closed(uri)
        self.workspace.close(uri)

    def apply_settings(self, settings: Settings) -> None:
        """Work with other settings from now on."""
        same = settings.secrets_extra == self.settings.secrets_extra
        if settings.other_files is not self.settings.other_files:
            self._quoting.clear()
        self.settings = settings
        if not same:
            self._renew_rules()

    def set_folders(self, folders: Mapping[str, Path]) -> None:
        """Take over the workspace folders (by URI)."""
        self._folders = dict(folders)
        self._renew_rules()

    def change_folders(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Follow a change of the workspace folders (by URI)."""
        folders = {uri: path for uri, path in self._folders.items() if uri not in set(removed)}
        self.set_folders(folders | folder_paths(added))

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Follow changes on disk; which documents are ignored is decided anew."""
        self._admitted.clear()
        self.workspace.files_changed(paths)

    def saved(self, uri: str) -> None:
        """Follow a save."""
        self._admitted.clear()
        self._quoting.saved()
        self.workspace.file_saved(uri)

    def _renew_rules(self) -> None:
        self._rules = AdmissionRules(self._folders.values(), self.settings.secrets_extra)
        self._admitted.clear()
        self._quoting.clear()
        self.workspace.set_rules(self._folders.values(), self.settings.secrets_extra)

    def _admission(self, uri: str) -> Admitted:
        # Asked for every open document at every key: the answer is kept until something changes.
        if uri not in self._admitted:
            self._admitted[uri] = self._rules.admit(self.notebooks.holder(uri))
        return self._admitted[uri]


class _Texts:
    """Something made of each document's text, once for each version."""

    def __init__(self, make: Callable[[Document], str]) -> None:
        self._make = make
        self._known: dict[str, tuple[Document, str]] = {}

    def text(self, document: Document) -> str:
        known = self._known.get(document.uri)
        if known is None or known[0] is not document:
            known = (document, self._make(document))
            self._known[document.uri] = known
        return known[1]

    def forget(self, uri: str) -> None:
        self._known.pop(uri, None)


def folder_paths(uris: Iterable[str]) -> dict[str, Path]:
    """Return the folders that are on this machine's disk."""
    return {uri: path for uri in uris if (path := path_of_uri(uri)) is not None}
