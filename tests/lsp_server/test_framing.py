"""Framing: messages are found however the stream is cut, and nothing but LSP passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.framing import FramingError, MessageSplitter, Oversized


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@given(bodies=st.lists(st.binary(max_size=20), max_size=5), cuts=st.lists(st.integers(1, 30)))
def test_messages_are_found_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    """The bodies come out whole and in order for every way of reading."""
    stream = b"".join(map(framed, bodies))
    splitter = MessageSplitter()

    found = []
    for cut in [*cuts, len(stream) + 1]:
        found += splitter.feed(stream[:cut])
        stream = stream[cut:]

    assert found == bodies


def test_both_headers_in_any_order_and_case() -> None:
    """Header names are as in HTTP: without regard to case."""
    head = b"content-type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:2\r\n\r\n"

    assert MessageSplitter().feed(head + b"{}") == [b"{}"]


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        b"Host: localhost\r\n",
        b"Content-Length: 2\r\nOrigin: https://example.org\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: two\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Type: text/plain; charset=utf-16\r\n\r\n",
        b"\r\n",
        b"x" * 2000,
    ],
)
def test_anything_but_lsp_is_refused(data: bytes) -> None:
    """A browser's request, a wrong length, another charset, an endless line: all are errors."""
    with pytest.raises(FramingError):
        MessageSplitter().feed(data)


def test_an_oversized_message_is_dropped_and_the_next_one_read() -> None:
    """Of a message over the limit nothing is kept, and what follows it is intact."""
    splitter = MessageSplitter(max_bytes=10)
    stream = framed(b"x" * 11) + framed(b"{}")

    found = [message for byte in stream for message in splitter.feed(bytes([byte]))]

    assert found == [Oversized(11), b"{}"]


def test_nothing_of_an_oversized_message_is_held() -> None:
    """A length of exabytes reserves no memory, however much of it arrives."""
    splitter = MessageSplitter()
    splitter.feed(b"Content-Length: 999999999999999999\r\n\r\n")

    for _ in range(100):
        assert splitter.feed(b"x" * 65536) == []
    assert len(splitter._buffer) == 0
