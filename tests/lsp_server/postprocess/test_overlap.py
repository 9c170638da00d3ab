"""Overlap: nothing is said twice, and what is absorbed is a subsequence of the new text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.postprocess.overlap import Insertion, fit_to_suffix
from lsp_server.postprocess.reject import RejectReason


@pytest.mark.parametrize(
    ("text", "line_before", "suffix", "expected"),
    [
        ("1", "x = ", "\ny", ("1", 0)),
        ("a, b)", "f(", ")\n", ("a, b)", 1)),
        ("a", "f(", ")\n", ("a", 0)),
        ("\n    return 1\n}", "f() {", "\n}\n", ("\n    return 1", 0)),
        ("a\nb\nc", "", "\nb\nc\nd", ("a", 0)),
        ("x in y:", "for ", " in y:", ("x", 0)),
        ("name", "my_", " = 1", ("name", 0)),
        ("a,\n    b", "f(", ")\n", ("a,", 0)),
        ("a,\n    b\n)", "f(", ")\n", ("a,\n    b\n)", 1)),
    ],
)
def test_what_stands_behind_the_cursor_is_not_repeated(
    text: str, line_before: str, suffix: str, expected: tuple[str, int]
) -> None:
    """Lines, words and closers are cut or absorbed, the rest stays."""
    insertion = fit_to_suffix(text, line_before, suffix)

    assert isinstance(insertion, Insertion)
    assert (insertion.text, insertion.absorbed) == expected


@pytest.mark.parametrize(
    ("text", "line_before", "suffix"),
    [
        ("return x", "    ", "\n    return x\n"),
        ("urn x", "    ret", "\n    return x\n"),
        ("return x", "    ", "\n\n        return x\n"),
        ("}", "    ", "\n    }\n"),
        (")", "f(x", ")\n"),
        ('")', 'f("x', '")\n'),
        (" in y:", "for x", " in y:"),
    ],
)
def test_a_mere_repetition_is_refused(text: str, line_before: str, suffix: str) -> None:
    """A suggestion that stands below or behind already is none."""
    assert fit_to_suffix(text, line_before, suffix) is RejectReason.REPEATS_SUFFIX


def test_a_closer_at_another_depth_is_no_repetition() -> None:
    """Nested blocks end in equal lines at different depths."""
    assert fit_to_suffix("}", "        ", "\n    }\n") == Insertion(text="}", absorbed=0)


@given(
    text=st.text(st.sampled_from("ab()[]\"':;, \n"), min_size=1, max_size=12),
    rest=st.text(st.sampled_from("ab()[]\"':;, "), max_size=6),
    line_before=st.sampled_from(["", "    ", "f(", "a"]),
)
def test_the_old_text_is_always_a_subsequence_of_the_new(
    text: str, rest: str, line_before: str
) -> None:
    """Otherwise VS Code hides the suggestion; and one line is never joined behind several."""
    insertion = fit_to_suffix(text, line_before, f"{rest}\nb\n")

    if isinstance(insertion, Insertion):
        characters = iter(insertion.text)
        assert all(character in characters for character in rest[: insertion.absorbed].strip())
        assert text.startswith(insertion.text)
        if rest[insertion.absorbed :].strip():
            assert "\n" not in insertion.text
