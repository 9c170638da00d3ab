"""Whether fixes do what they promise, asked of the checkers in runs of their own.

Nothing of the language server takes part: each fixed file is written beside its original and
checked by the command line, like any other.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from evaluation.fixes.bugs import Bug
from evaluation.fixes.copies import Copy
from evaluation.fixes.kinds import Checker
from evaluation.fixes.reports import Report, new_reports, reports
from evaluation.repositories import Repository


def hold(
    repositories: Sequence[Repository], bugs: Sequence[Bug], texts: Mapping[str, str]
) -> set[str]:
    """Return the keys of the bugs whose fix removes the diagnostic and adds none.

    Args:
        repositories: that the bugs are in.
        bugs: all of them.
        texts: the fixed files by the bugs' keys.

    Raises:
        DataError: a checker fails.
    """
    fixed = [bug for bug in bugs if bug.key in texts]
    held: set[str] = set()
    with TemporaryDirectory(prefix="mixline-fixes-") as name:
        for repository in repositories:
            own = [bug for bug in fixed if bug.repository == repository.name]
            if own:
                held |= _hold(Copy(repository, Path(name).resolve()), own, texts)
    return held


def _hold(copy: Copy, bugs: Sequence[Bug], texts: Mapping[str, str]) -> set[str]:
    wrong = {bug.key: copy.write_beside(bug.path, f"w{n}", bug.text) for n, bug in enumerate(bugs)}
    right = {
        bug.key: copy.write_beside(bug.path, f"r{n}", texts[bug.key]) for n, bug in enumerate(bugs)
    }
    held = set()
    for checker in Checker:
        own = [bug for bug in bugs if bug.checker == checker.value]
        paths = [path for bug in own for path in (wrong[bug.key], right[bug.key])]
        said = reports(checker, copy.folder, paths)
        held |= {bug.key for bug in own if _holds(bug, said[wrong[bug.key]], said[right[bug.key]])}
    return held


def _holds(bug: Bug, before: Sequence[Report], after: Sequence[Report]) -> bool:
    def same(found: Sequence[Report]) -> int:
        return sum(
            (one.code, one.message) == (bug.report.code, bug.report.message) for one in found
        )

    return same(after) < same(before) and not new_reports(before, after)
