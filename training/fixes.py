"""Reads the collection of injected bugs that the fix task is trained on."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from training.errors import CorpusError
from training.format import Hole


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One injected bug: the hole holds the correct lines, `faulty` the lines as broken."""

    path: str
    diagnostic: str
    faulty: str
    hole: Hole


class FixIndex:
    """Random access to a file of bugs, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        """Opens the file.

        Raises:
            CorpusError: it is missing.
        """
        self.path = path
        try:
            self._rows = path.read_bytes().splitlines()
        except OSError as error:
            raise CorpusError(
                f"expected injected bugs at {path}, found: {error}; make them with "
                "`python -m training bugs`"
            ) from error

    def __len__(self) -> int:
        return len(self._rows)

    def draw(self, rng: Random) -> Bug:
        """Returns one bug."""
        row = json.loads(rng.choice(self._rows))
        return Bug(
            path=row["path"],
            diagnostic=row["diagnostic"],
            faulty=row["faulty"],
            hole=Hole(prefix=row["prefix"], middle=row["middle"], suffix=row["suffix"]),
        )
