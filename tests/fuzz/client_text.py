"""A document as its client has it: the oracle that the server's text is compared with.

Written from LSP 3.17 alone and as plainly as can be: one string, positions found by counting units
character by character, nothing shared with `lsp_server.document`.
"""

import re
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile("\r\n|\r|\n")
_UNITS: Final = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@dataclass(slots=True)
class ClientText:
    """One open document; `encoding` is what a position's unit is."""

    text: str
    version: int
    encoding: str

    def __post_init__(self) -> None:
        self.text = _joined(self.text)

    def replace(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        """Put a text between two positions, as (line, character)."""
        left, right = sorted((self._offset(*start), self._offset(*end)))
        self.text = _joined(self.text[:left] + text + self.text[right:])

    def lines(self) -> list[str]:
        """Return the lines without their ends, at least one."""
        return _LINE_END.split(self.text)

    def num_units(self, line: int) -> int:
        """Return the length of a line in units."""
        return sum(map(self._units, self.lines()[line]))

    def _offset(self, line: int, character: int) -> int:
        start = 0
        for _ in range(line):
            found = _LINE_END.search(self.text, start)
            if found is None:
                return len(self.text)
            start = found.end()
        at, left = start, character
        while at < len(self.text) and self.text[at] not in "\r\n":
            left -= self._units(self.text[at])
            if left < 0:
                break
            at += 1
        return at

    def _units(self, character: str) -> int:
        codec, width = _UNITS[self.encoding]
        return len(character.encode(codec, "surrogatepass")) // width


def _joined(text: str) -> str:
    """Join the halves of surrogate pairs, as UTF-16 does by itself."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
