"""The one clock of the server that somebody may set: the history's dates, which never go back."""

import time
from typing import Final

DAY_S: Final = 86_400
_STEP_S: Final = 0.002  # identities count milliseconds, rounded down


class Calendar:
    """Tells the time of facts; facts that come later are never older.

    A clock may be put right by hours while the server runs, or while it does not. The order of the
    history decides which verdict is a place's last, what is learned from and what leaves a file
    that is full, so a clock that has gone back stands nearly still until it is where it was.
    """

    def __init__(self) -> None:
        self._latest_s = 0.0

    def now(self, written_s: float = 0.0) -> float:
        """Return seconds since 1970, later than all that were returned before.

        Args:
            written_s: of the latest fact in the file; what is returned is later.
        """
        clock = time.time()  # noqa: TID251 - dates are what it is for
        self._latest_s = max(clock, self._latest_s + _STEP_S, written_s + _STEP_S)
        return self._latest_s
