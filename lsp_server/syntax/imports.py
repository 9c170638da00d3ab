"""What stands behind `from module import`: the names of a module of the workspace; Python only."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from inference import CompletionRequest
from lsp_server.syntax.parsing import parse
from lsp_server.syntax.symbols import symbols

_PYTHON: Final = (".py", ".pyi")
_PACKAGE: Final = "/__init__"
_REACH: Final = 2000  # characters before the cursor in which the statement begins
# On one line, or in brackets on several.
_IMPORT: Final = re.compile(
    r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import(?:[ \t]+[\w, \t]*|[ \t]*\([\w,\s]*)\Z",
    re.MULTILINE,
)
_MOST_MODULES: Final = 3  # of one name; more of them say nothing
_LONGEST: Final = 200_000  # characters of a module that is looked at
_CACHED: Final = 64


def with_imported_names(request: CompletionRequest) -> CompletionRequest:
    """Return a request that knows the names which the module imported from at its cursor has.

    The modules are those among its references and in its view of the workspace; where the cursor
    stands elsewhere, or nothing is found, it is the same request.
    """
    if not request.path.endswith(_PYTHON):
        return request
    statement = _IMPORT.search(request.prefix[-_REACH:])
    if statement is None:
        return request
    folder = request.path.split("/")[:-1]
    dots, dotted = statement.groups()
    if len(dots) > len(folder) + 1:
        return request
    above = folder[: len(folder) + 1 - len(dots)] if dots else []
    target = "/".join([*above, *filter(None, dotted.split("."))])
    names = _names(request, f"/{target}") if target else set()
    return replace(request, candidates=tuple(sorted(names))) if names else request


def _names(request: CompletionRequest, target: str) -> set[str]:
    """Return the names in the modules whose path ends in `target`, their submodules among them."""
    names: set[str] = set()
    texts = []
    for key, text in _files(request, target):
        module = f"/{key.rpartition('.')[0]}".removesuffix(_PACKAGE)
        outer, _, name = module.rpartition("/")
        if module.endswith(target):
            texts.append(text)
        elif outer.endswith(target):
            names.add(name)
    if len(texts) > _MOST_MODULES:
        return set()
    return names.union(*(module_names(text()) for text in texts))


def _files(request: CompletionRequest, target: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield keys and texts of Python files with `target` in their path."""
    for reference in request.references:
        if reference.key != request.document and reference.key.endswith(_PYTHON):
            yield reference.key, partial(str, reference.text)
    view = request.workspace
    if view is not None:
        for key in view.files():
            if target in f"/{key}" and key.endswith(_PYTHON):
                yield key, partial(view.text, key)


@lru_cache(_CACHED)
def module_names(text: str) -> frozenset[str]:
    """Return what a module binds; nothing if it is too long to be read."""
    parsed = None if len(text) > _LONGEST else parse("python", text.encode("utf-8", "replace"))
    return frozenset() if parsed is None else frozenset(symbols(parsed).module_names)
