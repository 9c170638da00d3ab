"""A suggestion drawn into the lines around it, as an editor would show ghost text."""

from collections.abc import Sequence

DIM, RESET = "\x1b[2;3m", "\x1b[0m"
CONTEXT_LINES = 6


def ghost_view(
    lines: Sequence[str], line: int, column: int, ghost: str, *, replaced: int = 0, colour: bool
) -> str:
    """Return the lines around a cursor with the ghost text in place.

    Args:
        lines: the document, without line ends.
        line: index of the cursor's line, from 0.
        column: code points left of the cursor on that line.
        ghost: the suggestion; may span lines.
        replaced: code points right of the cursor that the suggestion takes the place of.
        colour: dim italics for the ghost text; without, it stands between the signs ⟦ ⟧.

    Returns:
        Text with line numbers, the ghost text's further lines marked with `+`.
    """
    opening, closing = (DIM, RESET) if colour else ("⟦", "⟧")
    first = max(0, line - CONTEXT_LINES)
    last = min(len(lines), line + 1 + CONTEXT_LINES // 2)
    out: list[str] = []
    for index in range(first, last):
        text = lines[index]
        if index != line:
            out.append(f"{index + 1:>6}  {text}")
            continue
        head, *tail = ghost.split("\n")
        rest = text[column + replaced :]
        shown = [f"{index + 1:>6}  {text[:column]}{opening}{head}{closing}"]
        shown += [f"{'+':>6}  {opening}{piece}{closing}" for piece in tail]
        shown[-1] += rest
        out += shown
    return "\n".join(out)
