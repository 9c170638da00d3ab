"""Settings: what a client may send (section `mixline`) and what the server works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from inference import RequestError, parse_effort

_MAX_LIST_ENTRIES = 1000
_SECOND_MS = 1000
# Editors bring the syntax of Python, JavaScript and TypeScript; C and C++ have macros, which no
# grammar understands.
_WITHOUT_A_SERVER_OF_ITS_OWN = frozenset({"csharp", "go", "java", "rust", "shellscript"})


class CompletionFallback(StrEnum):
    """When `textDocument/completion` is offered."""

    AUTO = "auto"  # to clients without textDocument/inlineCompletion
    ALWAYS = "always"
    NEVER = "never"


class MultiLine(StrEnum):
    """When a suggestion may have several lines."""

    AUTO = "auto"  # behind a block opener and on an empty indented line
    NEVER = "never"


class DocstringWords(StrEnum):
    """Who describes what a docstring names."""

    CODE = "code"  # plain phrases made from the code
    MODEL = "model"  # the model where it is sure


class UnsureWords(StrEnum):
    """What stands in a docstring where no model was sure."""

    PHRASE = "phrase"  # a plain phrase made from the code
    PLACEHOLDER = "placeholder"  # the same, as a snippet's placeholder, if the client takes such


class OtherFiles(StrEnum):
    """When prompts quote other files of the workspace."""

    AUTO = "auto"  # if the model's context has room for them
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Resolved settings; the defaults are those of a client that sends nothing."""

    enable: bool = True
    disabled_languages: frozenset[str] = frozenset()  # LSP language ids
    temperature: float = 0.0
    max_tokens: int = 64
    multi_line: MultiLine = MultiLine.AUTO
    effort: float = 1.0  # as inference.parse_effort gives it
    comments_and_strings: bool = True  # automatic suggestions there too
    minimum_confidence: float = 0.25  # automatic suggestions below stay unseen; see `confidence`
    afterlife_ms: int = 4 * _SECOND_MS
    answer_within_ms: int = 450
    completion_fallback: CompletionFallback = CompletionFallback.AUTO
    read_ahead: bool = True  # read the likely next prompt while the user rests
    other_files: OtherFiles = OtherFiles.AUTO
    history: bool = True  # what became of suggestions is kept, in a local file without text
    adapt_to_me: bool = True  # the gate's threshold follows the user's verdicts
    quick_fixes: bool = True  # searched for and verified while the user rests
    docstring_words: DocstringWords = DocstringWords.CODE
    docstring_unsure: UnsureWords = UnsureWords.PHRASE
    syntax_diagnostics: frozenset[str] = _WITHOUT_A_SERVER_OF_ITS_OWN  # LSP language ids
    secrets_extra: tuple[str, ...] = ()  # more patterns of .gitignore's kind for the secrets list


def parse_settings(wire: object, base: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Resolve what a client sent over `base`.

    A key that is absent or null keeps the value of `base`; so does one with a wrong value, which is
    named in the returned messages (expected, found), as is an unknown key.
    """
    if wire is None:
        return base, ()
    if not isinstance(wire, Mapping):
        return base, (f"mixline: expected an object of settings, got {_shown(wire)}",)
    values = {field.name: getattr(base, field.name) for field in fields(base)}
    problems = []
    for key, value in wire.items():
        if value is None:
            continue
        if key not in _READERS:
            problems.append(f"mixline.{key}: there is no such setting")
            continue
        name, read = _READERS[key]
        try:
            values[name] = read(value)
        except RequestError as error:
            problems.append(f"mixline.{key}: {error}")
    return Settings(**values), tuple(problems)


def _shown(value: object) -> str:
    text = repr(value)
    limit = 60
    return text if len(text) <= limit else text[:limit] + "..."


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise RequestError(f"expected true or false, got {_shown(value)}")
    return value


def _number(low: float, high: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise RequestError(f"expected a number from {low:g} to {high:g}, got {_shown(value)}")

    return read


def _integer(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # some clients (Lua's) know only floats
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise RequestError(f"expected an integer from {low} to {high}, got {_shown(value)}")
        return value

    return read


def _choice(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        names = [member.value for member in kind]
        if not isinstance(value, str) or value not in names:
            raise RequestError(f"expected one of {', '.join(names)}, got {_shown(value)}")
        return kind(value)

    return read


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise RequestError(f"expected a list of strings, got {_shown(value)}")
    if len(value) > _MAX_LIST_ENTRIES:
        raise RequestError(f"expected at most {_MAX_LIST_ENTRIES} entries, got {len(value)}")
    return tuple(value)


def _effort(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RequestError(
            f"expected a share such as 0.5 or a mass such as p0.8, got {_shown(value)}"
        )
    return parse_effort(str(value))


_READERS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "enable": ("enable", _boolean),
    "disabledLanguages": ("disabled_languages", lambda value: frozenset(_strings(value))),
    "temperature": ("temperature", _number(0.0, 1.0)),
    "maxTokens": ("max_tokens", _integer(1, 1024)),
    "multiLine": ("multi_line", _choice(MultiLine)),
    "effort": ("effort", _effort),
    "commentsAndStrings": ("comments_and_strings", _boolean),
    "minimumConfidence": ("minimum_confidence", _number(0.0, 1.0)),
    "afterlifeMs": ("afterlife_ms", _integer(0, 60 * _SECOND_MS)),
    "answerWithinMs": ("answer_within_ms", _integer(20, 10 * _SECOND_MS)),
    "completionFallback": ("completion_fallback", _choice(CompletionFallback)),
    "readAhead": ("read_ahead", _boolean),
    "otherFiles": ("other_files", _choice(OtherFiles)),
    "history": ("history", _boolean),
    "adaptToMe": ("adapt_to_me", _boolean),
    "quickFixes": ("quick_fixes", _boolean),
    "docstringWords": ("docstring_words", _choice(DocstringWords)),
    "docstringUnsure": ("docstring_unsure", _choice(UnsureWords)),
    "syntaxDiagnostics": ("syntax_diagnostics", lambda value: frozenset(_strings(value))),
    "secretsExtra": ("secrets_extra", _strings),
}
