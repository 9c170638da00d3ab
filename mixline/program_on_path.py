"""What an editor finds that starts `mixline` by name."""

import os
import shutil
import sys
from pathlib import Path

PROGRAM = "mixline"


def notes_about_path(search_path: str | None = None) -> tuple[str, ...]:
    """Say where the program of this installation is not what PATH leads to.

    Args:
        search_path: the folders to look in; default: those of PATH.
    """
    own = _own_program()
    found = shutil.which(PROGRAM, path=search_path)
    if found is None:
        advice = f"give editors its full path, {own}, or add {own.parent} to PATH" if own else ""
        return (f"{PROGRAM} is not on PATH, where editors look for it; {advice}".rstrip("; "),)
    if own is not None and not _same(Path(found), own):
        return (f"editors that start {PROGRAM} by name get {found}, which is not this one, {own}",)
    return ()


def _own_program() -> Path | None:
    """Return the script that was installed beside this interpreter."""
    folder = Path(sys.executable).parent
    names = (f"{PROGRAM}.exe", PROGRAM) if os.name == "nt" else (PROGRAM,)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
