"""An edit that might remove a diagnostic, and how it is made to a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from inference import MixlineError
from lsp_server.document import Document, Point


class EditError(MixlineError):
    """An edit is not one that can be made to this document."""


class Origin(StrEnum):
    """Who proposed an edit; also the order in which edits are tried."""

    CHECKER = "checker"  # the checker that reported the diagnostic
    ENUMERATED = "enumerated"  # derived from the syntax tree and from what exists
    MODEL = "model"  # written by the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What stands between two points becomes `text`."""

    start: Point
    end: Point
    text: str  # lines end in LF


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A possible fix."""

    title: str  # what it does, for a menu: "Rename to `config`"
    changes: tuple[Change, ...]  # in any order; none overlaps another
    origin: Origin
    cost: float = 0.0  # nats that speak against it before a model is asked; 0 is the likeliest


def apply(document: Document, candidate: Candidate) -> Document:
    """Return the document with a candidate's changes made, at the same version.

    New lines end as the document's own lines do.

    Raises:
        EditError: a change lies outside the document, ends before it starts or overlaps another.
    """
    changes = in_order(document, candidate.changes)
    line_end = line_end_of(document)
    for change in reversed(changes):
        text = change.text if line_end == "\n" else change.text.replace("\n", line_end)
        document, _ = document.replace(change.start, change.end, text, document.version)
    return document


def in_order(document: Document, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return changes from the top of the document to its end.

    Raises:
        EditError: as for `apply`.
    """
    ordered = tuple(sorted(changes, key=lambda change: (change.start, change.end)))
    for change in ordered:
        for point in (change.start, change.end):
            if not _inside(document, point):
                raise EditError(
                    f"Expected an edit inside {document.uri} ({len(document.lines)} lines), found "
                    f"one at line {point.line + 1}, column {point.column + 1}; it is left out."
                )
        if change.end < change.start:
            raise EditError(
                f"Expected an edit that ends behind its start, found one in {document.uri} from "
                f"line {change.start.line + 1} to line {change.end.line + 1}; it is left out."
            )
    for one, other in pairwise(ordered):
        # Two insertions at one point have no order that both proposers could know.
        if other.start < one.end or other.start == one.start:
            raise EditError(
                f"Expected edits that leave each other alone, found two of {document.uri} that "
                f"meet at line {other.start.line + 1}; the fix is left out."
            )
    return ordered


def line_end_of(document: Document) -> str:
    """Return how the document's first line ends; LF where it has only one line."""
    first = document.lines[0]
    return first[len(first.rstrip("\r\n")) :] or "\n"


def _inside(document: Document, point: Point) -> bool:
    return 0 <= point.line < len(document.lines) and 0 <= point.column <= len(
        document.line(point.line)
    )
