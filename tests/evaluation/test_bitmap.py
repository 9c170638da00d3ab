"""PNG files are read back by a decoder written from the format."""

import struct
import zlib

import numpy as np
import pytest

from evaluation.bitmap import Bitmap


def decode(png: bytes) -> np.ndarray:
    """Return the pixels [height, width, 3] of a PNG with 8-bit RGB, no filter, one stream."""
    assert png[:8] == bytes([137, 80, 78, 71, 13, 10, 26, 10])
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", png, at + 8 + length)
        assert checksum == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colours, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colours, rest) == (8, 2, [0, 0, 0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_a_box_is_where_it_was_painted() -> None:
    """Its corners belong to it, the pixels around it stay white."""
    bitmap = Bitmap(9, 7)
    bitmap.fill(2, 3, 4, 2, (1, 2, 3))
    pixels = decode(bitmap.png())

    assert pixels.shape == (7, 9, 3)
    assert (pixels[3:5, 2:6] == (1, 2, 3)).all()
    assert (pixels == 255).all(axis=2).sum() == 9 * 7 - 4 * 2


@pytest.mark.parametrize(("x", "y"), [(-2, -2), (8, 6), (100, 100)])
def test_what_lies_outside_is_cut_off(x: int, y: int) -> None:
    """A box over an edge paints its part inside."""
    bitmap = Bitmap(9, 7)
    bitmap.fill(x, y, 3, 3, (0, 0, 0))
    painted = (decode(bitmap.png()) == 0).all(axis=2).sum()

    assert painted == (1 if x < 50 else 0)


def test_letters_differ_and_stand_around_their_middle() -> None:
    """Each character has a shape of its own; small letters are written as capitals."""

    def drawn(text: str) -> np.ndarray:
        bitmap = Bitmap(40, 20)
        bitmap.text(text, 20, 10, (0, 0, 0))
        return (decode(bitmap.png()) == 0).all(axis=2)

    letters = (
        "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ.,-%:"  # the letter O looks like 0 but for corners
    )
    assert len({drawn(letter).tobytes() for letter in letters}) == len(letters)
    assert (drawn("a") == drawn("A")).all()
    assert not drawn("é").any()
    rows, columns = np.nonzero(drawn("HH"))
    assert abs(rows.mean() - 9.5) <= 1
    assert abs(columns.mean() - 19.5) <= 1
