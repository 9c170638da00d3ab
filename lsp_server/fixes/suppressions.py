"""Comments and settings that silence a checker in place of removing what it complains of."""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Final

# Each takes the rest of its line: an old suppression that is widened is a new one.
_SUPPRESSION: Final = re.compile(
    r"""(?ix)
    \#[^\n]*?\b(?:noqa|nosec|nopep8|(?:type|pyright|ty|pyrefly|pyre-[a-z]+)\s*:\s*ignore)[^\n]*
  | \#\s*(?:mypy|pyright|ruff|flake8|pylint|pytype|ty|pyre-[a-z]+|pyrefly|basedpyright)\s*:[^\n]*
  | \#\s*pyre-[a-z]+\b[^\n]*
  | \#\s*(?:shellcheck|rubocop)\b[^\n]*
  | @(?:typing\.)?no_type_check\b
  | @ts-(?:ignore|expect-error|nocheck)\b[^\n]*
  | (?:eslint|oxlint|tslint|biome|deno|jshint|jslint|stylelint|prettier)[-:\s]\s*
      (?:disable|ignore|lint-ignore)[^\n]*
  | /\*\s*(?:eslint|globals?|jshint|jslint)\b[^\n]*
  | NOLINT\w*[^\n]*
  | //\s*nolint[^\n]*
  | \#!?\[\s*(?:allow|expect)\s*\([^\n]*
  | @SuppressWarnings\b[^\n]*
  | \#\s*pragma\s+(?:warning\s+disable|warning\s*\(|GCC\s+diagnostic|clang\s+diagnostic)[^\n]*
  | \bnoinspection\b[^\n]*
  | \bexcept\b[^\n:]*\b(?:NameError|ImportError|ModuleNotFoundError|SyntaxError)\b
  | \bsuppress\s*\([^\n)]*\b(?:NameError|ImportError|ModuleNotFoundError)\b
  | \b(?:globals|locals|vars)\s*\(\s*\)\s*(?:\[|\.)
    """
)
_CONFIGURATION: Final = frozenset(
    {
        *("pyproject.toml", "setup.cfg", "tox.ini", "mypy.ini", ".mypy.ini", "ruff.toml"),
        *(".ruff.toml", ".flake8", ".pylintrc", "pylintrc", "pyrightconfig.json"),
        *("tsconfig.json", "jsconfig.json", "package.json", ".eslintignore", "biome.json"),
        *(".clang-tidy", ".clangd", "clippy.toml", ".shellcheckrc", ".editorconfig"),
    }
)
_CONFIGURATION_NAMES: Final = re.compile(
    r"\.?eslint(?:rc(?:\.\w+)?|\.config\.\w+)|tsconfig\..*\.json"
)


def adds_suppression(before: str, after: str) -> bool:
    """Tell whether a text silences a checker where the text before the edit did not."""
    return bool(_suppressions(after) - _suppressions(before))


def is_configuration(path: str) -> bool:
    """Tell whether a file says what checkers complain of."""
    name = PurePosixPath(path).name
    return name in _CONFIGURATION or _CONFIGURATION_NAMES.fullmatch(name) is not None


def _suppressions(text: str) -> Counter[str]:
    return Counter("".join(found.group().split()) for found in _SUPPRESSION.finditer(text))
