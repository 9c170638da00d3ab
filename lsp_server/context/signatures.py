"""Signatures, from other files, of what the text around the cursor imports and uses."""

from collections.abc import Iterable, Sequence
from typing import Final

from inference import Snippet
from lsp_server.context.other_file import OtherFile
from lsp_server.syntax.definitions import Definition

_MOST_FILES: Final = 4
_MOST_OF_A_FILE: Final = 12  # signatures
_MOST_MEMBERS: Final = 8  # of a type
_TOO_COMMON: Final = 3  # a name that more files define says nothing


def signatures(
    imported: frozenset[str],
    used: frozenset[str],
    own: frozenset[str],
    others: Sequence[OtherFile],
) -> tuple[Snippet, ...]:
    """Return one snippet a file, in the order of the paths.

    Args:
        imported: names in the import statements of the document, its modules' names included.
        used: identifiers near the cursor.
        own: names that the document defines itself.
        others: the files that may be quoted.
    """
    wanted = (imported | used) - own
    homes: dict[str, int] = {}
    for file in others:
        for name in {item.name for item in file.definitions if item.depth == 0} & wanted:
            homes[name] = homes.get(name, 0) + 1
    found = []
    for file in others:
        modules = set(file.path.rpartition(".")[0].split("/"))
        is_imported = bool(modules & imported)
        names = {name for name in wanted if is_imported or homes.get(name, 0) < _TOO_COMMON}
        chosen = _chosen(file.definitions, names, used)
        if chosen:
            weight = sum(2 if item.name in used else 1 for item in chosen) + 2 * is_imported
            found.append((-weight, file.path, _stub(chosen)))
    best = sorted(found)[:_MOST_FILES]
    return tuple(
        Snippet(path=path, text=text) for _, path, text in sorted(best, key=lambda item: item[1])
    )


def _chosen(items: Sequence[Definition], names: set[str], used: frozenset[str]) -> list[Definition]:
    """Return the definitions of these names, and the members of types that are used."""
    chosen: list[Definition] = []
    around: Definition | None = None
    members = 0
    for item in items:
        if item.depth == 0:
            around = item if item.name in names else None
            members = 0
            if around is not None:
                chosen.append(item)
        elif around is not None and item.end <= around.end and members < _MOST_MEMBERS:
            is_private = item.name.startswith("_") and item.name != "__init__"
            if item.depth == 1 and (item.name in used or not is_private):
                members += 1
                chosen.append(item)
    return chosen[:_MOST_OF_A_FILE]


def _stub(items: Iterable[Definition]) -> str:
    return "".join(f"{'    ' * item.depth}{item.signature}\n" for item in items)
