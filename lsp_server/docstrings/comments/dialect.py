"""Which dialect of comments a language has, and how a file's own comments are set."""

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lsp_server.docstrings.facts import FunctionFacts
from lsp_server.docstrings.styles.layout import LEAST_WIDTH
from lsp_server.document import Document


class Dialect(StrEnum):
    """How a comment names what it describes."""

    JSDOC = "jsdoc"
    TSDOC = "tsdoc"
    RUSTDOC = "rustdoc"
    GODOC = "godoc"
    JAVADOC = "javadoc"
    DOXYGEN = "doxygen"


DIALECTS: Final = {
    "javascript": Dialect.JSDOC,
    "typescript": Dialect.TSDOC,
    "tsx": Dialect.TSDOC,
    "rust": Dialect.RUSTDOC,
    "go": Dialect.GODOC,
    "java": Dialect.JAVADOC,
    "c": Dialect.DOXYGEN,
    "cpp": Dialect.DOXYGEN,
}
_WIDTHS: Final = {Dialect.RUSTDOC: 100, Dialect.JAVADOC: 100}  # rustfmt's, Google's for Java
_WIDTH: Final = 80  # prettier's, clang-format's; gofmt has none
_LINE_OPENINGS: Final = {Dialect.RUSTDOC: "///", Dialect.GODOC: "//"}
_DOXYGEN_OPENING: Final = re.compile(
    r"^[ \t]*(///(?![/<])|//!(?!<)|/\*\*(?![*/<])|/\*!(?!<))", re.MULTILINE
)
_COMMAND: Final = re.compile(r"([@\\])(?:param|returns?|brief)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentLayout:
    """How the lines of one comment are set."""

    indent: str
    width: int  # columns of a line, indentation included
    opening: str  # "/**", "/*!", or the sign of each line: "///", "//!", "//"
    sign: str  # of a tag: "@", Doxygen also "\\"

    @property
    def is_block(self) -> bool:
        """Whether it has an end of its own."""
        return self.opening.startswith("/*")

    @property
    def prefix(self) -> str:
        """What stands before the text of a line, without its blank."""
        return " *" if self.is_block else self.opening

    @property
    def room(self) -> int:
        """Columns for the text of a line."""
        taken = len(self.indent.expandtabs(4)) + len(self.prefix) + 1
        return max(LEAST_WIDTH, self.width - taken)


def choose_comment_layout(
    document: Document, facts: FunctionFacts, dialect: Dialect, width: int | None = None
) -> CommentLayout:
    """Return how the comment of a function is set in its file.

    Args:
        document: the file; Doxygen has several signs, of which its own comments tell the usual.
        facts: of the function.
        dialect: of the language.
        width: configured, if any is.
    """
    line = document.line(facts.span.start.line)
    opening, sign = _LINE_OPENINGS.get(dialect, "/**"), "@"
    if dialect is Dialect.DOXYGEN:
        text = document.text()
        openings = Counter(_DOXYGEN_OPENING.findall(text)).most_common(1)
        signs = Counter(_COMMAND.findall(text)).most_common(1)
        opening = openings[0][0] if openings else opening
        sign = signs[0][0] if signs else sign
    return CommentLayout(
        indent=line[: len(line) - len(line.lstrip(" \t"))],
        width=width or _WIDTHS.get(dialect, _WIDTH),
        opening=opening,
        sign=sign,
    )
