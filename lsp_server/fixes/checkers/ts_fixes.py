"""The fixes that tsserver knows for its own complaints, as candidates.

Its answer to `getCodeFixes` (`ts.server.protocol.CodeFixAction` in typescript/lib/typescript.d.ts):
changes by file, lines and columns from 1, columns in utf-16 units.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import Candidate, Change, Origin
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.positions import PositionEncoding, units_of_index

_MOST: Final = 8
# By `fixName`. Others declare what is missing, cast it away, silence the complaint or change what
# the code means; misspelt names are renamed by our own edits.
_WANTED: Final = frozenset(
    {
        "import",
        "addMissingAwait",
        "addMissingAsync",
        "addMissingNewOperator",
        "constructorForDerivedNeedSuperCall",
        "extendsInterfaceBecomesImplements",
        "fixAwaitInSyncFunction",
        "fixMissingCallParentheses",
        "forgottenThisPropertyAccess",
        "returnValueCorrect",
        "unusedIdentifier",
    }
)


def question(path: Path, document: Document, diagnostic: Diagnostic) -> Mapping[str, object]:
    """Return what tsserver has to be told about a complaint of its own.

    Args:
        path: of the text.
        document: the text.
        diagnostic: with its code, a number.
    """
    start, end = (
        units_of_index(document.line(point.line), point.column, PositionEncoding.UTF16)
        for point in (diagnostic.start, diagnostic.end)
    )
    return {
        "file": str(path),
        "startLine": diagnostic.start.line + 1,
        "startOffset": start + 1,
        "endLine": diagnostic.end.line + 1,
        "endOffset": end + 1,
        "errorCodes": [int(diagnostic.code)],
    }


def fixes_in(answer: Sequence[Any], path: Path, document: Document) -> Iterator[Candidate]:
    """Yield the fixes that change this file alone; what is no such answer raises whatever it may.

    Args:
        answer: tsserver's.
        path: of the text.
        document: the text.
    """
    wanted = (row for row in answer if row["fixName"] in _WANTED and not row.get("commands"))
    for _, row in zip(range(_MOST), wanted, strict=False):
        if all(one["fileName"] == str(path) for one in row["changes"]):
            changes = [change for one in row["changes"] for change in one["textChanges"]]
            yield Candidate(
                title=str(row["description"]),
                changes=tuple(_change(change, document) for change in changes),
                origin=Origin.CHECKER,
            )


def _change(change: Mapping[str, Any], document: Document) -> Change:
    return Change(
        start=_point(change["start"], document),
        end=_point(change["end"], document),
        text=change["newText"].replace("\r\n", "\n"),
    )


def _point(place: Mapping[str, int], document: Document) -> Point:
    return document.point(place["line"] - 1, place["offset"] - 1, PositionEncoding.UTF16)
