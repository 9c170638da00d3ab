"""Pieces of other open files that resemble the surroundings of the cursor."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from inference import Snippet
from lsp_server.context.other_file import OtherFile, words

WINDOW_LINES: Final = 20
_STEP_LINES: Final = 10
_MOST: Final = 2
_LEAST_LIKENESS: Final = 0.12  # below it two pieces share little more than the language's words
# More alike is the cursor's own text: what the prompt has already, or a copy of it.
_MOST_LIKENESS: Final = 0.5
_LEAST_WORDS: Final = 5


def similar(near: str, visible: str, others: Sequence[OtherFile]) -> tuple[Snippet, ...]:
    """Return the most alike windows, by the Jaccard index of their words, in the order of paths.

    Args:
        near: the lines around the cursor.
        visible: what the prompt shows of the document itself.
        others: the files that may be quoted.
    """
    wanted = words(near)
    if len(wanted) < _LEAST_WORDS:
        return ()
    found = []
    for file in others:
        best = max(_windows(file, wanted), default=None)
        if best is not None and best[0] >= _LEAST_LIKENESS:
            found.append((-best[0], file.path, -best[1], file))
    chosen = []
    for _, path, start, file in sorted(found, key=lambda item: item[:3]):
        text = "\n".join(file.lines[start : start + WINDOW_LINES]).strip("\n") + "\n"
        if text.strip() not in visible:
            chosen.append((path, text))
        if len(chosen) == _MOST:
            break
    return tuple(Snippet(path=path, text=text) for path, text in sorted(chosen))


def _windows(file: OtherFile, wanted: frozenset[str]) -> list[tuple[float, int]]:
    """Return the likeness of a file's windows that may be quoted, each with minus its start."""
    lines = file.words_of_lines
    if not any(wanted & line for line in lines):
        return []
    held: Counter[str] = Counter()
    found = []
    for start in range(0, max(1, len(lines) - _STEP_LINES), _STEP_LINES):
        if start == 0:
            held.update(word for line in lines[:WINDOW_LINES] for word in line)
        else:
            held.subtract(word for line in lines[start - _STEP_LINES : start] for word in line)
            new = lines[start + WINDOW_LINES - _STEP_LINES : start + WINDOW_LINES]
            held.update(word for line in new for word in line)
            held = +held
        if len(held) >= _LEAST_WORDS:
            shared = len(wanted & held.keys())
            likeness = shared / (len(wanted) + len(held) - shared)
            if likeness <= _MOST_LIKENESS:
                found.append((likeness, -start))
    return found
