"""The bar: there for a terminal, silent for a file."""

import io

from evaluation.progress import Progress


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_share_and_time_left_and_a_clean_end() -> None:
    """The last thing written clears the line."""
    stream = Terminal()
    with Progress("bits", 4, stream) as progress:
        progress.advance(2)
        drawn = progress.line(30.0)
        progress.advance(2)

    assert drawn == "bits [##############              ]  50%  0:30 left"
    assert "100%" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_file_stays_empty() -> None:
    """Logs get no bar."""
    stream = io.StringIO()
    with Progress("bits", 1, stream) as progress:
        progress.advance()

    assert stream.getvalue() == ""


def test_what_a_former_run_did_says_nothing_about_speed() -> None:
    """Time left is told by what this run has measured."""
    progress = Progress("bits", 10, Terminal())
    progress.advance(5, measured=False)

    assert "left" not in progress.line(1.0)
    progress.advance(1)
    assert progress.line(2.0).endswith("60%  0:08 left")
