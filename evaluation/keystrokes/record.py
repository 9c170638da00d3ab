"""What is noted while an assistant is typed into."""

from dataclasses import dataclass, field
from enum import StrEnum


class Situation(StrEnum):
    """Which work an answer could build on."""

    COLD = "cold"  # asked for at the first place of a file that was just opened
    WARM = "warm"
    TYPED_THROUGH = "typed_through"  # the key agreed with the suggestion that stood there


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One key that was answered with a suggestion."""

    situation: Situation
    ms: float  # from the key to the suggestion, in real time


@dataclass(slots=True, kw_only=True)
class Sight:
    """One suggestion for as long as it stood, typed along or not."""

    characters: int
    agreeing: int  # of these, what would have been typed
    right: bool  # accepting it would have left exactly the file's text
    read: bool = False  # it stood long enough
    accepted: bool = False
    keys_saved: int = 0  # by accepting it whole
    keys_saved_in_part: int = 0  # by accepting its first lines and words


@dataclass(slots=True, kw_only=True)
class Record:
    """What happened while passages of one kind were typed."""

    passages: int = 0
    keys: int = 0  # pressed, accepting included
    keys_without: int = 0  # that the same text takes without suggestions
    answers: list[Answer] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    cached_shares: list[float] = field(default_factory=list)  # per key that ran the model
    generated_tokens: int = 0
    accepted_text: list[str] = field(default_factory=list)
    cpu_s: float = 0.0  # of the assistant's process
