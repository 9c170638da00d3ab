"""Foretells tokens from the user's own open files, one expert more beside the network's.

The text before the cursor, the line above it and the line below it occur elsewhere in the open
files. How it goes on at those places is the expert's opinion, all places together, each as much as
it has in common with the cursor's. With every token written, places that go on otherwise drop out;
where what is left resembles the cursor's place too little, the nearest texts are searched again.
"""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.drafting import Draft
from inference.line_ends import LineEnds
from inference.request import CompletionRequest
from inference.sampling import Hint
from inference.tokenizer import Tokenizer
from inference.workspace_match import Column, Cursor, Document, Places, agreed
from inference.workspace_places import Search
from inference.workspace_record import Record, centinats_of
from inference.workspace_weights import evidence, network_features, shares

# V vocabulary, N places

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.intp]
_OWN_PROBE: Final = 2000  # characters around the cursor by which the document finds itself
_OWN_CHARACTERS: Final = 400_000  # searched before the cursor, behind it, and in other texts
_TAIL: Final = 2000  # characters before the cursor that are looked at
_AHEAD: Final = 160  # characters of a place's text that are turned into tokens at once
_MOST_TEXTS: Final = 12  # ways to go on that are turned into tokens
_LEAST_SHARE: Final = 1e-4  # of the network
_ENOUGH: Final = 16  # visible characters: with a match so long no new one will be longer


