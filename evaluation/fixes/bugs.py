"""Bugs made in repositories, evenly over the kinds; each is one that a checker reports."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from evaluation.fixes.copies import Copy
from evaluation.fixes.kinds import KINDS, Checker, Kind
from evaluation.fixes.original import Original
from evaluation.fixes.reports import Report, installed, new_reports, reports
from evaluation.repositories import Repository, SourceFile
from evaluation.resume import digest

_MORE: Final = {Checker.RUFF: 3, Checker.PYRIGHT: 5}  # made for each that is wanted
_ROUNDS: Final = 3
_MOST_LINES: Final = 2000  # of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A file made wrong, with the first new thing that a checker says of it."""

    kind: str
    checker: str
    repository: str
    path: str
    text: str  # the faulty file; "\n" line ends
    true: str  # the file as it was
    report: Report

    @property
    def key(self) -> str:
        """The digest of the bug."""
        return digest(self.kind, self.repository, self.path, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    kind: Kind
    file: SourceFile
    text: str


def make_bugs(repositories: Sequence[Repository], per_kind: int, seed: int = 0) -> list[Bug]:
    """Return up to so many bugs of each kind, in the order of the kinds.

    Kinds whose checker is not installed have none.

    Raises:
        DataError: a checker fails.
    """
    found: dict[str, list[Bug]] = {kind.name: [] for kind in KINDS}
    rng = Random(seed)  # noqa: S311 - reproducible, not secret
    with tempfile.TemporaryDirectory(prefix="mixline-bugs-") as name:
        copies = {repo.name: Copy(repo, Path(name).resolve()) for repo in repositories}
        for _ in range(_ROUNDS):
            missing = {
                kind: per_kind - len(found[kind.name])
                for kind in KINDS
                if len(found[kind.name]) < per_kind and installed(kind.checker)
            }
            if not missing:
                break
            tries = [
                one
                for kind, count in missing.items()
                for one in _tries(rng, repositories, kind, count)
            ]
            for bug in _seen(tries, copies):
                if len(found[bug.kind]) < per_kind and bug not in found[bug.kind]:
                    found[bug.kind].append(bug)
    return [bug for kind in KINDS for bug in found[kind.name]]


def _tries(
    rng: Random, repositories: Sequence[Repository], kind: Kind, count: int
) -> Iterable[_Try]:
    """Yield more wrong files than are wanted, one repository after the other."""
    wanted = count * _MORE[kind.checker]
    queues = [rng.sample(repo.files, len(repo.files)) for repo in repositories]
    made = 0
    while made < wanted and any(queues):
        for queue in queues:
            while queue:
                file = queue.pop()
                original = Original.parse(file) if len(file.lines) <= _MOST_LINES else None
                text = None if original is None else kind.inject(rng, original)
                if text is not None and text != file.text:
                    yield _Try(kind=kind, file=file, text=text)
                    made += 1
                    break


def _seen(tries: Sequence[_Try], copies: dict[str, Copy]) -> Iterable[Bug]:
    """Yield the bugs among wrong files: those that the checker of their kind reports."""
    places = {
        index: copies[one.file.repository].write_beside(one.file.path, str(index), one.text)
        for index, one in enumerate(tries)
    }
    said: dict[tuple[str, Checker, str], list[Report]] = {}
    for name, copy in copies.items():
        for checker in Checker:
            paths = {
                path
                for index, one in enumerate(tries)
                if one.file.repository == name and one.kind.checker is checker
                for path in (one.file.path, places[index])
            }
            for path, found in reports(checker, copy.folder, sorted(paths)).items():
                said[name, checker, path] = found
    for index, one in enumerate(tries):
        name, checker = one.file.repository, one.kind.checker
        new = new_reports(said[name, checker, one.file.path], said[name, checker, places[index]])
        first = next((report for report in new if report.code in one.kind.codes), None)
        # A syntax error hides what else there is to say: only of a clean file is its fix certain.
        clean = checker is not Checker.RUFF or not said[name, checker, one.file.path]
        if first is not None and clean:
            yield Bug(
                kind=one.kind.name,
                checker=checker.value,
                repository=name,
                path=one.file.path,
                text=one.text,
                true=one.file.text,
                report=first,
            )
    for name, copy in copies.items():
        copy.remove(places[i] for i, one in enumerate(tries) if one.file.repository == name)
