"""Judge: from generated text to an insertion or the reason why there is none."""

import pytest

from lsp_server.postprocess.judge import judge, may_ask
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", RejectReason.EMPTY),
        (" \n ", RejectReason.BLANK),
        ("a\0b", RejectReason.UNPRINTABLE),
        ("a\ufffdb", RejectReason.UNPRINTABLE),
        ("ab\ufffd", Insertion(text="ab", absorbed=0)),
        ("ab  \n", Insertion(text="ab", absorbed=0)),
        ("\n    ab\ncd", Insertion(text="\n    ab", absorbed=0)),
        ("a\tb", Insertion(text="a\tb", absorbed=0)),
    ],
)
def test_one_line_at_a_line_end(text: str, expected: Insertion | RejectReason) -> None:
    """Broken and blank text is refused, blank ends are cut, one line is kept."""
    assert judge(text, "x = ", "\ny", single_line=True) == expected


def test_blank_ends_stay_before_words() -> None:
    """In the middle of a line the blank before the next word belongs to the infill."""
    assert judge("x ", "for ", "in y", single_line=True) == Insertion(text="x ", absorbed=0)


def test_the_gate_yields_to_an_empty_text() -> None:
    """Nothing to show is told as that, not as low confidence."""
    low = RejectReason.LOW_CONFIDENCE

    assert judge("", "", "", single_line=True, refused=low) is RejectReason.EMPTY
    assert judge("x", "", "", single_line=True, refused=low) is low


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [("", None), ("\nwords", None), (");\n", None), (" + 1\n", RejectReason.MID_LINE)],
)
def test_automatic_requests_need_a_line_end(suffix: str, expected: RejectReason | None) -> None:
    """Closers behind the cursor are a line end, words are not."""
    assert may_ask(suffix) is expected


def test_what_breaks_the_syntax_is_shortened_or_refused() -> None:
    """The last lines of a suggestion that breaks the file are left out, up to the first."""

    def breaks(insertion: Insertion) -> bool:
        return insertion.text.endswith("(")

    def judged(text: str) -> Insertion | RejectReason:
        return judge(text, "x = ", "", single_line=False, breaks=breaks)

    assert judged("1\ny = 2\nz = f(") == Insertion(text="1\ny = 2", absorbed=0)
    assert judged("f(") is RejectReason.BREAKS_SYNTAX
    assert judged("1") == Insertion(text="1", absorbed=0)


@pytest.mark.parametrize(
    "marker", ["<|endoftext|>", "<|fim_middle|>", "<|reserved_0|>", "<fim_suffix>", "<file_sep>"]
)
def test_markers_of_models_are_refused(marker: str) -> None:
    """Also where the model has spelled one with ordinary tokens; not in a file that has it."""
    text = f"x = 1{marker}"

    assert judge(text, "", "", single_line=True) is RejectReason.SPECIAL_TOKEN
    assert judge(text, f"{marker}\n", "", single_line=True) == Insertion(text=text, absorbed=0)


@pytest.mark.parametrize("text", ["a <| b |> c", "if x <fim>y:", "Vec<String>", "a <b> c"])
def test_what_only_looks_like_a_marker_passes(text: str) -> None:
    """Operators, generics and tags are code."""
    assert judge(text, "", "", single_line=True) == Insertion(text=text, absorbed=0)
