"""What kind of text stands at a cursor, in every language that has a grammar."""

from collections.abc import Callable

import pytest

from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.place import Kind

PLACES = {
    "python": {
        Kind.CODE: ["x| = 1", 'x = "a"|', "x = |''", 'f"a{b|}c"', "|", "# a\n|x", "x = 1|  # a"],
        Kind.COMMENT: ["# a|b", "# a|\nx = 1", "x = 1  # a|"],
        Kind.STRING: [
            'x = "a|b"',
            "x = '|'",
            'f"a{b}c|"',
            'x = "a|\ny = 1\n',
            'def f():\n    """Doc|\n    x = 1\n',
            'def f():\n    """A\n    b|\n    """\n',
        ],
    },
    "javascript": {
        Kind.CODE: ["let x| = 1", 'let x = "a"|;', "/* a */|", "`a${b|}c`"],
        Kind.COMMENT: ["// a|\nlet y;", "/* a| */"],
        Kind.STRING: ["let x = 'a|\nlet y = 1;", "`a${b}c|`", 'let x = "a|";'],
    },
    "typescript": {
        Kind.CODE: ["let x: string| = y;"],
        Kind.COMMENT: ["// a|\n"],
        Kind.STRING: ['let x: string = "a|b";'],
    },
    "typescriptreact": {
        Kind.CODE: ["const a = <div id={x|}>b</div>;"],
        Kind.COMMENT: ["// a|\n"],
        Kind.STRING: ['const a = <div className="a|b">x</div>;'],
    },
    "rust": {
        Kind.CODE: ["fn f() { x| }"],
        Kind.COMMENT: ["// a|\nfn f(){}", "/* a| */"],
        Kind.STRING: ['let x = "a|b";'],
    },
    "go": {
        Kind.CODE: ["package a|"],
        Kind.COMMENT: ["// a|\n"],
        Kind.STRING: ['x := "a|b"', "x := `a|b`"],
    },
    "java": {
        Kind.CODE: ["class A { int a|; }"],
        Kind.COMMENT: ["// a|\n", "/** a| */"],
        Kind.STRING: ['String s = "a|b";'],
    },
    "c": {
        Kind.CODE: ["int x|;"],
        Kind.COMMENT: ["// a|\n"],
        Kind.STRING: ['char *s = "a|b";', "char c = 'a|';"],
    },
    "cpp": {
        Kind.CODE: ["int x|;"],
        Kind.COMMENT: ["// a|\n"],
        Kind.STRING: ['auto s = "a|b";', 'auto r = R"(a|b)";'],
    },
    "csharp": {
        Kind.CODE: ['var s = $"a{b|}c";'],
        Kind.COMMENT: ["// a|\n"],
        Kind.STRING: ['var s = "a|b";'],
    },
    "shellscript": {
        Kind.CODE: ["ls| x", 'echo "$(ls| x)"'],
        Kind.COMMENT: ["# a|\n"],
        Kind.STRING: ['x="a|b"'],
    },
    "json": {Kind.CODE: ['{"a": 1|}'], Kind.STRING: ['{"a|b": 1}']},
    "html": {
        Kind.CODE: ["<p>a|b</p>"],
        Kind.COMMENT: ["<!-- a| -->"],
        Kind.STRING: ['<a href="x|y">t</a>'],
    },
    "css": {
        Kind.CODE: ["a { color|: red }"],
        Kind.COMMENT: ["/* a| */"],
        Kind.STRING: ['a { content: "x|y"; }'],
    },
    "a language without a grammar": {Kind.CODE: ["# a|", '"|"']},
}


@pytest.mark.parametrize(
    ("language", "kind", "text"),
    [
        (language, kind, text)
        for language, kinds in PLACES.items()
        for kind, texts in kinds.items()
        for text in texts
    ],
)
def test_kind_at_a_cursor(
    guard_at: Callable[[str, str], SyntaxGuard], language: str, kind: Kind, text: str
) -> None:
    """Comments and strings are told from code, also while they are still being typed."""
    assert guard_at(language, text).kind is kind
