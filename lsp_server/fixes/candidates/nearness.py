"""How far one name is from another: what a slip of the finger costs, in nats."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_EDIT: Final = 2.0  # for each letter that is wrong, missing, too many or swapped with the next
_CASE: Final = 0.5  # the same but for case or underscores
_MOST_EDITS: Final = 3
_LETTERS_PER_EDIT: Final = 3  # a name of six letters may differ in two
_MOST_FOUND: Final = 16
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Near(NamedTuple):
    """A name that may have been meant."""

    cost: float
    name: str


def near(wrong: str, names: Iterable[str], most: int = _MOST_FOUND) -> list[Near]:
    """Return the names that `wrong` may stand for, the nearest first."""
    found = [
        Near(cost, name)
        for name in set(names)
        if name != wrong and (cost := distance_cost(wrong, name)) is not None
    ]
    return sorted(found)[:most]


def distance_cost(wrong: str, name: str) -> float | None:
    """Return what it costs that `name` became `wrong`, None if they are too far apart."""
    if wrong.startswith("__") != name.startswith("__"):
        return None  # one of them has a meaning to Python
    if _bare(wrong) == _bare(name):
        return _CASE
    limit = min(_MOST_EDITS, max(1, min(len(wrong), len(name)) // _LETTERS_PER_EDIT))
    if abs(len(wrong) - len(name)) <= limit:
        edits = edit_distance(wrong, name, limit)
        if edits <= limit:
            # One letter of a short name says more than one of a long name.
            return _EDIT * edits + 4.0 / len(name)
    theirs, ours = _parts(name), _parts(wrong)
    if len(ours) > 1 and sorted(theirs) == sorted(ours):
        return 2 * _EDIT
    return None


def edit_distance(one: str, other: str, limit: int) -> int:
    """Return Damerau and Levenshtein's distance (adjacent swaps count one), at most `limit` + 1.

    The restricted form: no part is edited twice.
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, theirs in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != theirs))
            swapped = row > 1 and column > 1 and letter == other[column - 2]
            if swapped and theirs == one[row - 2]:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, last = last, current
    return last[-1]


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _parts(name: str) -> list[str]:
    return [part.lower() for part in _WORDS.findall(name)]
