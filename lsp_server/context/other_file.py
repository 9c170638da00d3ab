"""Another file as context sees it: its text without keys, its lines, its definitions."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from lsp_server.syntax.definitions import Definition, definitions
from lsp_server.syntax.grammars import grammar_name
from lsp_server.syntax.parsing import parse

MAX_CHARACTERS: Final = 128_000  # of a longer file the beginning is looked at
_WORD: Final = re.compile(r"[^\W\d]\w{2,}")


@dataclass(frozen=True, kw_only=True)
class OtherFile:
    """One version of a file that may be quoted; what is costly is worked out once."""

    path: str  # relative to the workspace, "/"
    text: str  # "\n" line ends; what looks like a key is taken out already

    @classmethod
    def ready(cls, path: str, text: str) -> Self:
        """Make one and do what is costly now."""
        file = cls(path=path, text=text)
        _ = file.words_of_lines, file.definitions
        return file

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text[:MAX_CHARACTERS].split("\n")

    @cached_property
    def words_of_lines(self) -> list[frozenset[str]]:
        """The identifiers of each line."""
        return [words(line) for line in self.lines]

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """What the file defines; nothing where there is no grammar."""
        grammar = grammar_name("", self.path)
        source = self.text[:MAX_CHARACTERS].encode("utf-8", "replace")
        parsed = None if grammar is None else parse(grammar, source)
        return () if parsed is None else definitions(parsed)


def words(text: str) -> frozenset[str]:
    """Return the identifiers of three or more characters."""
    return frozenset(_WORD.findall(text))