class WorkspaceExpert:
    """What the open files say about one generation: asked before each token, told it afterwards."""

    def __init__(
        self,
        request: CompletionRequest,
        tokenizer: Tokenizer,
        stop_id: int | None,
        rewritten: str = "",
    ) -> None:
        """Look for the first places.

        Args:
            request: its references, prefix and suffix are the texts to match against.
            tokenizer: of the model.
            stop_id: expected where the text has come to what already stands behind the cursor.
            rewritten: the end of the prefix, where the generation has to write it again first.
        """
        document = Document(request.prefix, request.suffix)
        self._search = Search(document, texts_around(request), request.workspace)
        self._before = request.prefix[-_TAIL:]
        self._suffix = request.suffix
        self._rest = request.suffix.split("\n", maxsplit=1)[0].strip()
        self._multi_line = request.multi_line
        self._tokenizer = tokenizer
        self._stop_id = stop_id
        self._rewritten = rewritten
        self._record = Record()
        # What the places go on with, and the network's probabilities of these tokens.
        self._expected: Ids = np.zeros(0, dtype=np.intp)
        self._chances: Floats = np.zeros(0, dtype=np.float32)
        self._network_share = 1.0
        # The first tokens of continuations, those of what is to be rewritten included.
        self._ids: dict[str, list[int]] = {}
        self.places = self._find("", around=True)

    def hint(self, probabilities: Floats, ends: LineEnds) -> Hint | None:
        """Return the tokens that are expected next with their shares, None without a place.

        Args:
            probabilities: ``[V]``, of the network; where they are 0 nothing is expected.
            ends: tokens that are one and the same answer.
        """
        self.foretell(probabilities, ends)
        (kept,) = np.nonzero(self._chances > 0.0)
        if not kept.size:
            return None
        unique, which = np.unique(self._expected[kept], return_inverse=True)
        weights, self._network_share = shares(
            agreed(self.places.table[kept], which),
            which,
            probabilities[unique],
            network_features(
                float(probabilities.max()),
                tokens=self._record.tokens,
                healing=bool(self._rewritten),
            ),
        )
        return Hint(tokens=unique, weights=weights)

    def foretell(self, probabilities: Floats, ends: LineEnds) -> tuple[Ids, Floats]:
        """Find out what the places go on with; `hint` does, nothing else is needed before it.

        Args:
            probabilities: see `hint`.
            ends: see `hint`.

        Returns:
            The token ``[N]`` of each place, -1 where none is known, and its probability.
        """
        tokens = self._next_tokens(ends)
        self._expected = tokens
        self._chances = np.where(tokens >= 0, probabilities[tokens], np.float32(0.0))
        self._network_share = 1.0
        return tokens, self._chances

    def _next_tokens(self, ends: LineEnds) -> Ids:
        """Return the token ``[N]`` that each place goes on with, -1 where it is not looked up.

        Only the places of most evidence are turned into tokens.
        """
        logs = evidence(self.places.table)
        tokens = np.full(len(logs), -1, dtype=np.intp)
        seen: dict[tuple[str, bool], int] = {}
        for index in np.argsort(-logs, kind="stable"):
            continuation = self.places.continuations[index]
            text = self._ahead(continuation)
            key = text, text == continuation and not text.endswith("\n")
            token = seen.get(key)
            if token is None:
                if len(seen) >= _MOST_TEXTS:
                    continue
                token = self._token(*key)
                seen[key] = token = ends.equal.get(token, token)
            tokens[index] = token
        return tokens

    def advance(
        self, token: int, written: str, text: str, *, logprob: float, rewritten: str = ""
    ) -> None:
        """Follow the generation.

        Args:
            token: the one that was chosen.
            written: what it has added to the text.
            text: all that was generated so far.
            logprob: nats, of the token in the mixture that `hint` was asked for last, or of the
                network where `foretell` was.
            rewritten: the end of the prefix that is still to be written again.
        """
        right = self._expected == token
        centinats = centinats_of(self._network_chance(right, logprob))
        self._record = self._record.and_then(len(text), centinats)
        self.places = self.places.told(right, centinats)
        self._rewritten = rewritten
        self._ids = {
            ahead[len(written) :]: ids[1:]
            for ahead, ids in self._ids.items()
            if ids and ids[0] == token and ahead.startswith(written)
        }
        if not written:
            return
        self.places = self.places.following(written)
        new_line = "\n" in written
        if new_line or not (self.places.table[:, Column.VISIBLE] >= _ENOUGH).any():
            if new_line:
                self._record = Record(lengths=(len(text),))
            found = self._find(text, around=new_line)
            self.places = found if new_line else self.places.joined(found)

    def draft(self) -> Draft:
        """Return the tokens that most evidence expects, with the visible characters it rests on."""
        if not self.places.continuations:
            return [], 0
        best = int(evidence(self.places.table).argmax())
        ahead = self._rewritten + self._ahead(self.places.continuations[best])
        ids = self._tokenizer.encode(ahead[:_AHEAD])
        return ids, int(self.places.table[best, Column.VISIBLE])

    def _network_chance(self, right: npt.NDArray[np.bool_], logprob: float) -> float:
        """Return the network's own probability of a token, of what `advance` is told."""
        if right.any():
            return float(self._chances[right][0])
        return math.exp(logprob) / max(self._network_share, _LEAST_SHARE)

    def _find(self, text: str, *, around: bool) -> Places:
        cursor = Cursor.at(self._before + text, self._suffix)
        known = () if around else self.places.keys
        found = self._search.places(cursor, around=around, known=known)
        tokens, centinats = self._record.covered(found.table[:, Column.MATCHED])
        found.table[:, Column.FORETOLD] = tokens
        found.table[:, Column.EXPLAINED] = centinats
        return found

    def _ahead(self, continuation: str) -> str:
        """Return as much of a continuation as tells its next tokens; "" is the end."""
        line, line_end, more = continuation.partition("\n")
        if self._rest and line.rstrip().endswith(self._rest):
            return line.rstrip()[: -len(self._rest)][:_AHEAD]
        if self._multi_line and more:
            line_end += more.partition("\n")[0] + "\n"
        return (line + line_end)[:_AHEAD]

    def _token(self, ahead: str, is_open: bool) -> int:
        """Return the first token of a text, -1 if that is not known.

        Args:
            ahead: the text; "" is the end.
            is_open: it stands at the end of a file, perhaps in the middle of what somebody types:
                its last token may become another one.
        """
        ids = self._ids.get(ahead)
        if not ids:
            ids = self._ids[ahead] = self._tokenizer.encode_start(self._rewritten + ahead)
        if not ids:
            return -1 if self._stop_id is None else self._stop_id
        is_last = self._tokenizer.token_bytes(ids[0]) == (self._rewritten + ahead).encode(
            "utf-8", "replace"
        )
        return -1 if is_open and is_last else ids[0]


def texts_around(request: CompletionRequest) -> list[str]:
    """Return the texts to match against, nearest first: before the cursor, behind it, other files.

    The document itself may be among the references, longer than the request's window; it is cut at
    the cursor, so that the cursor's own place is no match.
    """
    before, after = request.prefix, request.suffix
    others: list[str] = []
    left = _OWN_CHARACTERS
    for reference in request.references:
        if reference.key != request.document:
            left -= len(reference.text)
            if left >= 0:
                others.append(reference.text)
            continue
        probe, behind = request.prefix[-_OWN_PROBE:], request.suffix[:_OWN_PROBE]
        at = reference.text.find(probe + behind)
        if at >= 0:
            at += len(probe)
            before = reference.text[max(0, at - _OWN_CHARACTERS) : at]
            after = reference.text[at : at + _OWN_CHARACTERS]
    return [before, after, *others]
