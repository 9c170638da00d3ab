"""Our own parsers: syntax errors in every language, undefined names in Python."""

import pytest

from lsp_server.document import Point
from lsp_server.fixes.checkers.own import OwnParsers
from tests.lsp_server.fixes.conftest import MakeFile


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("def f(x)\n    return x\n", Point(0, 8), "expected ':'"),
        ("x = (1,\ny = 2\n", Point(0, 4), "'(' was never closed"),
        ("def f():\nreturn 1\n", Point(1, 0), "expected an indented block"),
        ("s = '😋' + )\n", Point(0, 10), "unmatched ')'"),
        ("return 1\n", Point(0, 0), "'return' outside function"),
    ],
)
def test_cpython_names_the_error(
    text: str, start: Point, message: str, make_file: MakeFile
) -> None:
    """Its message and place, in code points."""
    first, *_ = OwnParsers().parse(make_file(text).document).findings

    assert first.diagnostic.code == "syntax"
    assert first.diagnostic.source == "mixline"
    assert first.diagnostic.start == start
    assert message in first.diagnostic.message


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "function f( {\n  return 1;\n}\n"),
        ("rust", "fn main() {\n    let x = ;\n}\n"),
        ("go", "package main\nfunc main() {\n\tx := (1\n}\n"),
        ("java", "class A { void f() { int x = 1 } }\n"),
    ],
)
def test_other_languages_have_syntax_too(language: str, text: str, make_file: MakeFile) -> None:
    """tree-sitter's errors and missing tokens."""
    report = OwnParsers().parse(make_file(text, f"a.{language}", language).document)

    assert report.findings
    assert {finding.diagnostic.code for finding in report.findings} == {"syntax"}


def test_a_name_that_nothing_defines(make_file: MakeFile) -> None:
    """Builtins, parameters and imports are known; the rest is named with its place."""
    text = 'import os\n\ndef load(path, é="😋"):\n    return confg + path + str(os) + é\n'
    (finding,) = OwnParsers().parse(make_file(text).document).findings

    assert finding.diagnostic.code == "undefined-name"
    assert finding.diagnostic.message == "undefined name `confg`"
    assert (finding.diagnostic.start, finding.diagnostic.end) == (Point(3, 11), Point(3, 16))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        "import re\nx = re.compile('\\d')\nassert (x, 'a')\n",  # warnings are no errors
        "(" * 150 + ")" * 150 + "\n",
        "-" * 100_000 + "1",
        "x = '\ud800'\n",
        "x = 1\0\n",
    ],
)
def test_nothing_is_said_of_what_is_right_or_beyond_us(text: str, make_file: MakeFile) -> None:
    """Deep nesting, halves of characters and null bytes crash nothing."""
    report = OwnParsers().parse(make_file(text).document)

    assert all(finding.diagnostic.code == "syntax" for finding in report.findings)


def test_a_language_without_a_grammar_is_a_problem(make_file: MakeFile) -> None:
    """There is nothing to say about it."""
    file = make_file("x", "a.cobol", "cobol")

    assert not OwnParsers().takes(file.document)
    assert not OwnParsers().parse(file.document).ended_normally
