"""Repairs in languages other than Python, and names that a message suggests."""

import pytest

from lsp_server.document import Document, Point
from lsp_server.fixes.candidate import apply
from lsp_server.fixes.candidates import candidates
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.names.known import Names

_MARK = "¦"


@pytest.mark.parametrize(
    ("language", "code", "message", "wrong", "right"),
    [
        (
            "typescript",
            "1005",
            "')' expected.",
            "function f(a: number) {\n  return g(a¦;\n}\n",
            "function f(a: number) {\n  return g(a);\n}\n",
        ),
        ("c", "", "expected ';'", "int f(void) {\n  int a = 1¦\n  return a;\n}\n", None),
        (
            "typescript",
            "2304",
            "Cannot find name 'totl'.",
            "const total = 1;\nconsole.log(¦totl);\n",
            "const total = 1;\nconsole.log(total);\n",
        ),
        (
            "typescript",
            "2551",
            "Property 'lenght' does not exist on type 'string'. Did you mean 'length'?",
            'const n = "a".¦lenght;\n',
            'const n = "a".length;\n',
        ),
        (
            "rust",
            "E0425",
            "cannot find value `cont` in this scope; did you mean `count`",
            "fn f(count: i32) -> i32 { ¦cont }\n",
            "fn f(count: i32) -> i32 { count }\n",
        ),
    ],
)
def test_first_candidate(
    language: str, code: str, message: str, wrong: str, right: str | None
) -> None:
    """The likeliest edit is the repair itself."""
    before, _, behind = wrong.partition(_MARK)
    suffix = {"typescript": "ts", "c": "c", "rust": "rs"}[language]
    document = Document.of_text(
        uri=f"file:///a.{suffix}", version=1, language=language, text=before + behind
    )
    point = Point(before.count("\n"), len(before.rpartition("\n")[2]))
    diagnostic = Diagnostic(start=point, end=point, code=code, message=message, source="x")

    found = list(candidates(document, diagnostic, Names({}), f"a.{suffix}"))

    expected = right or (before + ";" + behind)
    assert apply(document, found[0]).text() == expected
