"""Bytes of a connection to LSP messages: header lines, lengths, limits; no input or output."""

import re
from dataclasses import dataclass

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_MAX_HEADER_BYTES = 1024
_CONTENT_LENGTH = re.compile(rb"content-length:[ \t]*([0-9]{1,18})[ \t]*", re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"content-type:.*", re.IGNORECASE)
_CHARSET = re.compile(rb"charset[ \t]*=[ \t]*\"?([^\";\s]+)", re.IGNORECASE)


class FramingError(Exception):
    """What arrived is no LSP message; the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Oversized:
    """A message that was refused (its bytes were dropped as they came) and how long it is."""

    size_bytes: int


class MessageSplitter:
    """Cuts a stream into the bodies of LSP messages, however it was cut into reads."""

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._length: int | None = None  # of the message whose header is being read
        self._body_bytes: int | None = None  # set once the header is complete
        self._skip_bytes = 0  # of a refused message, still to come

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """Take what was read and return the messages that are complete by it.

        Raises:
            FramingError: a header line other than Content-Length and Content-Type, as of HTTP.
        """
        messages: list[bytes | Oversized] = []
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(data))
            self._skip_bytes -= skipped
            data = data[skipped:]
        self._buffer += data
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | Oversized | None:
        if self._body_bytes is None:
            self._body_bytes = self._read_header()
        size = self._body_bytes
        if size is None:
            return None
        if size > self._max_bytes:
            self._body_bytes = None
            self._skip_bytes = max(0, size - len(self._buffer))
            del self._buffer[:size]
            return Oversized(size)
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._body_bytes = None
        return body

    def _read_header(self) -> int | None:
        """Return the length that a complete header tells, or None while more is to come."""
        while True:
            end = self._buffer.find(b"\r\n", 0, _MAX_HEADER_BYTES)
            if end < 0:
                if len(self._buffer) >= _MAX_HEADER_BYTES:
                    raise FramingError("expected a header line of LSP, found none in 1 KiB")
                return None
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            if line:
                self._header_line(line)
                continue
            if self._length is None:
                raise FramingError("expected a Content-Length header, found an empty line")
            size, self._length = self._length, None
            return size

    def _header_line(self, line: bytes) -> None:
        if match := _CONTENT_LENGTH.fullmatch(line):
            if self._length is not None:
                raise FramingError("expected one Content-Length header, found two")
            self._length = int(match[1])
            return
        if _CONTENT_TYPE.fullmatch(line) is None:
            # A browser that was talked into sending us a request: nothing of it may be obeyed.
            raise FramingError("expected Content-Length or Content-Type, found another header line")
        charset = _CHARSET.search(line)
        if charset and charset[1].lower() not in {b"utf-8", b"utf8"}:
            raise FramingError("expected the charset utf-8 in Content-Type, found another")
