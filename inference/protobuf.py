"""Protobuf's wire format: the fields of one message, without a schema and without recursion.

A nested message is read only when it is asked for, so depth is what the caller's code is. No length
is trusted before it was compared with the bytes that are there, and a field that must be single
and is not is an error: two readers that disagree about it would see two different files.
"""

import struct
from collections.abc import Iterator
from typing import Final, TypeAlias

MAX_FIELDS: Final = 200_000  # of one message, or numbers of one list: far above any real model

_Raw: TypeAlias = int | memoryview  # a varint, or the bytes of everything else

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
_FIXED_BYTES: Final = {FIXED64: 8, FIXED32: 4}
VARINT_MORE: Final = 0x80  # this bit of a byte: another one follows


class WireError(Exception):
    """The bytes are no protobuf message, or not the one expected; says what was found."""


class Message:
    """The fields of one message, by number.

    Raises:
        WireError: from every method, when the bytes are not what was asked for.
    """

    __slots__ = ("_fields",)

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[tuple[int, _Raw]]] = {}
        for count, (number, wire, value) in enumerate(_fields(data)):
            if count == MAX_FIELDS:
                raise WireError(f"a message of more than {MAX_FIELDS} fields")
            self._fields.setdefault(number, []).append((wire, value))

    def numbers(self) -> frozenset[int]:
        """Return the numbers of the fields that are present."""
        return frozenset(self._fields)

    def integer(self, number: int) -> int:
        """Return a signed number, 0 if absent."""
        found = self._single(number)
        return 0 if found is None else _integer(*found)

    def integers(self, number: int) -> list[int]:
        """Return a repeated number, which a writer may pack into one field or repeat."""
        numbers: list[int] = []
        for wire, value in self._fields.get(number, ()):
            if wire == BYTES and not isinstance(value, int):
                numbers.extend(_packed_integers(value))
            else:
                numbers.append(_integer(wire, value))
        return numbers

    def single_float(self, number: int) -> float:
        """Return a 32-bit float, 0 if absent."""
        found = self._single(number)
        return 0.0 if found is None else _float(*found)

    def floats(self, number: int) -> list[float]:
        """Return a repeated 32-bit float, packed or not."""
        numbers: list[float] = []
        for wire, value in self._fields.get(number, ()):
            if wire == BYTES and not isinstance(value, int):
                numbers.extend(_packed_floats(value))
            else:
                numbers.append(_float(wire, value))
        return numbers

    def text(self, number: int) -> str:
        """Return a string, empty if absent."""
        found = self._single(number)
        return "" if found is None else _text(*found)

    def texts(self, number: int) -> tuple[str, ...]:
        """Return a repeated string."""
        return tuple(_text(wire, value) for wire, value in self._fields.get(number, ()))

    def num_bytes(self, number: int) -> int:
        """Return how many bytes a bytes field holds, 0 if absent."""
        found = self._single(number)
        return 0 if found is None else len(_bytes(*found))

    def message(self, number: int) -> "Message | None":
        """Return a nested message."""
        found = self._single(number)
        return None if found is None else Message(_bytes(*found))

    def messages(self, number: int) -> "Iterator[Message]":
        """Yield a repeated nested message."""
        for wire, value in self._fields.get(number, ()):
            yield Message(_bytes(wire, value))

    def _single(self, number: int) -> tuple[int, _Raw] | None:
        found = self._fields.get(number)
        if found is None:
            return None
        if len(found) > 1:
            raise WireError(f"field {number} more than once in one message")
        return found[0]


def _fields(data: memoryview) -> Iterator[tuple[int, int, _Raw]]:
    """Yield number, wire type and value of each field."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, position = _varint(data, position)
        elif wire in _FIXED_BYTES:
            length = _FIXED_BYTES[wire]
        else:
            raise WireError(f"the wire type {wire}")
        if length > len(data) - position:
            raise WireError("a field that ends behind its message")
        yield number, wire, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Return the unsigned 64-bit number at ``position`` and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise WireError("a number cut off by the end of its message")
        byte = data[position]
        position += 1
        value |= (byte & ~VARINT_MORE) << shift
        if byte < VARINT_MORE:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise WireError("a number of more than 10 bytes")


def _bytes(wire: int, value: _Raw) -> memoryview:
    if wire != BYTES or isinstance(value, int):
        raise WireError(f"wire type {wire} where bytes belong")
    return value


def _text(wire: int, value: _Raw) -> str:
    try:
        return str(_bytes(wire, value), "utf-8")
    except UnicodeDecodeError:
        raise WireError("a name that is not UTF-8") from None


def _integer(wire: int, value: _Raw) -> int:
    if wire != VARINT or not isinstance(value, int):
        raise WireError(f"wire type {wire} where a number belongs")
    return value - 2**64 if value >= 2**63 else value


def _float(wire: int, value: _Raw) -> float:
    if wire != FIXED32 or isinstance(value, int):
        raise WireError(f"wire type {wire} where a float belongs")
    return float(struct.unpack("<f", value)[0])


def _packed_integers(data: memoryview) -> Iterator[int]:
    position = 0
    if len(data) > 10 * MAX_FIELDS:
        raise WireError(f"a list of numbers in {len(data)} bytes")
    while position < len(data):
        number, position = _varint(data, position)
        yield _integer(VARINT, number)


def _packed_floats(data: memoryview) -> tuple[float, ...]:
    if len(data) % 4 or len(data) > 4 * MAX_FIELDS:
        raise WireError(f"a list of floats in {len(data)} bytes")
    return struct.unpack(f"<{len(data) // 4}f", data)
