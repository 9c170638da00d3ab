"""Positions: units of the three encodings against a character-by-character count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.positions import PositionEncoding, index_of_units, units_of_index

ENCODINGS = list(PositionEncoding)
LINES = st.text(
    st.sampled_from("ab \té߿ࠀ文\u2028\x0c\uffff😋\U0010ffff\ud800"), max_size=12
).filter(lambda line: "\ud800" not in line or "\udc00" not in line)


def units_of(character: str, encoding: PositionEncoding) -> int:
    """Count by the definition of each encoding."""
    code = ord(character)
    if encoding is PositionEncoding.UTF32:
        return 1
    if encoding is PositionEncoding.UTF16:
        return 1 + (code > 0xFFFF)
    return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=LINES)
def test_every_index_survives_the_way_there_and_back(line: str, encoding: PositionEncoding) -> None:
    """Units count as defined, and lead back to the same character, at every index of a line."""
    units = 0
    for index in range(len(line) + 1):
        assert units_of_index(line, index, encoding) == units
        assert index_of_units(line, units, encoding) == index

        units += units_of(line[index], encoding) if index < len(line) else 0


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(line=LINES, units=st.integers(0, 60))
def test_any_count_lands_on_a_character(line: str, units: int, encoding: PositionEncoding) -> None:
    """A count inside of a character means its beginning, one past the end means the end."""
    index = index_of_units(line, units, encoding)

    assert 0 <= index <= len(line)
    before = sum(units_of(character, encoding) for character in line[:index])
    assert before <= units
    if index < len(line):
        assert units < before + units_of(line[index], encoding)


def test_known_columns_behind_an_emoji() -> None:
    """The quote behind the emoji of `x="😋"` has the columns that the LSP issue 376 lists."""
    line = 'x="😋"'

    assert [units_of_index(line, 4, encoding) for encoding in ENCODINGS] == [7, 5, 4]


def test_a_long_line_is_not_walked_in_python() -> None:
    """Only the part before the position is looked at, also in a line of a megabyte."""
    line = "é" * 1_000_000

    assert index_of_units(line, 10, PositionEncoding.UTF16) == 10
    assert index_of_units(line, 21, PositionEncoding.UTF8) == 10
