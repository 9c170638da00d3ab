"""Indentation: the document's style, and a first line no deeper than it may stand."""

import pytest

from lsp_server.postprocess.indentation import fit_indentation, indent_style, moved_left
from lsp_server.postprocess.judge import judge
from lsp_server.postprocess.overlap import Insertion

TABS = "void f() {\n\ta();\n\tif (b) {\n\t\tc();\n\t}\n}\n"
BLANKS = "def f():\n    if a:\n        b()\n    c()\n"


@pytest.mark.parametrize(
    ("text", "style"),
    [
        (TABS, "\t"),
        (BLANKS, " "),
        (TABS + BLANKS, None),
        ("a\nb\n", None),
        ("/*\n * a\n * b\n */\n" + TABS, "\t"),
        ("\t\n\n" + BLANKS, " "),
    ],
)
def test_the_style_is_that_of_nearly_all_lines(text: str, style: str | None) -> None:
    """Blank lines and single blanks of alignment say nothing."""
    assert indent_style(text) == style


@pytest.mark.parametrize(
    ("text", "prefix", "expected"),
    [
        ("if x:\n\t\ty()", BLANKS + "    ", "if x:\n        y()"),
        ("{\n    x();\n        y();\n}", TABS + "f() ", "{\n\tx();\n\t\ty();\n}"),
        ("{\n  x();\n    y();\n}", TABS + "f() ", "{\n\tx();\n\t\ty();\n}"),
        ("(a,\n\t  b)", TABS + "\tf", "(a,\n\t  b)"),
        ("\ta = 1", BLANKS, "    a = 1"),
        ("a\tb", BLANKS + "    ", "a\tb"),
        ("x:\n\ty", "a:\n\tb\nc:\n    d\n", "x:\n\ty"),
    ],
)
def test_foreign_indentation_is_turned_into_the_documents(
    text: str, prefix: str, expected: str
) -> None:
    """Only at line starts; alignment behind tabs stays, and so does all in a mixed document."""
    assert fit_indentation(text, prefix, "") == expected


def test_a_line_deeper_than_the_statement_above_moves_left() -> None:
    """Behind a statement that has ended nothing stands deeper."""
    prefix = "f() {\n    a();\n    "

    assert fit_indentation("    b();\n    }\n  c", prefix, "") == "b();\n    }\n  c"
    assert fit_indentation("    b {\n            c\n        }", prefix, "") == (
        "b {\n        c\n    }"
    )


def test_a_line_may_be_aligned_where_nothing_has_ended() -> None:
    """An open bracket, a block and a paragraph go on as deep as they like."""
    for above in ("f(a,", "if (x) {", "x : int", "    b();"):
        assert fit_indentation("    c", f"{above}\n  ", "") == "    c"


def test_a_line_at_the_margin_stays_where_the_model_put_it() -> None:
    """Without indentation before the cursor the suggestion brings its own."""
    assert moved_left("    x", "") == "    x"
    assert moved_left("    x", "    a = ") == "    x"


def test_a_depth_that_breaks_the_syntax_is_corrected() -> None:
    """The line is tried at the cursor before it is given up."""
    broken = "    return 1"

    def breaks(insertion: Insertion) -> bool:
        return insertion.text == broken

    assert judge(broken, "def f():\n    a()\n    ", "\n", single_line=True, breaks=breaks) == (
        Insertion(text="return 1", absorbed=0)
    )
