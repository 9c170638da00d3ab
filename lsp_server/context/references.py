"""The open documents that the workspace expert may match against."""

from collections.abc import Callable, Iterable

from inference import Reference
from lsp_server.context.admission import Admission
from lsp_server.context.around_cursor import printable
from lsp_server.document import Document

MAX_DOCUMENT_CHARACTERS = 2_000_000
MAX_TOTAL_CHARACTERS = 4_000_000


def gather_references(
    current: Document,
    others: Iterable[Document],
    admission_of: Callable[[str], Admission],
    text_of: Callable[[Document], str],
    shared_text_of: Callable[[Document], str],
) -> tuple[Reference, ...]:
    """Return the current document and the admitted others, in the order given, within the limits.

    Args:
        current: always included, whatever its admission (the caller answers for secrets).
        others: the other open documents, the most recently used first.
        admission_of: decides on a document's URI.
        text_of: the current document's text with newline characters as line ends (a cache of it).
        shared_text_of: what others may see of a document, likewise.
    """
    chosen = []
    total = 0
    documents = [current]
    documents += [
        other
        for other in others
        if other.uri != current.uri and admission_of(other.uri) is Admission.WORKSPACE
    ]
    for document in documents:
        if document.length > MAX_DOCUMENT_CHARACTERS:
            continue
        if total + document.length > MAX_TOTAL_CHARACTERS:
            break
        total += document.length
        text = (text_of if document is current else shared_text_of)(document)
        chosen.append(Reference(key=document.uri, version=document.version, text=printable(text)))
    return tuple(chosen)
