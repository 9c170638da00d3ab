"""FILE:LINE:COL on the command line: parsed from the right, checked against the file."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from mixline.usage import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a file as a user writes it: line and column count from 1, in code points."""

    file: Path
    line: int
    column: int


def parse_location(text: str) -> Location:
    """Argument type for FILE:LINE:COL; split from the right, so the path may hold colons."""
    parts = text.rsplit(":", 2)
    if len(parts) == 3 and parts[0] and parts[1].isdecimal() and parts[2].isdecimal():  # noqa: PLR2004
        return Location(file=Path(parts[0]), line=int(parts[1]), column=int(parts[2]))
    raise argparse.ArgumentTypeError(f"expected FILE:LINE:COL such as app.py:12:5, got {text!r}")


def parse_line_location(text: str) -> tuple[Path, int]:
    """Argument type for FILE:LINE; split from the right, so the path may hold colons."""
    file, _, line = text.rpartition(":")
    if file and line.isdecimal():
        return Path(file), int(line)
    raise argparse.ArgumentTypeError(f"expected FILE:LINE such as app.py:12, got {text!r}")


def read_source(file: Path) -> str:
    """Return the text of a source file, line ends as they are.

    Raises:
        UsageError: the file is missing, unreadable or not UTF-8 text.
    """
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"expected a readable file, got {str(file)!r}: {reason}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"expected UTF-8 text, but {str(file)!r} has the byte "
            f"0x{error.object[error.start]:02x} at offset {error.start}; convert it first"
        ) from error


def split_lines(text: str) -> list[str]:
    """Return the lines as LSP counts them: ended by LF, CRLF or CR and by nothing else."""
    return re.split(r"\r\n|\n|\r", text)


def check_inside(place: Location, lines: list[str]) -> None:
    """Refuse a place that the file does not have.

    Raises:
        UsageError: the line or the column is outside.
    """
    if not 1 <= place.line <= len(lines):
        raise UsageError(
            f"expected a line from 1 to {len(lines)} in {str(place.file)!r}, got {place.line}"
        )
    width = len(lines[place.line - 1])
    if not 1 <= place.column <= width + 1:
        raise UsageError(
            f"expected a column from 1 to {width + 1} in line {place.line} of "
            f"{str(place.file)!r}, got {place.column}"
        )
