"""What is offered against one bug, and what is true of it when others look."""

import ast
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Final

from evaluation.fixes.bugs import Bug

# Not the language server's own list: what it overlooks has to be seen here.
_SUPPRESSION: Final = re.compile(
    r"noqa|nosec|#\s*type:|(pyright|mypy|ruff|pylint|ty)\s*:\s*\w+|no_type_check|isort:"
)
_DELETION_KINDS: Final = frozenset({"unused variable", "unused import"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The first fix that is offered; `text` is empty if there is none."""

    kind: str
    text: str
    title: str
    origin: str
    verdict: str  # "verified", "parsed", or ""
    by: str  # the checker that verified it
    rank: int  # where the original is among the fixes that are offered; -1 if nowhere
    tried: int
    seconds: float
    exact: bool  # the original, to the letter
    same_tree: bool  # the original's syntax tree
    suppresses: bool
    deletes: bool  # a statement, where that is not the rule


def outcome_of(
    bug: Bug,
    texts: list[str],
    *,
    title: str,
    origin: str,
    verdict: str,
    by: str,
    tried: int,
    seconds: float,
) -> Outcome:
    """Judge what is offered against a bug.

    Args:
        bug: the bug.
        texts: the file with each fix that is offered, the first one first.
        title: of the first.
        origin: of the first.
        verdict: on the first.
        by: the checker that verified the first.
        tried: candidates.
        seconds: of the search.
    """
    text = texts[0] if texts else ""
    return Outcome(
        kind=bug.kind,
        text=text,
        title=title,
        origin=origin,
        verdict=verdict,
        by=by,
        rank=texts.index(bug.true) if bug.true in texts else -1,
        tried=tried,
        seconds=seconds,
        exact=text == bug.true,
        same_tree=bool(text) and _dump(text) == _dump(bug.true) != "",
        suppresses=bool(text) and _suppressions(text) > _suppressions(bug.text),
        deletes=bool(text) and bug.kind not in _DELETION_KINDS and _deletes(bug.text, text),
    )


def _suppressions(text: str) -> int:
    return len(_SUPPRESSION.findall(text))


def _deletes(before: str, after: str) -> bool:
    """Tell whether a text has fewer statements, or fewer lines of code where it does not parse."""
    old, new = _statements(before), _statements(after)
    if old and new:
        return new.total() < old.total()
    return _lines(after) < _lines(before)


def _statements(text: str) -> Counter[str]:
    tree = _parse(text)
    nodes = ast.walk(tree) if tree is not None else ()
    return Counter(type(node).__name__ for node in nodes if isinstance(node, ast.stmt | ast.alias))


def _lines(text: str) -> int:
    return sum(bool(line.strip()) and line.strip()[0] != "#" for line in text.split("\n"))


def _dump(text: str) -> str:
    tree = _parse(text)
    return "" if tree is None else ast.dump(tree)


def _parse(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
