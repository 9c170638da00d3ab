"""What a docstring says, apart from the style in which it is written."""

from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """How the sections of a docstring are written."""

    GOOGLE = "google"
    NUMPY = "numpy"
    SPHINX = "sphinx"


class SectionKind(StrEnum):
    """What the entries of a section describe; in the order in which sections stand."""

    ATTRIBUTES = "attributes"
    PARAMETERS = "parameters"
    RETURNS = "returns"
    YIELDS = "yields"
    RAISES = "raises"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One parameter, attribute or exception, or the value that is returned or yielded."""

    name: str  # with its stars; "" for what is returned or yielded
    type: str = ""  # as it is to be shown, "" for none
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Entries of one kind."""

    kind: SectionKind
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A summary of one line, and sections."""

    summary: str
    sections: tuple[Section, ...]
