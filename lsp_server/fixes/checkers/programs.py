"""Where a checker's program may come from: the trust rule, and nothing that a workspace plants."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lsp_server.context.admission import resolved

_PROJECT_FOLDERS: Final = (".venv/bin", "venv/bin", "node_modules/.bin")
_TO_PREFIX: Final = 2  # from lib/python3.x/site-packages up


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the search for programs has to know of a workspace."""

    folder: Path | None  # that a file belongs to; None for a file outside of all
    workspace: tuple[Path, ...]  # all folders that are open
    trusted: bool  # the folder; see lsp_server.trust


def find_program(name: str, around: Surroundings) -> Path | None:
    """Return the absolute path of a program, None if there is none that may run.

    The project's own comes first if its folder is trusted, then those on PATH, then what is
    installed beside Mixline. A program, links resolved, that lies in an untrusted
    workspace is never taken.
    """
    for folder in _folders(around):
        program = folder / name
        if program.is_file() and os.access(program, os.X_OK) and _may_run(program, around):
            return program
    return None


def safe_path(around: Surroundings) -> tuple[Path, ...]:
    """Return the entries of PATH that are absolute and outside of the workspace."""
    entries = (Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry)
    return tuple(
        entry
        for entry in entries
        if entry.is_absolute() and not _is_inside(resolved(entry), around.workspace)
    )


def _folders(around: Surroundings) -> tuple[Path, ...]:
    project: tuple[Path, ...] = ()
    if around.trusted and around.folder is not None:
        project = tuple(around.folder / name for name in _PROJECT_FOLDERS)
    return (*project, *safe_path(around), *_own_folders())


def _own_folders() -> tuple[Path, ...]:
    """Return where the environments that Mixline's packages come from keep their programs."""
    packages = (Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    beside = (folder.parents[2] / "bin" for folder in packages if len(folder.parents) > _TO_PREFIX)
    return (Path(sys.executable).parent, *beside)


def _may_run(program: Path, around: Surroundings) -> bool:
    if around.trusted:
        # Another folder of the same window may still be a stranger's.
        strangers = tuple(folder for folder in around.workspace if folder != around.folder)
        return not _is_inside(resolved(program), strangers)
    return not (
        _is_inside(program, around.workspace) or _is_inside(resolved(program), around.workspace)
    )


def _is_inside(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
