"""One line of code as words, strings, brackets and signs; also of a line that does not parse."""

import re
from typing import Final, NamedTuple

OPENERS: Final = {"(": ")", "[": "]", "{": "}"}
CLOSERS: Final = {closer: opener for opener, closer in OPENERS.items()}
_TOKEN: Final = re.compile(
    r"(?P<string>[rbfuRBFU]{0,2}(?:'''.*?(?:'''|$)|\"\"\".*?(?:\"\"\"|$)"
    r"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"))"
    r"|(?P<open>['\"].*)|(?P<comment>\#.*)|(?P<word>[^\W\d]\w*)|(?P<number>\d\w*(?:\.(?:\d\w*|(?![\w.])))?)"
    r"|(?P<sign>->|:=|\*\*=?|//=?|[=!<>]=|[-+*/%&|^@]=|\.\.\.|\S)"
)


class Token(NamedTuple):
    """A part of a line between two columns."""

    kind: str  # string, open (a string without its end), word, number, sign
    text: str
    start: int
    end: int


class Unmatched(NamedTuple):
    """The brackets of a line whose partners are not on it."""

    openers: list[Token]
    closers: list[Token]


def tokens(line: str) -> list[Token]:
    """Return the tokens of a line, its comment left out."""
    found = (
        Token(match.lastgroup or "", match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(line)
    )
    return [token for token in found if token.kind != "comment"]


def unmatched(line: list[Token]) -> Unmatched:
    """Return the brackets of a line that have no partner on it."""
    openers: list[Token] = []
    closers: list[Token] = []
    for token in line:
        if token.text in OPENERS:
            openers.append(token)
        elif token.text in CLOSERS:
            if openers and openers[-1].text == CLOSERS[token.text]:
                openers.pop()
            else:
                closers.append(token)
    return Unmatched(openers, closers)
