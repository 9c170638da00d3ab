"""What no suggestion may do to a file, checked without the language server's own rules.

CPython compiles the file with and without the suggestion; the rest are comparisons of text.
"""

import json
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from evaluation.intervals import Interval, rounded, span, wilson
from inference.model_dir import ModelDir

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode categories


class Fault(StrEnum):
    """What is wrong with a suggestion."""

    NEW_ERROR = "new_syntax_error"  # the file compiled, and does not with the suggestion
    STILL_BROKEN = "still_broken"  # it did not compile either way, yet does with the true text
    REPEATS = "repeats_suffix"  # its last lines are the next lines of the file
    SPECIAL_TOKEN = "special_token"  # noqa: S105 - a marker that the file has nowhere
    INDENTATION = "indentation"  # tabs in a file of blanks, or the other way round
    HIDDEN = "hidden_character"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many suggestions have one fault."""

    count: int
    rate: float
    ci95: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """The faults of all suggestions of one kind that are shown."""

    n: int
    lines: int  # of all of them
    faults: dict[str, Rate]  # by the name of a `Fault`


def find_faults(
    before: str, text: str, after: str, true: str, markers: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of the faults of a suggestion in a Python file.

    Args:
        before: the file up to the cursor.
        text: the suggestion.
        after: the file from the end of the cursor's line on.
        true: what stands between both in the real file.
        markers: what the model's special tokens are called.
    """
    faults = []
    if not compiles(before + text + after):
        if compiles(before + after):
            faults.append(Fault.NEW_ERROR)
        elif compiles(before + true + after):
            faults.append(Fault.STILL_BROKEN)
    if _repeats(before.rpartition("\n")[2] + text, after):
        faults.append(Fault.REPEATS)
    if any(marker in text and marker not in before + after for marker in markers):
        faults.append(Fault.SPECIAL_TOKEN)
    if _changes_indentation(before, text, after):
        faults.append(Fault.INDENTATION)
    if any(unicodedata.category(c) in _HIDDEN for c in text if c not in "\n\t"):
        faults.append(Fault.HIDDEN)
    return tuple(fault.value for fault in faults)


def compiles(source: str) -> bool:
    """Tell whether CPython accepts a file; nothing of it is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "suggested.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def markers(model: Path) -> list[str]:
    """Return what the special tokens of a model directory are called.

    Raises:
        ModelDirectoryError: it is none.
    """
    tokenizer = json.loads(ModelDir.open(model).tokenizer.read_bytes())
    return [token["content"] for token in tokenizer["added_tokens"] if token["special"]]


def count(suggestions: Sequence[tuple[int, Sequence[str]]]) -> Safety:
    """Return the faults of suggestions, each given by its number of lines and its faults."""
    n = len(suggestions)
    hits = {fault: sum(fault in found for _, found in suggestions) for fault in Fault}
    return Safety(
        n=n,
        lines=sum(lines for lines, _ in suggestions),
        faults={
            fault.value: Rate(count=hit, rate=rounded(hit / max(1, n)), ci95=wilson(hit, n))
            for fault, hit in hits.items()
        },
    )


def table(parts: dict[str, Safety]) -> str:
    """Return the faults for people."""
    rows = [
        f"| {name} | {part.n} | {fault.replace('_', ' ')} | {rate.count} | {rate.rate:.2%}"
        f" | {span(rate.ci95)} |"
        for name, part in parts.items()
        for fault, rate in part.faults.items()
    ]
    head = [
        "| shown | n | fault | suggestions | share | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def _repeats(written: str, after: str) -> bool:
    """Tell whether the last lines written are, words and all, the first ones behind them."""
    ours = [line.strip() for line in written.splitlines() if line.strip()]
    theirs = [line.strip() for line in after.splitlines() if line.strip()]
    for size in range(1, len(ours) + 1):
        tail = ours[-size:]
        if tail == theirs[:size] and any(c.isalnum() for line in tail for c in line):
            return True
    return False


def _changes_indentation(before: str, text: str, after: str) -> bool:
    first = before.rpartition("\n")[2]
    new = (first + text if not first.strip() else "\n" + text.partition("\n")[2]).splitlines()
    old = (before + after).splitlines()
    tabs = any(line.startswith("\t") for line in old)
    blanks = any(line.startswith("  ") for line in old)
    if tabs and not blanks:
        return any(line.startswith("  ") for line in new)
    return blanks and not tabs and any(line.startswith("\t") for line in new)
