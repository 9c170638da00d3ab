"""Burst: typing starts generations at once, a burst waits until it is over."""

from lsp_server.burst import Burst


def test_typing_never_waits() -> None:
    """At a typist's intervals every request may start at once."""
    burst = Burst()

    for number in range(50):
        burst.arrived(number * 0.1)
        assert burst.quiet_s == 0.0


def test_only_the_first_of_a_burst_starts_at_once() -> None:
    """From the second request on a start waits for 25 ms of quiet or more, never above 120."""
    burst = Burst()

    waits = []
    for number in range(50):
        burst.arrived(number * 0.001)
        waits.append(burst.quiet_s)

    assert waits[0] == 0.0
    assert all(0.025 <= wait <= 0.120 for wait in waits[1:])


def test_a_hitch_does_not_end_a_long_burst() -> None:
    """A client that is held up for 200 ms in the middle of its burst is still in it."""
    burst = Burst()
    for number in range(10):
        burst.arrived(number * 0.001)

    burst.arrived(0.210)

    assert burst.quiet_s > 0.0


def test_a_burst_ends_with_the_second_ordinary_interval() -> None:
    """Fast keys do not slow down the typing that follows them."""
    burst = Burst()
    for number in range(10):
        burst.arrived(number * 0.020)
    burst.arrived(0.300)
    burst.arrived(0.420)

    assert burst.quiet_s == 0.0
