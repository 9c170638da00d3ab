"""A repository's files as the workspace expert's index, whole or without some of them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from evaluation.positions import Position
from evaluation.repositories import Repository, SourceFile
from inference import WorkspaceIndex, WorkspaceView

_HELD: Final = 16  # repositories


def view(position: Position, files: Iterable[SourceFile]) -> WorkspaceView:
    """Return what the index holds of these files, as the position's document sees it."""
    index = _index(position.repository)
    return index.view(
        hidden=index.keys - {file.path for file in files},
        folder=position.file.path.rpartition("/")[0],
    )


@lru_cache(_HELD)
def _index(repository: Repository) -> WorkspaceIndex:
    index = WorkspaceIndex()
    index.update({file.path: file.text for file in repository.files})
    return index
