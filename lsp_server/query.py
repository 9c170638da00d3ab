"""What is asked of the scheduler, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from inference import CompletionRequest, Reference, WorkspaceView
from lsp_server.context.around_cursor import Window
from lsp_server.document import Document, Point
from lsp_server.postprocess.judge import Gate
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.syntax.guard import SyntaxGuard

Outcome = Insertion | RejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One request of a client for ghost text, at one version of one document."""

    method: str  # requests of different methods do not supersede each other
    request: CompletionRequest  # its prefix ends in the selected entry, where there is one
    references: Callable[[], tuple[Reference, ...]]  # added to the request when it is run
    workspace: Callable[[], WorkspaceView]  # likewise
    document: Document
    cursor: Point
    window: Window  # the document's own text around the cursor
    closers: str = ""  # behind the cursor and not in the request's suffix
    explicit: bool  # asked for by the user, not by typing
    answer_within_ms: float | None  # None: when the generation is complete
    afterlife_ms: float  # how long the generation may outlive the request
    gate: Gate
    syntax: SyntaxGuard
    several_lines: bool = False  # the settings allow them
    announce: bool  # tell the client when a better answer is ready later
    refused: RejectReason | None = None  # known before anything is generated

    @property
    def uri(self) -> str:
        """The document's identity."""
        return self.request.document

    def gathered(self) -> CompletionRequest:
        """Return the request with what costs something to gather; for when it is run."""
        return replace(
            self.request,
            borders=self.syntax.borders(len(self.request.prefix)),
            references=self.references(),
            workspace=self.workspace(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A result that came too late for its request stands in the cache."""

    document: Document
    cursor: Point
