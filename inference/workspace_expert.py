"""Foretells tokens from the user's own open files, one expert more beside the network's.

The longest run of characters before the cursor that occurs elsewhere in the open files is looked
up; how it goes on there is the draft. While the generation follows the draft, the draft's next
token is mixed into the network's distribution, with a weight that grows with the length of the
match and with the agreement of its places. Where the generation leaves the draft or the draft ends,
the next match is looked up, inside a line in the nearest texts only.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from inference.request import CompletionRequest
from inference.sampling import Hint
from inference.workspace_match import LONGEST, Draft, find_draft

_OWN_PROBE: Final = 2000  # characters around the cursor by which the document finds itself
_DRAFT_LINES: Final = 8  # of a multi-line draft
_NEAR_CHARACTERS: Final = 250_000  # searched inside a line; a line's start is worth all texts
# The share of right hints by characters matched (rows) and by how the matched places go on
# (columns: most of them otherwise; most of them so; one place only; several, all so), measured with
# benchmarks/workspace_match.py: 8,000 positions, 70,278 tokens of ten Python packages, each with
# up to 1 MB of its other files as references. A hint stood before 76 % of the tokens and was right
# for 69 %; a step took 0.14 ms of CPU time on average, 0.91 ms at the 99th percentile.
_LENGTHS: Final = (0, 10, 16, 24, 40, 80, 160)
_WEIGHTS: Final = (
    (0.15, 0.25, 0.39, 0.50),
    (0.25, 0.31, 0.51, 0.61),
    (0.30, 0.37, 0.63, 0.75),
    (0.48, 0.50, 0.75, 0.84),
    (0.51, 0.59, 0.86, 0.94),
    (0.59, 0.73, 0.93, 0.98),
    (0.68, 0.73, 0.96, 0.99),
)


def support_column(votes: int, voters: int) -> int:
    """Return the column of the weight table."""
    if votes == voters:
        return 2 if voters == 1 else 3
    return 1 if 2 * votes >= voters else 0


def length_row(matched: int) -> int:
    """Return the row of the weight table for a number of matched characters."""
    return bisect_right(_LENGTHS, matched) - 1


class WorkspaceExpert:
    """The draft of one generation: asked for a hint before each token, told the token after it."""

    def __init__(
        self,
        request: CompletionRequest,
        encode: Callable[[str], list[int]],
        stop_id: int | None,
        rewritten: str = "",
    ) -> None:
        """Look for the first match.

        Args:
            request: its references, prefix and suffix are the texts to match against.
            encode: text to token ids.
            stop_id: expected where the draft has reached what already stands behind the cursor.
            rewritten: the end of the prefix, where the generation has to write it again first.
        """
        self._texts = texts_around(request)
        self._near = near_texts(self._texts)
        self._before = request.prefix[-LONGEST:]
        self._rest = request.suffix.split("\n", maxsplit=1)[0].strip()
        self._lines = _DRAFT_LINES if request.multi_line else 1
        self._encode = encode
        self._stop_id = stop_id
        self.draft: Draft | None = None
        self._ids: list[int] = []
        self._next = 0  # index into the ids
        self.offset = 0  # characters of the draft that the generation has written
        self._look_up("", self._texts, rewritten)

    def hint(self) -> Hint | None:
        """Return the token that is expected next and its weight, None without a draft."""
        draft = self.draft
        if draft is None:
            return None
        column = support_column(*draft.support(self.offset))
        share = _WEIGHTS[length_row(draft.length + self.offset)][column]
        return Hint(token=self._ids[self._next], weight=share)

    def advance(self, token: int, written: str, text: str, rewritten: str = "") -> None:
        """Follow the generation.

        Args:
            token: the one chosen.
            written: what it has added to the text.
            text: all that was generated so far.
            rewritten: the end of the prefix that is still to be written again.
        """
        if self.draft is not None and token == self._ids[self._next]:
            self._next += 1
            self.offset += len(written)
            if self._next < len(self._ids):
                return
        texts = self._texts if "\n" in written else self._near
        self._look_up(text, texts, rewritten)

    def _look_up(self, text: str, texts: list[str], rewritten: str) -> None:
        self.draft = None
        draft = find_draft(self._before + text, texts, lines=self._lines)
        if draft is None:
            return
        end = rest_start(draft.text, self._rest)
        ids = self._encode(rewritten + (draft.text if end is None else draft.text[:end]))
        if end is not None and self._stop_id is not None:
            ids = [*ids, self._stop_id]
        if ids:
            self.draft, self._ids, self._next, self.offset = draft, ids, 0, 0


def rest_start(draft: str, rest: str) -> int | None:
    r"""Return where the draft's first line has come to what already stands behind the cursor.

    None if nothing stands there or the draft does not end in it.

    Example:
        `rest_start("x, y)\n", ")")` is 4.
    """
    line = draft.split("\n", maxsplit=1)[0].rstrip()
    return len(line) - len(rest) if rest and line.endswith(rest) else None


def near_texts(texts: list[str]) -> list[str]:
    """Return the first texts, the document's own two and whole ones up to a bounded length."""
    left = _NEAR_CHARACTERS
    near: list[str] = []
    for index, text in enumerate(texts):
        left -= len(text)
        if index > 1 and left < 0:
            break
        near.append(text)
    return near


def texts_around(request: CompletionRequest) -> list[str]:
    """Return the texts to match against, nearest first: before the cursor, behind it, other files.

    The document itself may be among the references, longer than the request's window; it is cut at
    the cursor, so that the cursor's own place is no match.
    """
    before, after = request.prefix, request.suffix
    others: list[str] = []
    for reference in request.references:
        if reference.key != request.document:
            others.append(reference.text)
            continue
        left, right = request.prefix[-_OWN_PROBE:], request.suffix[:_OWN_PROBE]
        at = reference.text.find(left + right)
        if at >= 0:
            before = reference.text[: at + len(left)]
            after = reference.text[at + len(left) :]
    return [before, after, *others]
