"""Takes a Python file with syntax errors apart, so that one error hides no more than its piece."""

import re
import time
from collections.abc import Sequence
from typing import Final

from lsp_server.syntax.parsing import parse

_BEGINS: Final = re.compile(rb"^(?=[^\s)\]}#])", re.MULTILINE)
_GOES_ON: Final = re.compile(rb"(?:else|elif|except|finally|case)\b")
_DECORATOR: Final = b"@"
_NOT_LINE_ENDS: Final = re.compile(rb"[^\n]")
_TIME_LIMIT_S: Final = 0.5  # of processor time, for all pieces: no code has as many broken ones
_MOST_BROKEN: Final = 256  # of a file that is Python at all
_MAX_BROKEN: Final = 32  # pieces that are read by themselves; the other broken ones are not


def broken_apart(source: bytes) -> list[bytes]:
    """Return the file without its broken pieces, and each of those alone.

    A piece begins at the left margin. What is left out is blanked, so that all stays on its line.
    What is not reached in time counts as broken.
    """
    pieces = _pieces(source)
    deadline = time.thread_time() + _TIME_LIMIT_S
    broken = [
        span for span in pieces if time.thread_time() > deadline or _is_broken(source[slice(*span)])
    ]
    whole = [span for span in pieces if span not in set(broken)]
    alone = broken[:_MAX_BROKEN] if len(broken) <= _MOST_BROKEN else []
    return [_only(source, whole), *(_only(source, [span]) for span in alone)]


def _pieces(source: bytes) -> list[tuple[int, int]]:
    starts = [0]
    is_decorated = False
    for match in _BEGINS.finditer(source):
        start = match.start()
        if start and not is_decorated and not _GOES_ON.match(source, start):
            starts.append(start)
        is_decorated = source.startswith(_DECORATOR, start)
    return list(zip(starts, [*starts[1:], len(source)], strict=True))


def _is_broken(piece: bytes) -> bool:
    parsed = parse("python", piece)
    return parsed is None or parsed.tree.root_node.has_error


def _only(source: bytes, kept: Sequence[tuple[int, int]]) -> bytes:
    """Return the source with blanks for all but some spans, given in their order."""
    parts = []
    at = 0
    for start, end in kept:
        parts += [_NOT_LINE_ENDS.sub(b" ", source[at:start]), source[start:end]]
        at = end
    return b"".join([*parts, _NOT_LINE_ENDS.sub(b" ", source[at:])])
