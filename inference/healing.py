"""Token healing: the last tokens before the cursor are taken back and written again by the model.

A cursor seldom stands where the tokenizer would have ended a token: behind `self.app` and a blank,
in the middle of a word, behind an indentation whose last blank belongs to the next word. A prompt
that ends there is one that the model has hardly ever seen. So its last tokens are left out, and the
first generated tokens must spell the same bytes before anything new; only what is new counts.
"""

from bisect import bisect_left
from collections import OrderedDict
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.line_ends import LineEnds
from inference.tokenizer import Tokenizer

# V vocabulary of the model

Floats: TypeAlias = npt.NDArray[np.float32]
# On 300 held-out places, the network alone (mixline-mini-17m), exact to the end of the line from
# its start / from mid-line: 0.0 / 4.7 % with none taken back, 3.3 / 17.3 % with one,
# 5.3 / 20.7 % with two.
TAKEN_BACK: Final = 2
_BLANK: Final = b" \t\r\n\f\v"
_CACHED_MASKS: Final = 32


class Healer:
    """Knows the tokens of one model by their bytes; used by the engine's worker thread alone."""

    def __init__(self, tokenizer: Tokenizer, *, size: int) -> None:
        """Sort the tokens.

        Args:
            tokenizer: of the model.
            size: V.
        """
        self._tokenizer = tokenizer
        self._size = size
        plain = [token for token in range(tokenizer.size) if token not in tokenizer.added]
        spelled = [(tokenizer.token_bytes(token), token) for token in plain]
        self._sorted = sorted(entry for entry in spelled if entry[0])
        self._masks: OrderedDict[tuple[bytes, bool, bool], Floats] = OrderedDict()
        self._line_ends: OrderedDict[bytes, LineEnds] = OrderedDict()

    def take_back(self, prompt: list[int], prefix: str) -> tuple[list[int], bytes]:
        """Split a prompt that ends in the prefix's tokens.

        Args:
            prompt: ids, at least one.
            prefix: what stands before the cursor; nothing else is taken back.

        Returns:
            The prompt without its last tokens, at least one is left, and their bytes.
        """
        most = len(prefix[-_longest(TAKEN_BACK) :].encode("utf-8", "replace"))
        end, taken = len(prompt), b""
        while end > 1 and len(prompt) - end < TAKEN_BACK:
            token = prompt[end - 1]
            spelled = self._tokenizer.token_bytes(token)
            if token in self._tokenizer.added or len(spelled) + len(taken) > most:
                break
            taken = spelled + taken
            end -= 1
        return prompt[:end], taken

    def mask(self, left: bytes, *, require_text: bool, multi_line: bool) -> Floats:
        """Return 0 for tokens ``[V]`` that spell the beginning of `left`, or `left` and more.

        Args:
            left: bytes still to be written again, at least one.
            require_text: the answer must hold a visible character; its indentation may come first,
            multi_line: and line breaks only where this is set.
        """
        key = (left, require_text, multi_line)
        mask = self._masks.get(key)
        if mask is None:
            mask = np.full(self._size, -np.inf, dtype=np.float32)
            mask[self._beginnings(left)] = 0.0
            mask[self._continuations(left, require_text, multi_line)] = 0.0
            self._masks[key] = mask
            if len(self._masks) > _CACHED_MASKS:
                self._masks.popitem(last=False)
        return mask

    def line_ends(self, left: bytes) -> LineEnds:
        """Return the tokens that write `left` and then end the line in the same way."""
        ends = self._line_ends.get(left)
        if ends is None:
            spelled = [
                (self._tokenizer.token_bytes(token)[len(left) :], token)
                for token in self._continuations(left, False, False)
            ]
            ends = self._line_ends[left] = LineEnds.among(spelled, frozenset())
            if len(self._line_ends) > _CACHED_MASKS:
                self._line_ends.popitem(last=False)
        return ends

    def leading(self, left: bytes, text: bytes) -> list[int]:
        """Return the tokens that write `left` and then what `text` begins with, or all of it."""
        return self._beginnings(left + text, least=len(left) + 1)

    def _beginnings(self, left: bytes, *, least: int = 1) -> list[int]:
        """Return the tokens of `least` bytes and more that `left` begins with, itself included."""
        found = []
        for length in range(least, len(left) + 1):
            at = bisect_left(self._sorted, (left[:length], 0))
            while at < len(self._sorted) and self._sorted[at][0] == left[:length]:
                found.append(self._sorted[at][1])
                at += 1
        return found

    def _continuations(self, left: bytes, require_text: bool, multi_line: bool) -> list[int]:
        """Return the tokens that begin with `left` and go on."""
        found = []
        at = bisect_left(self._sorted, (left, 0))
        while at < len(self._sorted) and self._sorted[at][0].startswith(left):
            spelled, token = self._sorted[at]
            more = spelled[len(left) :]
            if more and (not require_text or multi_line or _stays_in_line(more)):
                found.append(token)
            at += 1
        return found


class Rewriting:
    """How much of what was taken back one generation has still to write again."""

    def __init__(self, healer: Healer, taken: bytes) -> None:
        self._healer = healer
        self.left = taken

    @property
    def text(self) -> str:
        """What is left, as far as it is whole characters."""
        return self.left.decode("utf-8", "ignore")

    def mask(self, *, require_text: bool, multi_line: bool) -> Floats:
        """Return the mask for the next token, as long as something is left."""
        return self._healer.mask(self.left, require_text=require_text, multi_line=multi_line)

    def line_ends(self) -> LineEnds:
        """Return the tokens that write the rest and then end the line in the same way."""
        return self._healer.line_ends(self.left)

    def leading(self, text: str) -> list[int]:
        """Return the tokens that write the rest and then what `text` begins with."""
        begin = text.encode("utf-8", "replace")[: _longest(1)]
        return self._healer.leading(self.left, begin)

    def consume(self, spelled: bytes) -> bytes:
        """Take a token's bytes; return those that are new."""
        new = spelled[len(self.left) :]
        self.left = self.left[len(spelled) :]
        return new


def _longest(tokens: int) -> int:
    """Return more characters than so many tokens have."""
    return 256 * tokens


def _stays_in_line(more: bytes) -> bool:
    """Tell whether something visible, or its indentation, comes before any line break."""
    lead = more[: len(more) - len(more.lstrip(_BLANK))]
    return b"\n" not in lead and b"\r" not in lead
