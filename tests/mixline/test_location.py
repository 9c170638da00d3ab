"""FILE:LINE:COL is split from the right and checked against the file."""

import argparse
from pathlib import Path

import pytest

from mixline.location import Location, check_inside, parse_location, read_source, split_lines
from mixline.usage import UsageError


def test_path_may_hold_colons() -> None:
    """Only the last two fields are numbers."""
    place = parse_location("C:/a:b.py:12:5")

    assert place == Location(file=Path("C:/a:b.py"), line=12, column=5)


@pytest.mark.parametrize(
    "text", ["", "a.py", "a.py:3", ":3:4", "a.py:x:4", "a.py:3:-1", "a.py:3:²"]
)
def test_other_forms_are_refused_with_an_example(text: str) -> None:
    """The message shows the expected form and what was given."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"FILE:LINE:COL such as app.py:12:5"):
        parse_location(text)


def test_lines_end_at_lf_crlf_and_cr_only() -> None:
    """Form feeds and Unicode separators stand inside a line, as in LSP."""
    assert split_lines("a\r\nb\rc\x0cd\u2028e\n") == ["a", "b", "c\x0cd\u2028e", ""]


@pytest.mark.parametrize(("line", "column"), [(1, 1), (1, 3), (2, 1)])
def test_up_to_one_behind_the_last_character_is_inside(line: int, column: int) -> None:
    """Columns run to the line's length + 1, in code points."""
    check_inside(Location(file=Path("a"), line=line, column=column), ["😋b", ""])


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        (0, 1, "a line from 1 to 2"),
        (3, 1, "got 3"),
        (1, 4, "a column from 1 to 3"),
        (1, 0, "got 0"),
    ],
)
def test_outside_is_wrong_usage(line: int, column: int, message: str) -> None:
    """The message names the range and what was asked for."""
    with pytest.raises(UsageError, match=message):
        check_inside(Location(file=Path("a"), line=line, column=column), ["😋b", ""])


def test_missing_file_and_binary_file_are_wrong_usage(tmp_path: Path) -> None:
    """Each says what was expected and what was found."""
    binary = tmp_path / "b.py"
    binary.write_bytes(b"ok\xff")

    with pytest.raises(UsageError, match="No such file"):
        read_source(tmp_path / "none.py")
    with pytest.raises(UsageError, match="byte 0xff at offset 2"):
        read_source(binary)
