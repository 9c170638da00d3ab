"""Text to token ids and back; the only door to the `tokenizers` library.

Document text is encoded by a tokenizer that knows no added token, so text that looks like a marker
stays text. Each token is a byte string (see `inference.token_spelling`), which is how decoding
works here.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer as BpeTokenizer

from inference.errors import ModelDirectoryError
from inference.token_spelling import SPACE, byte_token, continuing, spelling_of, token_bytes

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_MAX_TOKENS: Final = 2**22
_NO_STEPS: Final = {"type": "Sequence", "normalizers": []}
_PLAIN_TOKEN: Final = dict.fromkeys(
    ("single_word", "lstrip", "rstrip", "normalized", "special"), False
)
_SHOWN: Final = 200  # characters of another's error that ours quotes
_CACHED_TOKENS: Final = 250_000  # of some 20,000 lines, about 10 MB
# Ways to find the start of a line, most cuts first. Where a word follows the indentation, the last
# space belongs to the word.
_LINE_STARTS: Final = (
    r"\S\n",
    r"\n *(?= \w)|\n(?=\w)",
    r"\n *(?= \w)|\S\n(?=\w)",
    r"\S\n(?=\w)",
)
# Ways to find the end of a first word.
_WORD_ENDS: Final = (r"[A-Za-z](?=[ (.,])|\S(?= \w)", r"\S(?= \w)")
# What may stand around a line end; all combinations tell whether a way to cut is exact.
_LINE_ENDS: Final = ("\n", "\n\n", "\n\n\n", " \n", "\n \n", "\r\n")
_INDENTS: Final = ("", " ", "    ", "\t", "\t ", "\u3000")
_WORDS: Final = ("a", "1", "_", ")", "#", "'s", "\u00e9", "\u4e2d", "\u0301", "\U0001f60b")
_PROBE: Final = "".join(
    f"{left}{end}{indent}{right}"
    for left in ("a", "1", ";", "(", "'")
    for end in _LINE_ENDS
    for indent in _INDENTS
    for right in _WORDS
)
_MARKS: Final = ("a", "Ab", "1", "_", "a_", ")", "=", "#", "'s", "\u00e9", "\u4e2d", "\u0301")
_WORD_PROBE: Final = "".join(
    f"{left}{between}{right}\n"
    for left in _MARKS
    for between in (" ", "  ", "    ", " \t", "(", "((", ".", ".(", ", ", " (", " \n", ").")
    for right in _MARKS
)


class Tokenizer:
    """One model's tokenizer; `encode` is not thread-safe (it keeps a cache of lines)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Build from the parsed tokenizer.json.

        Raises:
            ModelDirectoryError: not BPE of a known kind, or refused by the library.
        """
        added = {entry["id"]: str(entry["content"]) for entry in spec.get("added_tokens") or []}
        spelling = spelling_of(spec)
        model = spec["model"]
        vocab: dict[str, int] = model["vocab"]
        # An added token that also stands in the vocabulary could be met by `ignore_merges`.
        plain_vocab = {text: token for text, token in vocab.items() if token not in added}
        # Added tokens of blanks are text; the model must know them, or they would get other ids.
        entries = spec.get("added_tokens") or []
        blanks = [_PLAIN_TOKEN | entry for entry in entries if _is_blank(entry)]
        known = plain_vocab | {entry["content"]: entry["id"] for entry in blanks}
        plain = spec | {
            "added_tokens": blanks,
            "model": model | {"vocab": known},
            "post_processor": None,  # it may add begin-of-text tokens that no longer exist
            "truncation": None,
            "padding": None,
        }
        if plain.get("normalizer") == _NO_STEPS:
            plain["normalizer"] = None
        if spelling == "sentencepiece":
            plain |= continuing(spec)
            plain["model"] |= {"unk_token": None}  # every byte has a token
        try:
            self._plain = BpeTokenizer.from_str(json.dumps(plain))
        except BaseException as error:  # the library raises bare Exception, or panics
            _pass_on(error)
            reason = str(error)[:_SHOWN]
            raise ModelDirectoryError(f"tokenizer.json cannot be used: {reason}") from error
        self.added = added
        texts = sorted((re.escape(entry["content"]) for entry in blanks), key=len, reverse=True)
        self._blanks = re.compile(f"({'|'.join(texts)})") if texts else None
        self.size = max([*vocab.values(), *added], default=-1) + 1
        if not 0 < self.size <= _MAX_TOKENS or min(added, default=0) < 0:
            raise ModelDirectoryError(
                f"expected token ids from 0 to {_MAX_TOKENS - 1} in tokenizer.json, found ids up to"
                f" {self.size - 1}"
            )
        self._bytes = token_bytes(spelling, plain_vocab, added, self.size)
        # The three bytes of the sign that stands for a space, where it stands for itself.
        self._sign: list[int] | None = None
        if spelling == "sentencepiece":
            self._sign = [plain_vocab[byte_token(byte)] for byte in SPACE.encode()]
        self._lines: dict[str, list[int]] = {}
        self._held_tokens = 0  # in `_lines` and `_starts`
        if spelling == "sentencepiece" and not any("\n" in text[:-1] for text in plain_vocab):
            self._line_start: re.Pattern[str] | None = re.compile("\n")  # no token spans it
        else:
            self._line_start = self._exact_line_start()
        self._starts: dict[str, list[int]] = {}
        self._word_end = self._exact_word_end()

    @classmethod
    def open(cls, path: Path) -> "Tokenizer":
        """Read tokenizer.json.

        Raises:
            ModelDirectoryError: unreadable, not JSON, or not BPE of a known kind.
        """
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
            return cls(spec)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # Some errors quote the whole file.
            reason = f"{type(error).__name__} {error}".split("\n", maxsplit=1)[0]
            if isinstance(error, UnicodeDecodeError):
                reason = "it is not UTF-8"
            raise ModelDirectoryError(
                f"expected a tokenizer.json at {path}, it cannot be read: {reason[:_SHOWN]}"
            ) from error

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, in which nothing is special; lone surrogates become U+FFFD."""
        ids: list[int] = []
        for line_ids in self.encode_lines(text):
            ids += line_ids
        return ids

    def encode_lines(self, text: str) -> list[list[int]]:
        """Return the ids of each piece of a text, whose concatenation is `encode`.

        A piece is a line where the tokenizer allows it, else the whole text. Typing changes one
        line of a long text, the ids of the others come from a cache.
        """
        if _SURROGATES.search(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self._forget_if_many()
        return [self._encode_piece(piece) for piece in self.pieces(text)]

    def encode_start(self, text: str) -> list[int]:
        """Return the first ids of `encode`, at least one of them where there is any.

        They end where no token can go on, mostly behind the first word, so words that were met
        before cost nothing.
        """
        end = self._word_end.search(text) if self._word_end is not None else None
        start = text if end is None else text[: end.end()]
        ids = self._starts.get(start)
        if ids is None:
            ids = self._starts[start] = self.encode(start)
            self._held_tokens += len(ids)
        return ids

    def pieces(self, text: str) -> Iterator[str]:
        """Cut a text where no token can span the cut; mostly behind each line end."""
        start = 0
        if self._line_start is not None:
            for boundary in self._line_start.finditer(text):
                yield text[start : boundary.end()]
                start = boundary.end()
        if start < len(text):
            yield text[start:]

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token: of an added token its text, of an unknown id none."""
        return self._bytes[token] if 0 <= token < self.size else b""

    def decode(self, tokens: list[int]) -> str:
        """Return the text of ids; an incomplete character at the end becomes U+FFFD."""
        return b"".join(map(self.token_bytes, tokens)).decode("utf-8", "replace")

    def _encode_piece(self, piece: str) -> list[int]:
        ids = self._lines.get(piece)
        if ids is None:
            ids = self._lines[piece] = self._encode_whole(piece)
            self._held_tokens += len(ids)
        return ids

    def _forget_if_many(self) -> None:
        """Bound the caches by what they hold: a long line is another one after each key."""
        if self._held_tokens > _CACHED_TOKENS:
            self._lines.clear()
            self._starts.clear()
            self._held_tokens = 0

    def _encode_whole(self, text: str) -> list[int]:
        if self._sign is not None and SPACE in text:
            first, *others = map(self._encode_whole, text.split(SPACE))
            return first + [token for ids in others for token in (*self._sign, *ids)]
        try:
            ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        except BaseException as error:
            _pass_on(error)
            reason = str(error)[:_SHOWN]
            raise ModelDirectoryError(f"tokenizer.json cannot encode this: {reason}") from error
        return ids

    def _exact_line_start(self) -> re.Pattern[str] | None:
        """Find the first way to cut that leaves the words of the probe; None: no cut at all.

        Pre-tokenizers scan to the right without looking back; they differ in what they join to a
        line end (brackets, blank lines, indentation but for its last space), never a whole word.
        """
        for pattern in _LINE_STARTS:
            self._line_start = re.compile(pattern)
            if self._is_exact(_PROBE, self.pieces(_PROBE)):
                return self._line_start
        return None

    def _exact_word_end(self) -> re.Pattern[str] | None:
        """Find the first way to cut behind a word that leaves the words of the probe, or None."""
        for pattern in map(re.compile, _WORD_ENDS):
            ends = [found.end() for found in pattern.finditer(_WORD_PROBE)]
            pieces = (_WORD_PROBE[a:b] for a, b in pairwise([0, *ends, len(_WORD_PROBE)]))
            if self._is_exact(_WORD_PROBE, pieces):
                return pattern
        return None

    def _is_exact(self, probe: str, pieces: Iterable[str]) -> bool:
        """Tell whether pieces of the probe have its words, and need no other normalising."""
        if self._plain.pre_tokenizer is None or not self._keeps_lines():
            return False
        try:
            return self._words(probe) == [word for piece in pieces for word in self._words(piece)]
        except BaseException as error:
            _pass_on(error)
            raise ModelDirectoryError(f"tokenizer.json cannot be used: {error}"[:_SHOWN]) from error

    def _words(self, text: str) -> list[str]:
        """Return what the merges see of a text: tokens of blanks, and the words between them."""
        split = self._plain.pre_tokenizer
        words: list[str] = []
        for part in self._blanks.split(text) if self._blanks else [text]:
            if self._blanks and self._blanks.fullmatch(part):
                words.append(part)
            else:
                words += [word for word, _ in split.pre_tokenize_str(part)]
        return words

    def _keeps_lines(self) -> bool:
        """Tell whether normalising line by line is normalising the whole: no step or NFC alone."""
        normalizer = self._plain.normalizer
        return normalizer is None or type(normalizer).__name__ == "NFC"


class TextDecoder:
    """Turns the bytes of one generation into text; an unfinished character is held back."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, spelled: bytes) -> str:
        """Return the characters that these bytes complete, often all of them, sometimes none."""
        return self._decoder.decode(spelled)

    def copy(self) -> "TextDecoder":
        """Return one that has read the same bytes."""
        other = TextDecoder()
        other._decoder.setstate(self._decoder.getstate())
        return other


def _is_blank(entry: dict[str, Any]) -> bool:
    """Tell whether an added token is nothing but spaces, which some tokenizers have for code."""
    return not entry.get("special", True) and not str(entry["content"]).strip(" ")


def _pass_on(error: BaseException) -> None:
    """Raise what is no error of the library; its panics derive from BaseException alone."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
