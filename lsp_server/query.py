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
from lsp_server.syntax.imports import with_imported_names

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

    def automatic(self) -> "Query":
        """Return the same question as typing asks it."""
        return replace(self, explicit=False, request=replace(self.request, require_text=False))

    def decided(self) -> "Query":
        """Return the query as it is run, with what syntax decides: in text there is one line."""
        request = self.request
        if request.multi_line and self.syntax.in_text:
            request = replace(request, multi_line=False)
        return replace(self, request=request if self.explicit else self.limited(request))

    def limited(self, request: CompletionRequest) -> CompletionRequest:
        """Return a request that is given up where the gate would show nothing more of it."""
        return replace(request, least_logprob=self.gate.at(request).least_logprob(self.syntax))

    def gathered(self, request: CompletionRequest | None = None) -> CompletionRequest:
        """Return what the engine is given, with what costs something to gather.

        Args:
            request: that of another place, whose prefix begins where this one's does; None for
                the query's own.
        """
        return with_imported_names(
            replace(
                self.request if request is None else request,
                borders=self.syntax.borders(len(self.request.prefix)),
                references=self.references(),
                workspace=self.workspace(),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A result that came too late for its request stands in the cache."""

    document: Document
    cursor: Point
