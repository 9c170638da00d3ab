"""When a completion is over."""

import pytest

from inference.request import FinishReason
from inference.stopping import Stop, find_stop, first_line_end, repetition_start, scope_end


def cut(text: str, cursor_line: str = "") -> str | None:
    """Return what scope_end keeps."""
    end = scope_end(text, cursor_line)
    return None if end is None else text[:end]


def grow(text: str, cursor_line: str, *, multi_line: bool = True) -> Stop | None:
    """Feed a text character by character until it stops."""
    for end in range(1, len(text) + 1):
        stop = find_stop(text[:end], cursor_line=cursor_line, multi_line=multi_line)
        if stop is not None:
            return stop
    return None


@pytest.mark.parametrize(
    ("text", "end"),
    [("", None), ("ab", None), ("ab\n", 2), ("\nab", 0), ("a\r\nb", 1), ("a\rb", 1)],
)
def test_first_line(text: str, end: int | None) -> None:
    """A line ends at its first line end of any kind."""
    assert first_line_end(text) == end


def test_single_line_stops_at_the_newline() -> None:
    """The line end itself is not part of the answer."""
    assert grow("return x\nprint", "    ", multi_line=False) == Stop(
        text="return x", reason=FinishReason.LINE
    )


@pytest.mark.parametrize(
    ("cursor_line", "text", "kept"),
    [
        # a dedent below the cursor's line
        ("    x = ", "1\n    y = 2\nz", "1\n    y = 2"),
        ("\tx = ", "1\n\ty = 2\nz", "1\n\ty = 2"),
        ("        ", "a()\n        b()\n    else:", "a()\n        b()"),
        # the end of a block that the cursor's line opened
        ("def f():", "\n    return 1\ng = 2\n", "\n    return 1"),
        ("    if x:", "\n        a()\n    b()\n", "\n        a()"),
        # a blank line, then a dedent
        ("def f():", "\n    return 1\n\ndef g", "\n    return 1"),
        ("    if x:", "\n        a()\n\n    b", "\n        a()"),
        # two blank lines
        ("x = ", "1\n\n\n", "1"),
        ("", "\n\n\n", ""),
    ],
)
def test_scope_ends(cursor_line: str, text: str, kept: str) -> None:
    """Each rule cuts before the line that is outside, blank lines before it included."""
    assert grow(text, cursor_line) == Stop(text=kept, reason=FinishReason.SCOPE)


@pytest.mark.parametrize(
    ("cursor_line", "text"),
    [
        ("    x = ", "1\n    y = 2\n\n    z = 3\n    "),
        ("    if x:", "\n        a()\n    else:\n        b()\n    elif c:\n        d()"),
        ("function f() {", "\n  return 1;\n}"),
        ("x = f(", "\n    a,\n    b,\n)"),
        ("if x:", "\n    a()\n\n    b()\nels"),
        ("def f():", "\n    if x:\n        a()\n    b()\n    c()"),
        ("", "a = 1\nb = 2\n\nc = 3"),
        ("    a = [", "\n        1,\n    ]"),
    ],
)
def test_scope_goes_on(cursor_line: str, text: str) -> None:
    """No prefix of a text inside the scope stops it."""
    assert grow(text, cursor_line) is None


def test_unfinished_word_waits() -> None:
    """`el` at the block's depth may become `else`: nothing is decided before the word ends."""
    assert cut("\n    a()\nel", "if x:") is None
    assert cut("\n    a()\nelephant", "if x:") is None
    assert cut("\n    a()\nelephant ", "if x:") == "\n    a()"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("print(x)\nprint(x)\nprint(x)\n", "print(x)\n"),
        ("a = 1\nb = 2\n" * 3, "a = 1\nb = 2\n"),
        ("start " + "foo, bar, " * 6, "start foo, bar,"),
        ("x = " + "0" * 130, "x = 0"),
        ("gr" + "\u00f6" * 20, "gr\u00f6"),  # two tokens each: 64 of them write 32
    ],
)
def test_repetition_is_cut_to_one(text: str, kept: str) -> None:
    """What repeats is kept once."""
    start = repetition_start(text)

    assert start is not None
    assert text[:start] == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "# " + "-" * 78,
        "crc & 0xFFFFFFFFFFFFFFFF",
        "0x" + "0" * 64,
        "print(x)\nprint(x)\n",
        "[0, 0, 0, 0, 0]",
        "def f(a, b, c):\n    return a + b + c\n\n\ndef g(a, b, c):\n    return a * b * c\n",
        "    " * 20,
    ],
)
def test_ordinary_text_does_not_repeat(text: str) -> None:
    """Rulers, short lists and similar lines are no repetition."""
    assert all(repetition_start(text[:end]) is None for end in range(len(text) + 1))


def test_repetition_of_real_code_is_rare(project_sources: dict[str, str]) -> None:
    """In this project's own sources the guard finds nothing, wherever the text ends."""
    for text in project_sources.values():
        for end in range(40, min(len(text), 6000), 37):
            assert repetition_start(text[max(0, end - 400) : end]) is None


def test_repetition_stops_a_generation() -> None:
    """In both modes."""
    looping = "total = total + total * total\n" * 5

    assert grow(looping, "") == Stop(
        text="total = total + total * total\n", reason=FinishReason.REPETITION
    )
    stop = grow("x, yz, " * 20, "", multi_line=False)
    assert stop is not None
    assert stop.reason is FinishReason.REPETITION
