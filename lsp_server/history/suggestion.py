"""A suggestion in the editor, followed through edits until it is clear what became of it.

Nothing is heard from the editor but changes of the document. One that inserts exactly what comes
next of the suggestion was an accept, unless a typist, or an editor that closes brackets and indents
by itself, would have caused the same.
"""

from dataclasses import dataclass
from typing import Final

from lsp_server.document import Point
from lsp_server.history.change import Change, point_behind
from lsp_server.history.records import Verdict
from lsp_server.postprocess.closers import only_closers

READABLE_S: Final = 0.25  # shown for less, nobody has turned it down
# Editors that gather changes (Neovim: 150 ms) send what was typed meanwhile as one.
_IN_FLOW_S: Final = 0.4
_GATHERED_CHARACTERS: Final = 3
_OPENERS: Final = frozenset("([{<\"'`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Text that one accepting edit has put into the document."""

    start: Point
    text: str


class OpenSuggestion:
    """One suggestion and how far the document has followed it.

    Args:
        suggestion_id: of the record that was written when it was shown.
        at: where it stands.
        text: what it would insert there.
        absorbed: what of the text behind `at` it would replace.
        borrowed: how many characters of `text` belong to an entry of the editor's own list; an edit
            that puts in no more is no accept.
        now_s: when it was shown.
        ghost: a list's entry is not turned down by typing on.
    """

    def __init__(
        self,
        *,
        suggestion_id: int,
        at: Point,
        text: str,
        absorbed: str,
        borrowed: int,
        now_s: float,
        ghost: bool,
    ) -> None:
        self.id = suggestion_id
        self.at = at
        self.rest = text
        self.taken = 0
        self.grabs = 0
        self.verdict: Verdict | None = None
        self.ended = False
        self._absorbed = absorbed
        self._borrowed = borrowed
        self._shown_s = self._edited_s = now_s
        self._ghost = ghost

    def visible_ms(self, now_s: float) -> float:
        """Return how long it has stood there."""
        return max(now_s - self._shown_s, 0.0) * 1e3

    def continues(self, at: Point, between: str | None, text: str, absorbed: str) -> bool:
        """Take over a newer answer, if it is this suggestion still.

        Args:
            at: where the newer one stands.
            between: what stands from `self.at` to there; None if that is behind `self.at`.
            text: what it would insert.
            absorbed: what it would replace.
        """
        if between is None or not self.rest.startswith(between):
            return False  # an editor types over brackets without an edit, which is no jump
        rest = self.rest[len(between) :]
        if not (rest and text and (rest.startswith(text) or text.startswith(rest))):
            return False
        self.at, self.rest, self._absorbed = at, text, absorbed
        self._borrowed = max(self._borrowed - len(between), 0)
        return True

    def follow(self, change: Change, now_s: float) -> Taken | None:
        """Follow an edit; afterwards `ended` and `verdict` tell where this stands.

        Returns:
            What an accepting edit has put in, if it was one.
        """
        in_flow = now_s - self._edited_s < _IN_FLOW_S
        self._edited_s = now_s
        if change.start > self.at or change.old_end < self.at:
            if change.old_end < self.at:
                self.at = change.moved(self.at)
            return None
        if change.start < self.at:
            self._go_back(change, now_s)
            return None
        return self._go_on(change, in_flow, now_s)

    def end(self, verdict: Verdict) -> None:
        """Say what became of it, if nothing better is known."""
        self.ended = True
        self.verdict = self.verdict or verdict

    def _go_back(self, change: Change, now_s: float) -> None:
        """Deleting is no contradiction: what is typed next will tell."""
        if change.old_end != self.at or "\n" in change.removed:
            self.end(Verdict.LEFT)
        elif change.inserted:
            self._contradict(now_s)
        else:
            self.at = change.start
            self.rest = change.removed + self.rest
            self._borrowed += len(change.removed)

    def _go_on(self, change: Change, in_flow: bool, now_s: float) -> Taken | None:
        inserted, absorbed = change.inserted, self._absorbed
        gone = len(change.removed)
        if absorbed.startswith(change.removed) and inserted + absorbed[gone:] == self.rest:
            start, whole = self.at, inserted
            self.at, self.rest = change.new_end, ""
            self.end(Verdict.TYPED)
            if self._is_typing(inserted, in_flow):
                return None
            return self._accept(Verdict.WHOLE, start, whole)
        if change.removed or not inserted:
            self.end(Verdict.LEFT)
            return None
        if self.rest.startswith(inserted):
            return self._agree(inserted, in_flow)
        if inserted[0] == self.rest[:1] and _closes_itself(inserted):
            self._absorbed = inserted[1:] + absorbed  # an editor closes what is opened
            return self._agree(inserted[0], in_flow)
        if inserted[0] == self.rest[:1] == "\n" and inserted.isspace():
            self.end(Verdict.LEFT)  # a line end as foreseen, the indentation is the editor's
        else:
            self._contradict(now_s)
        return None

    def _agree(self, inserted: str, in_flow: bool) -> Taken | None:
        start, count = self.at, len(inserted)
        borrowed = self._borrowed
        self.at = point_behind(start, inserted)
        self.rest = self.rest[count:]
        self._borrowed = max(borrowed - count, 0)
        if not self.rest.strip():
            self.end(Verdict.TYPED)
        if count <= borrowed or self._is_typing(inserted, in_flow):
            return None
        ends_line = inserted.endswith("\n") or self.rest.startswith("\n")
        if not (ends_line or self._is_word_end(inserted)):
            return None
        kind = Verdict.LINE if ends_line else Verdict.WORD
        return self._accept(Verdict.WHOLE if not self.rest.strip() else kind, start, inserted)

    def _accept(self, kind: Verdict, start: Point, text: str) -> Taken:
        if self.grabs == 0:
            self.verdict = kind  # the first accept tells how this user goes about it
        self.grabs += 1
        self.taken += len(text)
        return Taken(start=start, text=text)

    def _contradict(self, now_s: float) -> None:
        if not self._ghost:
            self.end(Verdict.LEFT)
        elif now_s - self._shown_s < READABLE_S:
            self.end(Verdict.BRIEF)
        else:
            self.end(Verdict.REJECTED)

    def _is_word_end(self, inserted: str) -> bool:
        last, following = inserted[-1], self.rest[:1]
        return not (_is_word(last) and _is_word(following))

    @staticmethod
    def _is_typing(inserted: str, in_flow: bool) -> bool:
        """Tell whether a key on its own may have caused an insertion."""
        if len(inserted) <= 1 or inserted.isspace():
            return True
        if _closes_itself(inserted):
            return True
        if inserted[0] == "\n" and not any(map(str.isalnum, inserted)):
            return True  # editors continue comments
        return in_flow and len(inserted) <= _GATHERED_CHARACTERS


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _closes_itself(inserted: str) -> bool:
    """Tell whether an editor may have added all but the first character."""
    return inserted[0] in _OPENERS and only_closers(inserted[1:])
