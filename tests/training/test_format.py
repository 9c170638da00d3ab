"""Samples as token ids, marker by marker."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.fim import render
from inference.manifest import FimMarkers
from training.format import (
    Hole,
    Snippet,
    completion,
    docstring,
    fix,
    header,
    keep_head,
    keep_tail,
    prompt,
)

MARKERS = {
    0: "<end>",
    2: "<pre>",
    3: "<suf>",
    4: "<mid>",
    5: "<file>",
    6: "<doc>",
    7: "<fix>",
    8: "<diag>",
}


def encode(text: str) -> list[int]:
    """A byte tokenizer behind the markers."""
    return [byte + 16 for byte in text.encode()]


def show(ids: list[int] | None) -> str:
    """Ids as text, with the markers by name."""
    assert ids is not None
    return b"".join(
        MARKERS[token].encode() if token < 16 else bytes([token - 16]) for token in ids
    ).decode()


HOLE = Hole(prefix="a = ", middle="1", suffix="\nb = 2\n")


def test_spm_sample() -> None:
    """Suffix first, prefix and middle without a border, then the end."""
    ids = completion(encode, HOLE, order="spm", budget=100)

    assert show(ids) == "<pre><suf>\nb = 2\n<mid>a = 1<end>"


def test_psm_sample() -> None:
    """Prefix, suffix, middle, then the end."""
    ids = completion(encode, HOLE, order="psm", budget=100)

    assert show(ids) == "<pre>a = <suf>\nb = 2\n<mid>1<end>"


def test_blank_suffix_goes_left_to_right() -> None:
    """Nothing to fill in before: the text just goes on."""
    ids = completion(encode, Hole(prefix="a = ", middle="1", suffix="\n\n"), order="spm", budget=99)

    assert show(ids) == "a = 1<end>"


def test_header_lists_snippets_before_the_path() -> None:
    """Each file begins with its marker and its path."""
    ids = header(encode, "src/a.py", [Snippet(path="src/b.py", text="x = 1\n")])

    assert show(ids) == "<file>src/b.py\nx = 1\n<file>src/a.py\n"


def test_no_path_gives_no_header() -> None:
    """A dropped header leaves nothing behind."""
    assert header(encode, None, [Snippet(path="b.py", text="x")]) == []


def test_docstring_sample() -> None:
    """The task's marker stands before everything."""
    hole = Hole(prefix="def f():\n    ", middle='"""Do."""', suffix="\n    return 1\n")

    ids = docstring(encode, hole, order="spm", budget=200, before=header(encode, "a.py"))

    assert show(ids) == (
        '<doc><file>a.py\n<pre><suf>\n    return 1\n<mid>def f():\n    """Do."""<end>'
    )


def test_fix_sample() -> None:
    """Diagnostic and faulty lines stand before the file, whose hole takes the correct lines."""
    hole = Hole(prefix="import os\n", middle="print(config)", suffix="\nx = 1\n")

    ids = fix(
        encode,
        hole,
        diagnostic="F821 Undefined name `cofig`",
        faulty="print(cofig)",
        order="psm",
        budget=200,
    )

    assert show(ids) == (
        "<fix><diag>F821 Undefined name `cofig`\nprint(cofig)\n"
        "<pre>import os\n<suf>\nx = 1\n<mid>print(config)<end>"
    )


@pytest.mark.parametrize("style", ["spm", "psm"])
@given(prefix=st.text(max_size=20), suffix=st.text(max_size=20))
def test_prompts_are_the_engines(style: Literal["spm", "psm"], prefix: str, suffix: str) -> None:
    """What training shows before the middle is what the engine renders."""
    markers = FimMarkers(style=style, prefix=2, suffix=3, middle=4, file_sep=5, pad=1)
    before = header(encode, "a.py")

    theirs = render(
        markers,
        header=before,
        prefix=encode(prefix),
        suffix=encode(suffix) if suffix.strip() else [],
        fills=bool(suffix.strip()),
    )

    assert prompt(encode, prefix, suffix, order=style, before=before) == theirs


@given(
    prefix=st.text(max_size=300),
    middle=st.text(max_size=60),
    suffix=st.text(max_size=300),
    budget=st.integers(16, 200),
)
def test_samples_keep_the_middle_and_the_budget(
    prefix: str, middle: str, suffix: str, budget: int
) -> None:
    """However long the file is, a sample fits, and its middle is whole and ended."""
    hole = Hole(prefix=prefix, middle=middle, suffix=suffix)

    ids = completion(encode, hole, order="psm", budget=budget)

    assert ids is None or (
        len(ids) <= budget and ids[len(ids) - len(encode(middle)) - 1 :] == [*encode(middle), 0]
    )


def test_long_files_are_cut_at_lines() -> None:
    """The prefix starts at a line start, the suffix ends at a line end."""
    text = "".join(f"line {number}\n" for number in range(100))

    tail, head = keep_tail(encode, text, 50), keep_head(encode, text, 50)

    assert tail.startswith("line 9")
    assert text.endswith(tail)
    assert len(tail) <= 50
    assert text.startswith(head)
    assert head.endswith("line 6\n")
    assert len(head) <= 50
