"""Which tokens may be emitted at a step: never markers, and no empty answer to an explicit request.

A mask is added to the logits: 0 keeps a token, minus infinity forbids it.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from inference.errors import ModelDirectoryError
from inference.line_ends import LineEnds
from inference.tokenizer import Tokenizer

# V vocabulary of the model; larger than the tokenizer's where the head is padded

Floats: TypeAlias = npt.NDArray[np.float32]
_BLANK: Final = b" \t\r\n\f\v"
_BLANK_STEPS: Final = {False: 1, True: 4}  # multi-line: a line break and indentation may come first


def _text(tokenizer: Tokenizer, token: int) -> bytes:
    """Return what a token writes: nothing if it is a marker; added tokens of blanks are text."""
    text = tokenizer.token_bytes(token)
    return b"" if token in tokenizer.added and text.strip(_BLANK) else text


def _mask(allowed: npt.NDArray[np.bool_], size: int) -> Floats:
    mask = np.full(size, -np.inf, dtype=np.float32)
    mask[: allowed.size][allowed] = 0.0
    return mask


class Vocabulary:
    """The masks ``[V]`` of one model."""

    def __init__(self, tokenizer: Tokenizer, *, size: int, stop_ids: frozenset[int]) -> None:
        """Build the masks.

        Raises:
            ModelDirectoryError: a stop id is not in the vocabulary, or tokens exceed it.
        """
        if tokenizer.size > size:
            raise ModelDirectoryError(
                f"expected tokenizer.json to have at most the {size} tokens of the model's"
                f" vocabulary, found {tokenizer.size}"
            )
        if any(not 0 <= stop < size for stop in stop_ids):
            raise ModelDirectoryError(
                f"expected stop_ids within the vocabulary of {size}, found {sorted(stop_ids)}"
            )
        self.stop_ids = stop_ids
        texts = [_text(tokenizer, token) for token in range(tokenizer.size)]
        leads = [text[: len(text) - len(text.lstrip(_BLANK))] for text in texts]
        is_text = np.asarray([bool(text) for text in texts])
        visible = np.asarray(
            [len(lead) < len(text) for lead, text in zip(leads, texts, strict=True)]
        )
        breaks = np.asarray([b"\n" in lead or b"\r" in lead for lead in leads])
        stops = np.zeros(tokenizer.size, dtype=np.bool_)
        stops[[stop for stop in stop_ids if stop < tokenizer.size]] = True
        self.anything = _mask(is_text | stops, size)
        self.text = _mask(is_text & ~stops, size)
        self._line = _mask(is_text & ~stops & ~breaks, size)
        self._visible = _mask(visible & ~stops, size)
        self._visible_line = _mask(visible & ~stops & ~breaks, size)
        self.line_ends = LineEnds.among(zip(texts, range(tokenizer.size), strict=True), stop_ids)
        if not np.isfinite(self._visible_line).any():
            raise ModelDirectoryError("expected tokens with visible text in tokenizer.json")

    def mask(self, text: str, *, num_tokens: int, require_text: bool, multi_line: bool) -> Floats:
        """Return the mask for the next token.

        Args:
            text: generated so far.
            num_tokens: generated so far.
            require_text: the answer must hold a visible character before it may end.
            multi_line: line breaks may come before it.
        """
        if not require_text or (text and not text.isspace()):
            return self.anything
        # No stop token, and on a single line no line break before a visible character.
        if num_tokens >= _BLANK_STEPS[multi_line]:
            return self._visible if multi_line else self._visible_line
        return self.text if multi_line else self._line
