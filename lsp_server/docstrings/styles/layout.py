"""What a docstring's lines look like: width, indentation, quotes."""

import re
import textwrap
from dataclasses import dataclass
from typing import Final

LEAST_WIDTH: Final = 20  # columns for text, however deep it stands
_UNBROKEN: Final = "\1"  # stands for a blank at which no line ends
_CODE: Final = re.compile(r"`[^`]+`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the lines of one docstring are set."""

    indent: str  # of the docstring, as the body around it is indented
    unit: str  # one step more
    width: int  # columns of a line, indentation included
    quotes: str  # three of them
    types: bool  # types stand in the docstring although they are annotated (google, sphinx)
    summary_first: bool  # the summary stands on the line of the opening quotes

    @property
    def room(self) -> int:
        """Columns behind the indentation."""
        return max(LEAST_WIDTH, self.width - len(self.indent.expandtabs(4)))


def filled(text: str, first: str, rest: str, room: int, head: str = "") -> list[str]:
    """Break a text into lines.

    Args:
        text: one paragraph.
        first: stands before it on the first line.
        rest: before each other line.
        room: columns of a line.
        head: stands before the text on the first line, which is not broken inside it.
    """
    opened = textwrap.wrap(
        head.replace(" ", _UNBROKEN, head.count(" ") - 1) + text if head else text,
        width=max(LEAST_WIDTH, room - len(first.expandtabs(4))),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    lines = [(first + opened[0].replace(_UNBROKEN, " ")).rstrip()]
    behind = " ".join(opened[1:])
    if behind:
        width = max(LEAST_WIDTH, room - len(rest.expandtabs(4)))
        lines += [
            rest + line
            for line in textwrap.wrap(
                behind, width=width, break_long_words=False, break_on_hyphens=False
            )
        ]
    return lines


def with_double_backticks(text: str) -> str:
    """Return a text whose code is marked as reStructuredText marks it."""
    return _CODE.sub(lambda found: f"`{found[0]}`", text)
