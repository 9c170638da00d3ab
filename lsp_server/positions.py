"""LSP positions (utf-8, utf-16 or utf-32 units of one line) to indices of code points, and back."""

from enum import StrEnum

_UTF8_CONTINUATION_MASK = 0xC0
_UTF8_CONTINUATION = 0x80
# The upper bytes of the two halves of a utf-16 surrogate pair.
_HIGH_HALF = range(0xD8, 0xDC)
_LOW_HALF = range(0xDC, 0xE0)


class PositionEncoding(StrEnum):
    """The unit in which client and server count `character` (negotiated in `initialize`)."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


def index_of_units(line: str, units: int, encoding: PositionEncoding) -> int:
    """Return the index of the code point that stands `units` units into `line`.

    A count past the end means the end, as LSP 3.17 says of `Position.character`; a count inside of
    a character means its beginning.

    Args:
        line: one line without its line end.
        units: 0 or more.
        encoding: what a unit is.
    """
    if encoding is PositionEncoding.UTF32 or line.isascii():
        return min(units, len(line))
    # A character has at least one unit: what stands after `units` characters cannot matter.
    head = line[: units + 1]
    if encoding is PositionEncoding.UTF8:
        data = head.encode("utf-8", "surrogatepass")
        end = min(units, len(data))
        while end < len(data) and data[end] & _UTF8_CONTINUATION_MASK == _UTF8_CONTINUATION:
            end -= 1
        return len(data[:end].decode("utf-8", "surrogatepass"))
    data = head.encode("utf-16-le", "surrogatepass")
    end = min(2 * units, len(data))
    if end < len(data) and data[end + 1] in _LOW_HALF and data[end - 1] in _HIGH_HALF:
        end -= 2  # between the two halves of a surrogate pair
    return len(data[:end].decode("utf-16-le", "surrogatepass"))


def units_of_index(line: str, index: int, encoding: PositionEncoding) -> int:
    """Return how many units stand before code point `index` of `line` (the inverse)."""
    head = line[:index]
    if encoding is PositionEncoding.UTF32 or head.isascii():
        return len(head)
    if encoding is PositionEncoding.UTF8:
        return len(head.encode("utf-8", "surrogatepass"))
    return len(head.encode("utf-16-le", "surrogatepass")) // 2
