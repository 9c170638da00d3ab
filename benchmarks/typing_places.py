"""Places in Python files at which benchmarks type: inside or at the end of words."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KEYS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What stands before the keys, the keys, and what stands behind them."""

    before: str
    typed: str  # KEYS characters of one line
    behind: str  # begins with a line end, or is empty


def draw_places(files: Sequence[Path], count: int, seed: int) -> list[Place]:
    """Draw places from files; the rest of each line is taken away."""
    choose = random.Random(seed)  # noqa: S311 - the same places each time
    texts = [file.read_text("utf-8") for file in files]
    found: list[Place] = []
    while len(found) < count:
        text = choose.choice(texts)
        at = choose.randrange(KEYS, len(text))
        typed = text[at - KEYS : at]
        if "\n" not in typed and typed.strip() and text[at - 1].isalnum():
            rest = text[at:].partition("\n")
            place = Place(before=text[: at - KEYS], typed=typed, behind=rest[1] + rest[2])
            found.append(place)
    return found
