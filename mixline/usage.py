"""Wrong usage: a parser that answers in one sentence, argument types that explain themselves."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

from inference.errors import MixlineError, RequestError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, what shells expect


class UsageError(MixlineError):
    """What the user asked for cannot be asked: exit status 2."""


class OneSentenceParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage block in front."""

    def error(self, message: str) -> NoReturn:
        """Print the message and where help is, and exit with status 2."""
        print(f"{self.prog}: {message} (see '{self.prog} --help')", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Turn the failure to write a file that the user has asked for into wrong usage.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"expected a file that can be written, got {str(path)!r}: {error.strerror}"
        ) from error


Number = TypeVar("Number", int, float)


def number_between(kind: type[Number], low: Number, high: Number) -> Callable[[str], Number]:
    """Return an argument type that takes a number of `kind` from `low` to `high`."""

    def parse(text: str) -> Number:
        what = "a whole number" if kind is int else "a number"
        problem = f"expected {what} from {low} to {high}, got {text!r}"
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(problem) from None
        if not low <= value <= high:  # also refuses nan
            raise argparse.ArgumentTypeError(problem)
        return value

    return parse


def effort(text: str) -> float:
    """Read `--effort`: a share of the experts, or of the router's mass."""
    from inference import parse_effort

    try:
        return parse_effort(text)
    except RequestError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
