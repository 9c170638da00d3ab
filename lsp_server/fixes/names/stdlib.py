r"""The names of Python's standard library, read from a list that comes with Mixline.

`stdlib.txt` holds one line for a module (`os.path\tabspath basename ...`), one for a class
(`pathlib:Path\texists glob ...`) and one for each set of parameters (`(\topen\tfile mode ...`);
modules stand in the order of how often they are imported. `python -m lsp_server.fixes.names.stdlib`
writes it anew with the interpreter that runs it, in a process of its own.
"""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

from lsp_server.syntax.silence import silenced

_LIST: Final = Path(__file__).with_name("stdlib.txt")
_PARAMETERS: Final = "("
COMMON: Final = (
    *("os", "sys", "re", "typing", "collections", "pathlib", "json", "time", "logging"),
    *("datetime", "functools", "itertools", "dataclasses", "collections.abc", "subprocess"),
    *("unittest", "unittest.mock", "random", "abc", "math", "enum", "asyncio", "tempfile"),
    *("shutil", "contextlib", "copy", "threading", "io", "traceback", "argparse", "warnings"),
    *("uuid", "inspect", "operator", "string", "urllib.parse", "hashlib", "base64", "types"),
    *("socket", "textwrap", "struct", "pickle", "platform", "glob", "decimal", "os.path", "csv"),
    *("signal", "importlib", "queue", "concurrent.futures", "multiprocessing", "__future__"),
)
"""Modules that code imports most, the commonest first; an order between names of two modules."""
# Private, gone from newer Pythons, with effects when imported, or programs rather than modules.
_LEFT_OUT: Final = frozenset(
    {
        *("antigravity", "this", "idlelib", "lib2to3", "turtledemo", "turtle", "tkinter", "test"),
        *("distutils", "ensurepip", "pydoc_data", "asynchat", "asyncore", "smtpd", "imp"),
        *("msilib", "nt", "ossaudiodev", "spwd", "curses", "dbm", "venv", "nturl2path"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardLibrary:
    """What the list says."""

    modules: dict[str, frozenset[str]]  # the commonest first
    members: dict[str, frozenset[str]]  # of classes, by their bare names
    parameters: dict[str, frozenset[str]]  # of functions, methods and classes, by bare names
    origins: dict[str, tuple[str, ...]]  # the modules that have a name


@cache
def standard_library() -> StandardLibrary:
    """Read the list."""
    modules: dict[str, frozenset[str]] = {}
    members: dict[str, frozenset[str]] = {}
    parameters: dict[str, frozenset[str]] = {}
    origins: dict[str, list[str]] = {}
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        key, *fields = line.split("\t")
        if key == _PARAMETERS:
            parameters[fields[0]] = frozenset(fields[1].split())
            continue
        module, _, owner = key.partition(":")
        names = fields[0].split()
        if owner:
            members[owner] = members.get(owner, frozenset()) | frozenset(names)
            continue
        modules[module] = frozenset(names)
        for name in names:
            origins.setdefault(name, []).append(module)
    return StandardLibrary(
        modules=modules,
        members=members,
        parameters=parameters,
        origins={name: tuple(found) for name, found in origins.items()},
    )


def listing() -> Iterator[str]:
    """Yield the lines of the list, from the running interpreter's own standard library."""
    parameters: dict[str, set[str]] = {}
    modules = {name: module for name in sorted(_names()) if (module := _import(name)) is not None}
    for name in sorted(modules, key=lambda name: (_rank(name), name)):
        module = modules[name]
        public = getattr(module, "__all__", None)
        found = sorted(
            word
            for word in (dir(module) if public is None else public)
            if not word.startswith("_")
            # Modules that a module imports are not its own; `os.path` is.
            and (word == "path" or not isinstance(getattr(module, word, None), ModuleType))
        )
        yield f"{name}\t{' '.join(found)}"
        for word in found:
            value = getattr(module, word, None)
            _note(parameters, word, value)
            if isinstance(value, type) and value.__module__ in {name, "builtins", f"_{name}"}:
                inside = sorted(one for one in dir(value) if not one.startswith("_"))
                if inside:
                    yield f"{name}:{word}\t{' '.join(inside)}"
                for one in inside:
                    _note(parameters, one, getattr(value, one, None))
    for function in sorted(parameters):
        yield f"{_PARAMETERS}\t{function}\t{' '.join(sorted(parameters[function]))}"


def _names() -> Iterator[str]:
    for name in sys.stdlib_module_names - _LEFT_OUT:
        if name.startswith("_") and name != "__future__":
            continue
        yield name
        module = _import(name)
        for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
            if not inner.name.startswith("_"):
                yield f"{name}.{inner.name}"
    yield "os.path"


def _rank(name: str) -> int:
    return COMMON.index(name) if name in COMMON else len(COMMON)


def _import(name: str) -> ModuleType | None:
    try:
        with silenced():
            return importlib.import_module(name)
    except (ImportError, OSError):
        return None


def _note(parameters: dict[str, set[str]], name: str, function: object) -> None:
    if not callable(function):
        return
    try:
        found = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return
    words = {word for word in found if word not in {"self", "cls"} and not word.startswith("_")}
    if words:
        parameters.setdefault(name, set()).update(words)


if __name__ == "__main__":
    if sys.flags.isolated:
        print("\n".join(listing()))  # noqa: T201 - the caller reads it
    else:
        lines = subprocess.run(  # noqa: S603 - this very file
            [sys.executable, "-I", __file__], check=True, capture_output=True, text=True
        ).stdout
        _LIST.write_text(lines, encoding="utf-8")
