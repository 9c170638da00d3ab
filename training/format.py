"""Renders training samples as token ids, exactly as the engine renders its prompts.

Each part of a sample is encoded on its own, so that part borders are token borders, as they are
when an editor's cursor cuts the text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from training.tokenizer import (
    DIAG,
    DOC,
    ENDOFTEXT,
    FILE_SEP,
    FIM_MIDDLE,
    FIM_PREFIX,
    FIM_SUFFIX,
    FIX,
)

Encode = Callable[[str], list[int]]
Order = Literal["spm", "psm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A piece of another file of the same project; `path` is relative, with "/"."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A file, or a window of it, with a hole: prefix + middle + suffix is the original text."""

    prefix: str
    middle: str
    suffix: str


def header(encode: Encode, path: str | None, snippets: Sequence[Snippet] = ()) -> list[int]:
    """Renders the snippets and the path of the current file; nothing when `path` is None."""
    if path is None:
        return []
    ids: list[int] = []
    for snippet in snippets:
        ids += [FILE_SEP, *encode(f"{snippet.path}\n{snippet.text}")]
    return [*ids, FILE_SEP, *encode(f"{path}\n")]


def prompt(
    encode: Encode, prefix: str, suffix: str, *, order: Order, before: Sequence[int] = ()
) -> list[int]:
    """Renders what stands before the middle; plain left-to-right when the suffix is blank."""
    if not suffix.strip():
        return [*before, *encode(prefix)]
    if order == "spm":
        return [
            *before,
            FIM_PREFIX,
            FIM_SUFFIX,
            *encode(suffix),
            FIM_MIDDLE,
            *encode(prefix),
        ]
    return [*before, FIM_PREFIX, *encode(prefix), FIM_SUFFIX, *encode(suffix), FIM_MIDDLE]


def completion(
    encode: Encode, hole: Hole, *, order: Order, budget: int, before: Sequence[int] = ()
) -> list[int] | None:
    """Renders a fill-in-the-middle sample of at most `budget` tokens; None when it cannot fit.

    The file is cut where the engine cuts it: the prefix starts and the suffix ends at a line.
    The middle always ends with <|endoftext|>, so that the model learns where to stop.
    """
    middle = encode(hole.middle)
    room = budget - len(before) - len(middle) - 4
    if room < budget // 4:
        return None
    suffix = keep_head(encode, hole.suffix, room // 2)
    used = len(encode(suffix))
    prefix = keep_tail(encode, hole.prefix, room - used)
    ids = [*prompt(encode, prefix, suffix, order=order, before=before), *middle, ENDOFTEXT]
    return ids if len(ids) <= budget else None


def docstring(
    encode: Encode, hole: Hole, *, order: Order, budget: int, before: Sequence[int] = ()
) -> list[int] | None:
    """Renders a docstring sample: the hole stands after the signature."""
    return completion(encode, hole, order=order, budget=budget, before=[DOC, *before])


def fix(
    encode: Encode,
    hole: Hole,
    *,
    diagnostic: str,
    faulty: str,
    order: Order,
    budget: int,
    before: Sequence[int] = (),
) -> list[int] | None:
    """Renders a fix: the diagnostic, the faulty lines, then the file with a hole in their place."""
    asked = [FIX, DIAG, *encode(f"{diagnostic}\n{faulty}\n")]
    return completion(encode, hole, order=order, budget=budget, before=[*asked, *before])


def keep_tail(encode: Encode, text: str, limit: int) -> str:
    """Drops whole lines at the front until the rest has at most `limit` tokens."""
    while text:
        size = len(encode(text))
        if size <= limit:
            break
        cut = text.find("\n", max(0, int(len(text) * (1 - limit / size)) - 1))
        text = text[cut + 1 :] if cut >= 0 else ""
    return text


def keep_head(encode: Encode, text: str, limit: int) -> str:
    """Drops whole lines at the end until the rest has at most `limit` tokens."""
    while text:
        size = len(encode(text))
        if size <= limit:
            break
        cut = text.rfind("\n", 0, int(len(text) * limit / size))
        text = text[: cut + 1] if text[: cut + 1] != text else ""
    return text
