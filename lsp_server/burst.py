"""Tells typing from a burst of requests, in which only the last one is worth a generation."""

_BURST_GAP_S = 0.060  # people do not type faster for long
_HITCH_S = 0.250  # a client may be held up once in the middle of a long burst
_LONG_BURST = 3
_QUIET_S = 0.025
_QUIET_GROWTH_S = 0.005
_LONGEST_QUIET_S = 0.120


class Burst:
    """The rhythm of one document's requests."""

    def __init__(self) -> None:
        self._last_s = float("-inf")
        self._count = 0
        self._hitched = False

    def arrived(self, now_s: float) -> None:
        """Note a request."""
        gap = now_s - self._last_s
        self._last_s = now_s
        if gap < _BURST_GAP_S:
            self._count += 1
            self._hitched = False
        elif gap < _HITCH_S and self._count >= _LONG_BURST and not self._hitched:
            self._hitched = True
        else:
            self._count = 0
            self._hitched = False

    @property
    def quiet_s(self) -> float:
        """How long input must rest before a generation starts: 0 for the first of a burst."""
        if self._count == 0:
            return 0.0
        return min(_QUIET_S + _QUIET_GROWTH_S * self._count, _LONGEST_QUIET_S)
