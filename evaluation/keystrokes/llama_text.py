"""llama.vim's view of a buffer: what it sends of it, and what of an answer it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.keystrokes.assistant import Suggestion

_PREFIX_LINES: Final = 256
_SUFFIX_LINES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The text around a place, or around where it would be after accepting what is shown."""

    prefix: str  # whole lines
    middle: str  # the line's beginning
    suffix: str  # the line's rest and further lines
    line_rest: str
    indent: int


def around(lines: Sequence[str], row: int, column: int, ahead: Sequence[str] = ()) -> Around:
    """Cut the lines around a place.

    Args:
        lines: of the whole buffer.
        row: from 0.
        column: in characters.
        ahead: the lines of what is shown there, as if they were accepted.
    """
    line = lines[row]
    middle, rest = line[:column], line[column:]
    indent = len(line) - len(line.lstrip())
    above = list(lines[max(0, row - _PREFIX_LINES) : row])
    if ahead:
        text = [middle + ahead[0], *ahead[1:]]
        above, middle = above + text[:-1], text[-1]
    elif not line.strip():
        middle, rest, indent = "", "", 0  # the model writes the indentation
    below = lines[row + 1 : row + 1 + _SUFFIX_LINES]
    return Around(
        prefix="".join(other + "\n" for other in above),
        middle=middle,
        suffix="\n".join([rest, *below]) + "\n",
        line_rest=rest,
        indent=indent,
    )


def shown_text(content: str, lines: Sequence[str], row: int, column: int) -> Suggestion | None:
    """Return what is shown of an answer at a place, None where it is discarded.

    Discarded are blank answers and those that repeat what stands there: the rest of the line, or
    the next lines. The rest of the line moves behind what is shown.
    """
    parts = content.split("\n")
    while parts and not parts[-1]:
        parts.pop()
    if not parts:
        return None
    line, rest = lines[row], lines[row][column:]
    if not line.strip():
        lead = min(len(parts[0]) - len(parts[0].lstrip()), len(line))
        parts[0] = parts[0][lead:]
    if _repeats(parts, lines, row, column):
        return None
    text = "\n".join(parts)
    return Suggestion(text=text + rest, absorbed=len(rest)) if text.strip() else None


def _repeats(parts: Sequence[str], lines: Sequence[str], row: int, column: int) -> bool:
    count = len(parts)
    if count == 1 and parts[0] == lines[row][column:]:
        return True
    if count > 1 and not parts[0] and list(parts[1:]) == list(lines[row + 1 : row + count]):
        return True
    below = row + 1
    while below < len(lines) - 1 and not lines[below].strip():
        below += 1
    if below >= len(lines) or lines[row][:column] + parts[0] != lines[below]:
        return False
    if count == 1:
        return True
    following = lines[below + 1 : below + count]
    begun = bool(following) and following[0].startswith(parts[1])
    return begun if count == 2 else list(parts[1:]) == list(following)  # noqa: PLR2004 - two lines
