"""References: the current document always, others if admitted, all within limits."""

from lsp_server.context.admission import Admission
from lsp_server.context.references import MAX_DOCUMENT_CHARACTERS, gather_references
from lsp_server.document import Document


def open_document(uri: str, text: str = "x\r\n") -> Document:
    return Document.of_text(uri=uri, version=3, language="python", text=text)


def test_only_admitted_documents_are_seen_by_others() -> None:
    """The current one is there whatever it is, and none twice."""
    current, workspace, alone = map(open_document, ("current", "workspace", "alone"))
    admissions = {"workspace": Admission.WORKSPACE, "alone": Admission.ALONE}

    references = gather_references(
        current, [current, alone, workspace], admissions.__getitem__, Document.text, Document.text
    )

    assert [(r.key, r.version, r.text) for r in references] == [
        ("current", 3, "x\n"),
        ("workspace", 3, "x\n"),
    ]


def test_huge_documents_are_left_out_and_the_sum_is_limited() -> None:
    """A document over the limit is no reference; the oldest go when the sum is too much."""
    huge = open_document("huge", "x" * (MAX_DOCUMENT_CHARACTERS + 1))
    large = [open_document(f"{n}", "x" * MAX_DOCUMENT_CHARACTERS) for n in range(4)]

    references = gather_references(
        large[0], [huge, *large[1:]], lambda _: Admission.WORKSPACE, Document.text, Document.text
    )

    assert [r.key for r in references] == ["0", "1"]


def test_others_see_a_text_of_their_own() -> None:
    """What looks like a key is context for its own document alone."""
    current, other = open_document("current"), open_document("other")

    references = gather_references(
        current, [other], lambda _: Admission.WORKSPACE, Document.text, lambda _: "redacted"
    )

    assert [reference.text for reference in references] == ["x\n", "redacted"]
