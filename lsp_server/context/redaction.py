"""Takes what looks like a key out of a text that other documents may learn from."""

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

PLACEHOLDER: Final = "<redacted>"
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----.*?"
    r"(?:-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----|\Z)",
    re.DOTALL,
)
# Keys that their issuers mark: Amazon, GitHub, GitLab, Slack, Stripe and OpenAI, Google, npm, PyPI,
# and JSON web tokens.
_MARKED: Final = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}"
    r"|xox[abprs]-[\w-]{10,}|[sr]k[-_](?:live|test|proj|ant)?[-_]?[\w-]{20,}|AIza[\w-]{30,}"
    r"|npm_\w{30,}|pypi-[\w-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]{32,}\Z")
_WORD: Final = re.compile(r"[A-Za-z]*\d{0,8}\Z|\d+\Z")
# In names with inner capitals, `DeviceGetHandleById_v2`, however short their words are.
_CAPITALISED: Final = re.compile(r"[A-Z]?[a-z]+\d?\Z")
_SEPARATOR: Final = re.compile(r"[_\-/+=]+|(?<=[a-z])(?=[A-Z])")
_LEAST_BITS: Final = 3.7  # per character; English identifiers of this length have about 3.5
_LEAST_DIGITS: Final = 3
# Of the pairs of neighbours, how many differ in kind (small, capital, digit): 0.64 in random
# strings, 0.3 to 0.45 in names with inner capitals.
_RANDOM_CHANGES: Final = 0.5


def redact(text: str) -> str:
    """Replace private key blocks, keys of known issuers and long random strings.

    A name made of words is kept however long it is. What is kept keeps its line structure; a key
    block becomes one placeholder.
    """
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(PLACEHOLDER, text)
    text = _MARKED.sub(PLACEHOLDER, text)
    return _TOKEN.sub(_random_or_not, text)


def _random_or_not(found: re.Match[str]) -> str:
    token = found.group()
    return PLACEHOLDER if _looks_random(token) else token


def _looks_random(token: str) -> bool:
    if _HEXADECIMAL.match(token):
        return any(map(str.isdigit, token)) and len(set(token)) > 1 + len(token) // 16
    parts = _SEPARATOR.split(token)
    if all(map(_CAPITALISED.match, parts)):
        return False
    if _changes(token) >= _RANDOM_CHANGES:
        return True
    if all(map(_WORD.match, parts)):
        return False
    if sum(map(str.isdigit, token)) < _LEAST_DIGITS or not any(map(str.isalpha, token)):
        return False
    return _bits_per_character(token) >= _LEAST_BITS


def _changes(token: str) -> float:
    """Return the share of neighbouring letters and digits that differ in kind."""
    kinds = [
        (a.isdigit(), a.isupper()) != (b.isdigit(), b.isupper())
        for a, b in pairwise(token)
        if a.isalnum() and b.isalnum()
    ]
    return sum(kinds) / max(1, len(kinds))


def _bits_per_character(token: str) -> float:
    counts = Counter(token).values()
    return -sum(count / len(token) * math.log2(count / len(token)) for count in counts)
