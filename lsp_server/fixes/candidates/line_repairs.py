"""What may be wrong with one line that does not parse: every small repair, likely or not.

Which of them make the text parse is for `syntax` to say, which of those is meant for the model.
"""

import keyword
import re
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from lsp_server.fixes.candidates.nearness import near
from lsp_server.fixes.candidates.tokens import CLOSERS, OPENERS, Token, tokens, unmatched

_HEADER: Final = re.compile(
    r"\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|with|try|except|finally|match|case)\b"
)
_CONDITION: Final = re.compile(r"\s*(?:if|elif|while)\b")
_STATEMENT_WORDS: Final = frozenset(keyword.kwlist) | {"match", "case"}
_VALUES: Final = frozenset({"string", "word", "number"})
_AFTER_VALUE: Final = frozenset({")", "]", "}"})
_LIKELY, _POSSIBLE, _UNLIKELY = 0.5, 1.5, 2.5
_LONGEST: Final = 400  # characters of a line that is looked at
_MOST_BRACKETS: Final = 4  # without a partner
_SLIP: Final = 0.6  # of a word's distance: keywords are common


class Repair(NamedTuple):
    """Another text for a line."""

    cost: float
    title: str
    text: str


def repairs(line: str, words: Container[str]) -> Iterator[Repair]:
    """Yield repairs of a line.

    Args:
        line: without its end.
        words: those of the file: two of them may have grown together.
    """
    parts = tokens(line) if len(line) <= _LONGEST else []
    if not parts:
        return
    yield from _colon(line, parts)
    yield from _closer(line, parts)
    yield from _surplus(line, parts)
    yield from _opener(line, parts, words)
    yield from _quote(line, parts)
    yield from _comma(line, parts)
    yield from _sign(line, parts)
    yield from _word(line, parts)


def bracket_repairs(line: str) -> Iterator[Repair]:
    """Yield repairs that any language may need: of brackets and of a string's end."""
    parts = tokens(line) if len(line) <= _LONGEST else []
    if parts:
        yield from _closer(line, parts)
        yield from _surplus(line, parts)
        yield from _opener(line, parts, ())
        yield from _quote(line, parts)


def _colon(line: str, parts: Sequence[Token]) -> Iterator[Repair]:
    if _HEADER.match(line) and parts[-1].text != ":":
        yield Repair(0.1, "Add the colon", _inserted(line, parts[-1].end, ":"))


def _closer(line: str, parts: list[Token]) -> Iterator[Repair]:
    """Yield the missing partner of each opening bracket that has none on the line."""
    for opener in unmatched(parts).openers[-_MOST_BRACKETS:]:
        closer = OPENERS[opener.text]
        title = f"Add the missing `{closer}`"
        for index, token in enumerate(parts):
            if token.end < opener.end or token.text in {".", "="}:
                continue
            behind = parts[index + 1].text if index + 1 < len(parts) else ""
            if behind in {"", ";", "{"} or (behind == ":" and index + 2 == len(parts)):
                cost = _LIKELY
            elif behind in CLOSERS or behind in {",", ":", "->", "=", "."} or behind in OPENERS:
                cost = _POSSIBLE
            else:
                cost = _UNLIKELY
            yield Repair(cost, title, _inserted(line, token.end, closer))


def _surplus(line: str, parts: list[Token]) -> Iterator[Repair]:
    """Yield the line without a closing bracket that has no partner, or with its partner's."""
    lone = unmatched(parts)
    for closer in lone.closers[:_MOST_BRACKETS]:
        title = f"Remove the `{closer.text}`"
        doubled = line[closer.start - 1 : closer.start] == closer.text
        cost = _LIKELY if doubled else _POSSIBLE
        yield Repair(cost, title, line[: closer.start] + line[closer.end :])
        for other in CLOSERS:
            if other != closer.text:
                text = line[: closer.start] + other + line[closer.end :]
                yield Repair(_UNLIKELY, f"Close with `{other}`", text)
    for opener in lone.openers[-_MOST_BRACKETS:]:
        title = f"Remove the `{opener.text}`"
        yield Repair(_UNLIKELY, title, line[: opener.start] + line[opener.end :])


def _opener(line: str, parts: list[Token], words: Container[str]) -> Iterator[Repair]:
    for closer in unmatched(parts).closers[:_MOST_BRACKETS]:
        opener = CLOSERS[closer.text]
        for index, token in enumerate(parts):
            if token.start > closer.start:
                break
            before = parts[index - 1] if index else None
            called = (
                before is not None
                and before.end == token.start
                and before.kind == "word"
                and before.text not in _STATEMENT_WORDS
            )
            cost = _LIKELY + 0.3 if called else _POSSIBLE + 0.5
            yield Repair(cost, f"Add the missing `{opener}`", _inserted(line, token.start, opener))
        for token in parts:
            if token.kind == "word" and token.end <= closer.start:
                for at in range(1, len(token.text)):
                    head, tail = token.text[:at], token.text[at:]
                    if head in words and (tail in words or tail.isdigit()):
                        text = _inserted(line, token.start + at, opener)
                        yield Repair(_LIKELY, f"Add the missing `{opener}`", text)


def _quote(line: str, parts: Sequence[Token]) -> Iterator[Repair]:
    start = next((token for token in parts if token.kind == "open"), None)
    if start is None:
        return
    quote = start.text[0]
    end = len(line.rstrip())
    places = [end]
    while end > start.start + 1 and line[end - 1] in ")]},:":
        end -= 1
        places.append(end)
    for rank, place in enumerate(reversed(places)):
        text = _inserted(line, place, quote)
        yield Repair(_LIKELY + 0.2 * rank, f"Add the missing `{quote}`", text)


def _comma(line: str, parts: Sequence[Token]) -> Iterator[Repair]:
    for one, other in pairwise(parts):
        ends = one.kind in _VALUES or one.text in _AFTER_VALUE
        if ends and other.kind in _VALUES and not {one.text, other.text} & _STATEMENT_WORDS:
            inside = bool(unmatched([part for part in parts if part.end <= one.end]).openers)
            cost = _POSSIBLE if inside else _UNLIKELY
            yield Repair(cost, "Add the missing `,`", _inserted(line, one.end, ","))
    if parts[-1].kind in _VALUES or parts[-1].text in _AFTER_VALUE:
        yield Repair(_POSSIBLE, "Add the missing `,`", _inserted(line, parts[-1].end, ","))


def _sign(line: str, parts: Sequence[Token]) -> Iterator[Repair]:
    if _CONDITION.match(line):
        for token in parts:
            if token.text == "=":
                text = line[: token.start] + "==" + line[token.end :]
                yield Repair(_POSSIBLE, "Compare with `==`", text)


def _word(line: str, parts: Sequence[Token]) -> Iterator[Repair]:
    """Yield keywords in place of words that look like one."""
    for token in parts:
        if token.kind == "word" and token.text not in _STATEMENT_WORDS and len(token.text) > 1:
            for cost, word in near(token.text, _STATEMENT_WORDS, 3):
                text = line[: token.start] + word + line[token.end :]
                yield Repair(_SLIP * cost, f"Rename to `{word}`", text)


def _inserted(line: str, at: int, text: str) -> str:
    return line[:at] + text + line[at:]
