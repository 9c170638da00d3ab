"""Tells typing from a burst of requests, in which only the last one is worth a generation."""

_BURST_GAP_S = 0.060  # people do not type faster
_LONG_BURST_GAP_S = 0.250  # a client that was held up in the middle of its burst
_LONG_BURST = 3
_QUIET_S = 0.025
_QUIET_GROWTH_S = 0.005
_LONGEST_QUIET_S = 0.120


class Burst:
    """The rhythm of one document's requests."""

    def __init__(self) -> None:
        self._last_s = float("-inf")
        self._count = 0

    def arrived(self, now_s: float) -> None:
        """Note a request."""
        gap = now_s - self._last_s
        self._last_s = now_s
        goes_on = gap < (_LONG_BURST_GAP_S if self._count >= _LONG_BURST else _BURST_GAP_S)
        self._count = self._count + 1 if goes_on else 0

    @property
    def quiet_s(self) -> float:
        """How long input must rest before a generation starts: 0 for the first of a burst."""
        if self._count == 0:
            return 0.0
        return min(_QUIET_S + _QUIET_GROWTH_S * self._count, _LONGEST_QUIET_S)
