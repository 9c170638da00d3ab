"""Cuts what the model has written to one sentence, or says that it is none to be shown."""

import re
from itertools import pairwise
from typing import Final

from lsp_server.docstrings.summaries import VERBS
from lsp_server.docstrings.wording import says_something, stem, telling_words, words_of

_SENTENCE_END: Final = re.compile(r"(?<=[^\s.])\.(?=\s|$)(?<!e\.g\.)(?<!i\.e\.)")
_QUOTES: Final = re.compile(r"\"\"\"|'''")
_CODE: Final = re.compile(r"`+([^`]*)`+")
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_SIGNS_OF_CODE: Final = re.compile(
    r"<\||\|>|>>>|^[-=*#:]{2,}|^@|\\|\{|\}|https?://|TODO|FIXME|noqa"
)
_TYPE_BEFORE: Final = re.compile(r"^[\w.\[\], |]{1,40}: (?=\w)")
_LONGEST: Final = 160  # characters
_FEWEST_WORDS: Final = 3
_GROUNDED: Final = 0.5  # of the words that mean something, how many the code must have
# Verbs that say the same of a function; any other than its name's contradicts it.
_SAME: Final = (
    frozenset({"get", "return", "fetch", "find", "retrieve", "look", "load", "read"}),
    frozenset({"test", "check", "verify", "ensure", "assert", "validate"}),
    frozenset({"create", "make", "build", "generate"}),
    frozenset({"compute", "calculate", "return"}),
    frozenset({"remove", "delete", "drop"}),
    frozenset({"run", "execute"}),
)
_PLAIN: Final = ("Passed to", "Tested by", "Kept as", "Indexed as", "Called as")  # copied phrases
_LATIN_END: Final = 0x250
# First words that are no imperative; a full list would be a dictionary.
_NO_IMPERATIVE: Final = frozenset(
    """a an the this that it its if when returns for in on as at whether where one all any these
    function method class helper wrapper used true false none note not no also some there""".split()  # noqa: SIM905
)


def summary_of(text: str, source: str, names: tuple[str, ...]) -> str | None:
    """Return the summary line in what was written, without its full stop; None if there is none.

    Args:
        text: what the model wrote behind the opening quotes.
        source: of the function; nothing that is not in it may be named.
        names: of the function, its class and its type; more than these must be said.
    """
    sentence = sentence_of(text, source, names)
    if sentence is None:
        return None
    first, _, rest = sentence.partition(" ")
    if not _agrees(first.lower().removesuffix("s"), names[0], source):
        return None
    if first.lower() not in VERBS and first.lower().removesuffix("s") in VERBS:
        first = first.removesuffix("s")  # "Returns": PEP 257 wants a command
    small = first.lower()
    if small in _NO_IMPERATIVE or (small not in VERBS and small.endswith(("s", "ed", "ing"))):
        return None
    return f"{first[:1].upper()}{first[1:]} {rest}"


def description_of(text: str, source: str, names: tuple[str, ...]) -> str | None:
    """Return the description of a parameter or value, without its full stop; None if there is none.

    Args:
        text: what the model wrote behind the name.
        source: of the function.
        names: of the parameter, its type and its function.
    """
    sentence = sentence_of(_TYPE_BEFORE.sub("", text.strip()), source, names)
    # What is claimed of code must come from the code.
    if sentence is None or "`" in sentence or sentence.startswith(_PLAIN):
        return None
    return f"{sentence[:1].upper()}{sentence[1:]}"


def sentence_of(text: str, source: str, names: tuple[str, ...]) -> str | None:
    """Return the first sentence of a text, None if it cannot be shown."""
    text = _QUOTES.split(text.lstrip())[0]
    line = " ".join(text.split("\n")[0].split())
    line = _SENTENCE_END.split(line)[0].rstrip(" .,:;-")
    words = line.split()
    if len(words) < _FEWEST_WORDS or len(line) > _LONGEST or _SIGNS_OF_CODE.search(line):
        return None
    if not line[0].isalpha() or any(sign.isalpha() and ord(sign) >= _LATIN_END for sign in line):
        return None
    if line.count("`") % 2 or line.count("(") != line.count(")") or line.count('"') % 2:
        return None
    if _repeats(words_of(line)) or _invents(line, source) or not _is_grounded(line, source):
        return None
    if not says_something(line, names):
        return None
    return _CODE.sub(r"`\1`", line)


def _agrees(verb: str, name: str, source: str) -> bool:
    """Tell whether a summary's verb may stand over a function of this name."""
    words = words_of(name)
    if verb in {"initialize", "initialise", "construct"}:
        return name == "__init__"
    if words and words[0] in VERBS:
        return verb == words[0] or any(verb in same and words[0] in same for same in _SAME)
    return verb == "return" or stem(verb) in {stem(word) for word in words_of(source)}


def _is_grounded(line: str, source: str) -> bool:
    """Tell whether enough of a sentence's words stand in the code."""
    known = {stem(word) for word in words_of(source)}
    words = [word for word in telling_words(line) if word not in VERBS]
    return bool(words) and sum(stem(word) in known for word in words) >= _GROUNDED * len(words)


def _repeats(words: list[str]) -> bool:
    """Tell whether a phrase of two words, or a word that means something, comes again."""
    pairs = list(pairwise(words))
    longest = max((words.count(word) for word in words if len(word) > 3), default=0)  # noqa: PLR2004
    return len(set(pairs)) < len(pairs) or longest > 2  # noqa: PLR2004


def _invents(line: str, source: str) -> bool:
    """Tell whether a sentence names code that the function does not have."""
    known = frozenset(_IDENTIFIER.findall(source))
    named = [name for quoted in _CODE.findall(line) for name in _IDENTIFIER.findall(quoted)]
    named += [name for name in _IDENTIFIER.findall(line) if "_" in name.strip("_")]
    return any(name not in known for name in named)
