"""Which files git ignores, read from .gitignore by a library: git itself is never run."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

_MAX_FILE_BYTES = 1024 * 1024
_MAX_WILDCARDS = 4
_SEGMENT_WILDCARD = re.compile(r"\*+|\?+")


def compile_patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Compile patterns, each broadened if it is so intricate that matching could take for ever."""
    return GitIgnoreSpec.from_lines(
        simple for line in lines if (simple := _bounded(line.rstrip("\r\n"))) is not None
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    stamp: tuple[int, int] | None  # modification time and size; None: no such file
    patterns: GitIgnoreSpec


class GitIgnore:
    """Answers for one folder tree; files with rules are read again when they change."""

    def __init__(self, folder: Path) -> None:
        self._top = _repository_top(folder)
        self._cache: dict[Path, _Rules] = {}

    def ignores(self, path: Path, *, is_folder: bool = False, alone: bool = False) -> bool:
        """Tell whether git would ignore what is below the folder (both with links resolved).

        Args:
            path: of it.
            is_folder: it is one.
            alone: the folders around it are known not to be ignored.
        """
        try:
            parts = path.relative_to(self._top).parts
        except ValueError:
            return False
        # A folder that is ignored takes everything in it along, whatever rules stand inside.
        return any(
            self._decides(PurePosixPath(*parts[:depth]), is_folder=is_folder or depth < len(parts))
            for depth in range(len(parts) if alone else 1, len(parts) + 1)
        )

    def _decides(self, relative: PurePosixPath, *, is_folder: bool) -> bool:
        sources = [(_user_wide_rules(), relative), (self._top / ".git/info/exclude", relative)]
        for depth in range(len(relative.parts)):
            folder = self._top.joinpath(*relative.parts[:depth])
            sources.append((folder / ".gitignore", PurePosixPath(*relative.parts[depth:])))
        for file, inner in reversed(sources):  # the nearest rules that say anything decide
            name = f"{inner}/" if is_folder else str(inner)
            decision = self._rules(file).check_file(name).include
            if decision is not None:
                return decision
        return False

    def _rules(self, file: Path) -> GitIgnoreSpec:
        stamp = _stamp(file)
        known = self._cache.get(file)
        if known is None or known.stamp != stamp:
            known = _Rules(stamp, compile_patterns(_read_lines(file) if stamp else ()))
            self._cache[file] = known
        return known.patterns


def _bounded(pattern: str) -> str | None:
    """Return the pattern with every segment of many wildcards replaced by `*`.

    Matching `*a*a*a*a*b` takes time that grows with the power of its stars, and the rules may be
    those of a hostile folder. The broader pattern ignores more, which only keeps more out; a
    negated one would let more in and is dropped.
    """
    segments = pattern.split("/")
    simple = [
        "*" if len(_SEGMENT_WILDCARD.findall(segment)) > _MAX_WILDCARDS else segment
        for segment in segments
    ]
    if segments.count("**") > _MAX_WILDCARDS:
        simple = ["*"]
    if simple == segments:
        return pattern
    return None if pattern.startswith("!") else "/".join(simple)


def _repository_top(folder: Path) -> Path:
    """Return the nearest folder upwards that holds a .git, else the folder itself."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return folder


def _user_wide_rules() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - no home is no error here
    return Path(home) / "git" / "ignore"


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except (OSError, ValueError):
        return None
    return (stat.st_mtime_ns, stat.st_size)


def _read_lines(file: Path) -> list[str]:
    try:
        if not file.is_file():  # a pipe or a device would block
            return []
        with file.open("rb") as stream:
            return stream.read(_MAX_FILE_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
