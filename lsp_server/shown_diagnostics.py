"""All diagnostics that the server publishes of a document: LSP replaces them as a whole."""

from collections.abc import Callable, Sequence

from lsp_server.document import Document
from lsp_server.fixes.diagnostic import Diagnostic


class ShownDiagnostics:
    """What each part of the server has found, joined.

    Args:
        publish: tells the client all that is shown of a document.
    """

    def __init__(self, publish: Callable[[Document, Sequence[Diagnostic]], None]) -> None:
        self._publish = publish
        self._found: dict[str, dict[str, tuple[Diagnostic, ...]]] = {}
        self._documents: dict[str, Document] = {}  # of which the client shows something

    def show(self, part: str, document: Document, found: Sequence[Diagnostic]) -> None:
        """Publish what a part has found in place of what it had found; nothing if both are none.

        Args:
            part: names the part.
            document: the version that was looked at.
            found: all of the part's diagnostics.
        """
        parts = self._found.setdefault(document.uri, {})
        if not found and not parts.get(part):
            return
        parts[part] = tuple(found)
        self._documents[document.uri] = document
        self._publish(document, [one for of_part in parts.values() for one in of_part])

    def closed(self, uri: str) -> None:
        """Take back what is shown of a document that was closed."""
        parts = self._found.pop(uri, {})
        document = self._documents.pop(uri, None)
        if document is not None and any(parts.values()):
            self._publish(document, ())
