"""Top-level modules of installed packages, by looking at folders: nothing is imported or run."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_ENVIRONMENTS: Final = (".venv", "venv", "env", ".env")  # inside a workspace folder
_VARIABLES: Final = ("VIRTUAL_ENV", "CONDA_PREFIX")
_MOST_ENTRIES: Final = 20_000
_MODULE_ENDS: Final = (".py", ".pyi", ".so", ".pyd")


def installed_modules(folders: Iterable[Path]) -> frozenset[str]:
    """Return what the environments of some workspace folders and the active one offer.

    Where there is none, what stands beside the running interpreter is the best guess.
    """
    environments = [folder / name for folder in folders for name in _ENVIRONMENTS]
    environments += [Path(place) for name in _VARIABLES if (place := os.environ.get(name))]
    places = [place for one in environments for place in _site_packages(one)]
    if not places:
        places = [Path(place) for place in sys.path if place.endswith("site-packages")]
    return frozenset(name for place in places for name in _modules(place))


def _site_packages(environment: Path) -> list[Path]:
    found = [*environment.glob("lib/python3*/site-packages"), environment / "Lib/site-packages"]
    return [place for place in found if place.is_dir()]


def _modules(place: Path) -> Iterable[str]:
    try:
        with os.scandir(place) as entries:
            for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False):
                name = entry.name.partition(".")[0]
                if not name.isidentifier() or name.startswith("__"):
                    continue
                if entry.name.endswith(_MODULE_ENDS) or (entry.name == name and entry.is_dir()):
                    yield name
    except OSError:
        return
