"""Which suggestions would break the syntax of their file."""

from collections.abc import Callable

import pytest

from lsp_server.postprocess.overlap import Insertion
from lsp_server.syntax.guard import SyntaxGuard

pytestmark = pytest.mark.usefixtures("patient_parser")

GuardAt = Callable[[str, str], SyntaxGuard]

SOUND = [
    ("python", "x = |\n", "f(1)", 0),
    ("python", "x = f(|)\n", "1)", 1),
    ("python", "def f():\n    |\n", "if x:\n        return 1", 0),
    ("python", "def f():\n    if x|\n", " is None:", 0),  # the file is broken already
    ("python", "def f():\n    |\n        return 1\n", "if x:", 0),
    ("python", "x = [\n    1,\n    |\n]\n", "2,", 0),
    ("python", "def f():\n    |\n    x = 1\n", "y = (1 +\n         2)", 0),
    ("python", "def f():\n    |\n", "y = [\n        1,\n    ]\n    if y:\n        return y", 0),
    ("python", 'def f():\n    """A\n    |\n        b\n    """\n', "c", 0),
    ("python", "x = 1\n|\n    # a comment\ny = 1\n", "z = 1", 0),
    ("python", "x = 1\n    y = 2|\n", " + 1", 0),  # too deep before
    ("python", "def f(\n    |\n    b: int,\n): ...\n", "a: int,", 0),
    ("python", "def f(a, a, |): ...\n", "b", 0),  # twice before
    ("python", "f(a=1, |)\n", "b=g(a=1)", 0),  # of another call
    ("python", "f(a, |)\n", "a", 0),  # no keyword
    ("javascript", "a;\n|\n    b;\n", "c;", 0),
    ("javascript", "function f() {\n  |\n}\n", "return 1;", 0),
    ("typescript", "const x: number = |;\n", "1", 0),
    ("typescriptreact", "const a = <p>|</p>;\n", "{b}", 0),
    ("rust", "fn f() {\n    |\n}\n", "let x = 1;", 0),
    ("go", "package a\n\nfunc f() {\n\t|\n}\n", "x := 1", 0),
    ("java", "class A {\n    void f() {\n        |\n    }\n}\n", "int x = 1;", 0),
    ("c", "int f(void) {\n    |\n}\n", "return 1;", 0),
    ("cpp", "int f() {\n    |\n}\n", "return 1;", 0),
    ("csharp", "class A {\n    void F() {\n        |\n    }\n}\n", "var x = 1;", 0),
    ("shellscript", "f() {\n  |\n}\n", "echo a", 0),
    ("json", '{"a": |}\n', "[1]", 0),
    ("html", "<p>|</p>\n", "<b>a</b>", 0),
    ("css", "a { | }\n", "color: red;", 0),
    ("plaintext", "|\n", "(((", 0),  # no grammar, no verdict
]

BROKEN = [
    ("python", "def f():\n    |\n    return 1\n", "x = g(", 0),
    ("python", "x = 1\n|\ny = 2\n", "if x:", 0),  # nothing stands in the block
    ("python", "class A:\n    |\n        x = 1\n", "pass", 0),  # what follows is too deep
    ("python", "class A:\n    |\n\n        # a\n        x = 1\n", "pass", 0),
    ("python", "def f():\n    x = 1\n    |\n", "    return x", 0),  # it is too deep itself
    ("python", "x = 1\n|\n", "y = 2\n  z = 3", 0),
    ("python", "x = 1\n|\n", "x = )", 0),
    ("python", "x = (1|)\n", "))", 1),
    ("python", "def f(\n    |\n    b: int,\n): ...\n", "a: int,\n    b: str,", 0),
    ("python", "def f(*a, |): ...\n", "a=1", 0),
    ("python", "f(a=1, |)\n", "a=2", 0),
    ("python", "f(|)\n", "lambda a, *, a: 1", 0),
    ("python", "|\n", "def f(a: int = 1, **a: int): ...", 0),
    ("javascript", "function f() {\n  |\n}\n", "if (x) {", 0),
    ("typescript", "const x: number = 1;\n|\n", "let y: = 2;", 0),
    ("typescriptreact", "const a = <p>|</p>;\n", "</b>", 0),
    ("rust", "fn f() {\n    |\n}\n", "if x {", 0),
    ("go", "package a\n\nfunc f() {\n\t|\n}\n", "x := (", 0),
    ("java", "class A {\n    void f() {\n        |\n    }\n}\n", "g(;", 0),
    ("c", "int f(void) {\n    |\n}\n", "return (1;", 0),
    ("cpp", "int f() {\n    |\n}\n", "return (1;", 0),
    ("csharp", "class A {\n    void F() {\n        |\n    }\n}\n", "g(;", 0),
    ("shellscript", "f() {\n  |\n}\n", "if x; then", 0),
    ("json", '{"a": 1|}\n', ",", 0),
    ("html", "<p>|</p>\n", "<b", 0),
    ("css", "a { | }\n", "color: red }", 0),
]


@pytest.mark.parametrize(("language", "text", "suggestion", "absorbed"), SOUND)
def test_sound_suggestions_pass(
    guard_at: GuardAt, language: str, text: str, suggestion: str, absorbed: int
) -> None:
    """What leaves the file as sound as it was is no error."""
    assert not guard_at(language, text).breaks(Insertion(text=suggestion, absorbed=absorbed))


@pytest.mark.parametrize(("language", "text", "suggestion", "absorbed"), BROKEN)
def test_broken_suggestions_are_found(
    guard_at: GuardAt, language: str, text: str, suggestion: str, absorbed: int
) -> None:
    """What adds an error that the file did not have is one."""
    assert guard_at(language, text).breaks(Insertion(text=suggestion, absorbed=absorbed))
