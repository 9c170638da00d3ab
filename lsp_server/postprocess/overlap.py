"""What a suggestion repeats of the text behind the cursor: cut it, absorb it, or refuse."""

from dataclasses import dataclass

from lsp_server.postprocess.closers import absorbed_closers, only_closers
from lsp_server.postprocess.reject import RejectReason

_MIN_WORD_OVERLAP = 2  # a single character in common is chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """Text to insert at the cursor in place of `absorbed` characters behind it."""

    text: str
    absorbed: int  # code points of the cursor's line; they are a subsequence of `text`


def fit_to_suffix(text: str, line_before: str, suffix: str) -> Insertion | RejectReason:
    """Make `text` stand between its line's beginning and `suffix` without saying anything twice."""
    rest, _, below = suffix.partition("\n")
    if not rest.strip():
        fitted = _without_repeated_lines(text, line_before, below)
        if isinstance(fitted, RejectReason):
            return fitted
        return Insertion(text=fitted, absorbed=0)
    if not only_closers(rest):
        return _before_words(text, rest)
    absorbed = absorbed_closers(text, rest)
    if "\n" in text and rest[absorbed:].strip():
        # What is left of the line would end up behind the last line of the suggestion.
        text = text.split("\n", 1)[0].rstrip()
        absorbed = absorbed_closers(text, rest)
    if text.strip() == rest[:absorbed].strip():
        return RejectReason.REPEATS_SUFFIX
    return Insertion(text=text, absorbed=absorbed)


def is_subsequence(part: str, whole: str) -> bool:
    """Tell whether `whole` has the characters of `part`, in their order."""
    characters = iter(whole)
    return all(character in characters for character in part)


def _before_words(text: str, rest: str) -> Insertion | RejectReason:
    """Fit an infill into the middle of a line: one line that stops where the old text goes on."""
    line = text.split("\n", 1)[0]
    body = rest.rstrip()
    for size in range(min(len(line), len(body)), 0, -1):
        head = body[:size]
        if line.endswith(head) and (
            len(head.strip()) >= _MIN_WORD_OVERLAP or size == len(body) or not head.strip()
        ):
            line = line[: len(line) - size]
            break
    if not line.strip():
        return RejectReason.REPEATS_SUFFIX
    return Insertion(text=line, absorbed=0)


def _without_repeated_lines(text: str, line_before: str, below: str) -> str | RejectReason:
    """Drop lines at the end of `text` that are the next lines of the document."""
    following = [line.rstrip() for line in below.split("\n") if line.strip()]
    lines = text.split("\n")
    whole = [line_before + lines[0], *lines[1:]]
    filled = [index for index, line in enumerate(whole) if line.strip()]
    for count in range(min(len(filled), len(following)), 0, -1):
        tail = [whole[index].rstrip() for index in filled[-count:]]
        if not _same_lines(tail, following[:count]):
            continue
        kept = "\n".join(lines[: filled[-count]]).rstrip()
        return kept or RejectReason.REPEATS_SUFFIX
    return text


def _same_lines(left: list[str], right: list[str]) -> bool:
    if left == right:
        return True
    # Lines of brackets alone stand at many depths; words at another depth are still a repetition.
    has_words = any(character.isalnum() for line in left for character in line)
    return has_words and [line.strip() for line in left] == [line.strip() for line in right]
