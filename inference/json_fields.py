"""Typed access to a JSON object from a file: each wrong value is an error that names its place."""

import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn, TypeVar

from inference.errors import MixlineError

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # JSON can write what UTF-8 cannot
_SHOWN: Final = 80  # characters of a wrong value that an error quotes
Choice = TypeVar("Choice", bound=str)


class JsonFields:
    """One object of a JSON file: ``source`` and ``place`` name it in errors.

    Raises:
        MixlineError: of the kind given to `parse`, from every method, when a value is missing, of
            the wrong type or out of range.
    """

    __slots__ = ("_error", "_place", "_source", "_values")

    def __init__(
        self,
        values: Mapping[str, object],
        source: str,
        error: type[MixlineError],
        place: str = "",
    ) -> None:
        self._values = values
        self._source = source
        self._error = error
        self._place = place

    @classmethod
    def parse(cls, data: bytes, source: str, error: type[MixlineError]) -> "JsonFields":
        """Read a file's bytes, whose top must be an object."""
        try:
            values = json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as cause:
            reason = "it is nested too deeply" if isinstance(cause, RecursionError) else str(cause)
            raise error(f"{source}: expected JSON, but {reason[:_SHOWN]}") from cause
        if not isinstance(values, dict):
            raise error(f"{source}: expected a JSON object, found {_show(values)}")
        return cls(values, source, error)

    def names(self) -> tuple[str, ...]:
        """Return the names that are present."""
        return tuple(self._values)

    def error(self, name: str, expected: str, found: object) -> MixlineError:
        """Return the error for a value that is not as expected."""
        return self._error(
            f"{self._source}: expected {self._place}{name} to be {expected}, found {_show(found)}"
        )

    def value(self, name: str) -> object:
        """Return a value of any type, None if absent."""
        return self._values.get(name)

    def nested(self, name: str) -> "JsonFields":
        """Return a nested object."""
        found = self._values.get(name)
        if not isinstance(found, dict):
            raise self.error(name, "an object", found)
        return JsonFields(found, self._source, self._error, f"{self._place}{name}.")

    def integer(self, name: str, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``."""
        return self._integer(name, self._values.get(name), low, high)

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number, or None if it is absent or null."""
        found = self._values.get(name)
        return None if found is None else self._integer(name, found, low, high)

    def integers(self, name: str, low: int, high: int) -> list[int]:
        """Return a list of whole numbers."""
        found = self._values.get(name)
        if not isinstance(found, list):
            raise self.error(name, "a list of numbers", found)
        return [self._integer(name, item, low, high) for item in found]

    def number(self, name: str) -> float:
        """Return a number."""
        found = self._values.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.error(name, "a number", found)
        try:
            return float(found)
        except OverflowError:
            raise self.error(name, "a number that fits into a float", found) from None

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        found = self._values.get(name)
        if not isinstance(found, bool):
            raise self.error(name, "true or false", found)
        return found

    def text(self, name: str, max_length: int) -> str:
        """Return a string of at most ``max_length`` characters."""
        found = self._values.get(name)
        if not isinstance(found, str) or len(found) > max_length or _LONE_SURROGATE.search(found):
            raise self.error(name, f"a text of at most {max_length} characters", found)
        return found

    def optional_text(self, name: str, max_length: int) -> str | None:
        """Return a string, or None if it is absent or null."""
        return None if self._values.get(name) is None else self.text(name, max_length)

    def choice(self, name: str, choices: tuple[Choice, ...]) -> Choice:
        """Return one of ``choices``."""
        return self._choice(name, self._values.get(name), choices)

    def choices(self, name: str, choices: tuple[Choice, ...]) -> list[Choice]:
        """Return a list of some of ``choices``."""
        found = self._values.get(name)
        if not isinstance(found, list):
            raise self.error(name, f"a list of some of {', '.join(choices)}", found)
        return [self._choice(name, item, choices) for item in found]

    def _integer(self, name: str, found: object, low: int, high: int) -> int:
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            raise self.error(name, f"a whole number from {low} to {high}", found)
        return found

    def _choice(self, name: str, found: object, choices: tuple[Choice, ...]) -> Choice:
        for choice in choices:
            if found == choice:
                return choice
        raise self.error(name, f"one of {', '.join(choices)}", found)


def _show(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return f"a JSON {'object' if isinstance(value, dict) else 'list'}"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
