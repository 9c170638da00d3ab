"""Which grammar parses which language; each is loaded when its first document comes."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import tree_sitter

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a grammar comes from: a package, and the function of it that gives the language."""

    package: str
    function: str = "language"


_SOURCES = {
    "bash": _Source("tree_sitter_bash"),
    "c": _Source("tree_sitter_c"),
    "cpp": _Source("tree_sitter_cpp"),
    "csharp": _Source("tree_sitter_c_sharp"),
    "css": _Source("tree_sitter_css"),
    "go": _Source("tree_sitter_go"),
    "html": _Source("tree_sitter_html"),
    "java": _Source("tree_sitter_java"),
    "javascript": _Source("tree_sitter_javascript"),
    "json": _Source("tree_sitter_json"),
    "python": _Source("tree_sitter_python"),
    "rust": _Source("tree_sitter_rust"),
    "tsx": _Source("tree_sitter_typescript", "language_tsx"),
    "typescript": _Source("tree_sitter_typescript", "language_typescript"),
}

# Language identifiers of LSP clients that differ from the grammar's name.
_IDENTIFIERS = {
    "c++": "cpp",
    "cs": "csharp",
    "javascriptreact": "javascript",
    "jsonc": "json",
    "sh": "bash",
    "shellscript": "bash",
    "typescriptreact": "tsx",
    "zsh": "bash",
}

# Grammars for which LSP's clients have other words.
_OWN_WORDS = {"bash": "shellscript", "c_sharp": "csharp", "tsx": "typescriptreact"}

# For `mixline complete`, which is given a file and no language.
_SUFFIXES = {
    "bash": "bash",
    "c": "c",
    "cc": "cpp",
    "cjs": "javascript",
    "cpp": "cpp",
    "cs": "csharp",
    "css": "css",
    "cxx": "cpp",
    "go": "go",
    "h": "c",
    "hh": "cpp",
    "hpp": "cpp",
    "htm": "html",
    "html": "html",
    "java": "java",
    "js": "javascript",
    "json": "json",
    "jsx": "javascript",
    "mjs": "javascript",
    "mts": "typescript",
    "py": "python",
    "pyi": "python",
    "rs": "rust",
    "sh": "bash",
    "ts": "typescript",
    "tsx": "tsx",
}


def grammar_name(language: str, path: str) -> str | None:
    """Return the grammar of a document, or None if there is none for it.

    Args:
        language: the client's language identifier, "" if it is not known.
        path: the document's path, whose suffix tells where the identifier does not.
    """
    known = _IDENTIFIERS.get(language, language)
    if known in _SOURCES:
        return known
    if language:
        return None
    return _SUFFIXES.get(path.rpartition("/")[2].rpartition(".")[2].lower())


def identifier_of(path: str) -> str:
    """Return how LSP's clients call the language of a file, "" if its suffix tells none."""
    grammar = grammar_name("", path) or ""
    return _OWN_WORDS.get(grammar, grammar)


def suffixes_of(grammars: Iterable[str]) -> tuple[str, ...]:
    """Return how the names of files in some grammars end, with the dot."""
    wanted = frozenset(grammars)
    return tuple(f".{suffix}" for suffix, grammar in _SUFFIXES.items() if grammar in wanted)


@cache
def load_grammar(name: str) -> tree_sitter.Language | None:
    """Return a grammar by the name that `grammar_name` gives, or None if it cannot be loaded."""
    source = _SOURCES[name]
    try:
        pointer = getattr(import_module(source.package), source.function)()
        return tree_sitter.Language(pointer)
    except (ImportError, AttributeError, ValueError) as error:
        _log.warning(
            "no syntax for %s: expected the package %s in a version that fits tree-sitter, "
            "found %s; install Mixline again",
            name,
            source.package,
            error,
        )
        return None
