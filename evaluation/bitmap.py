"""A picture of pixels: filled boxes, capitals three by five, and the PNG file of it.

PNG (ISO/IEC 15948): a signature, then chunks of length, type, data and CRC-32; the pixel rows, each
behind a filter byte, are one zlib stream.
"""

import struct
import zlib
from typing import Final, TypeAlias

import numpy as np

Colour: TypeAlias = tuple[int, int, int]  # red, green, blue of 0..255

_SCALE: Final = 2  # pixels a dot of a letter
# Each letter as five rows of three dots, a row being an octal digit: 4 left, 2 middle, 1 right.
_FONT: Final = {
    **dict(zip("0123456789", (
        "75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717",
    ), strict=True)),
    **dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
        "25755", "65656", "34443", "65556", "74647", "74644", "34553", "55755", "72227", "11152",
        "55655", "44447", "57755", "65555", "25552", "65644", "25563", "65655", "34216", "72222",
        "55557", "55552", "55775", "55255", "55222", "71247",
    ), strict=True)),
    " ": "00000", ".": "00002", ",": "00024", "-": "00700", "%": "51245", ":": "02020",
}  # fmt: skip


class Bitmap:
    """White until something is drawn; what lies outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self._pixels = np.full((height, width, 3), 255, dtype=np.uint8)

    def fill(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Paint a box; x and y are its upper left corner."""
        self._pixels[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = colour

    def text(self, text: str, x: int, y: int, colour: Colour) -> None:
        """Write capitals around a middle; a character that the font lacks leaves a gap."""
        left = x - (4 * len(text) - 1) * _SCALE // 2
        top = y - 5 * _SCALE // 2
        for index, letter in enumerate(text.upper()):
            for row, dots in enumerate(_FONT.get(letter, _FONT[" "])):
                for column in range(3):
                    if int(dots, 8) & 4 >> column:
                        at = left + (4 * index + column) * _SCALE
                        self.fill(at, top + row * _SCALE, _SCALE, _SCALE, colour)

    def png(self) -> bytes:
        """Return the PNG file."""
        height, width, _ = self._pixels.shape
        rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # filter 0: bytes as they are
        rows[:, 1:] = self._pixels.reshape(height, -1)
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB
        return b"".join(
            [
                b"\x89PNG\r\n\x1a\n",
                _chunk(b"IHDR", head),
                _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
                _chunk(b"IEND", b""),
            ]
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
