"""Bugs for evaluation: each kind is made as it says, and kept only if its checker sees it."""

from pathlib import Path
from random import Random

import pytest

from evaluation.fixes import injections
from evaluation.fixes.bugs import make_bugs
from evaluation.fixes.copies import Copy
from evaluation.fixes.kinds import KINDS, Checker, Kind
from evaluation.fixes.original import Original
from evaluation.fixes.reports import Report, installed, new_reports
from evaluation.repositories import Repository, SourceFile

_TEXT = '''\
"""A file in which every kind of bug can be made."""

import os
import shutil
from pathlib import Path


class Box:
    def __init__(self, width, label=None):
        self.width = width
        self.label = label

    async def area(self, factor):
        if self.label is None:
            return None
        try:
            other = await self.scaled(factor, precise=True)
        except OSError:
            other = self.width
        print(os.sep, shutil.which(self.label), Path(self.label))
        return other * self.width

    def half(self):
        half_width = self.width / 2
        return half_width
'''
_FILE = SourceFile(repository="r", path="box.py", text=_TEXT)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_one_place_changes(kind: Kind) -> None:
    """Every kind makes a wrong text of this one, with at most one line more or less."""
    original = Original.parse(_FILE)
    assert original is not None
    made = [kind.inject(Random(seed), original) for seed in range(12)]  # noqa: S311
    wrong = [text for text in made if text is not None]

    assert wrong
    for text in wrong:
        lines = text.split("\n")
        assert text != _TEXT
        assert abs(len(lines) - len(original.lines)) <= 1
        assert len(set(lines) - set(original.lines)) <= 1


def test_self_is_left_out_of_parameters_or_uses() -> None:
    """Both ways occur."""
    original = Original.parse(_FILE)
    assert original is not None
    texts = {injections.missing_self(Random(seed), original) or "" for seed in range(30)}  # noqa: S311

    assert any("def half():" in text for text in texts)
    assert any("def half(self):" in text for text in texts)


def test_file_that_does_not_parse() -> None:
    """Bugs are made in correct files only."""
    assert Original.parse(SourceFile(repository="r", path="a.py", text="def")) is None


@pytest.mark.skipif(installed(Checker.RUFF) is None, reason="ruff is not installed")
def test_bugs_are_those_that_ruff_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bug comes with a diagnostic of its kind; the same seed makes the same bugs."""
    ruffs = tuple(kind for kind in KINDS if kind.checker is Checker.RUFF)
    monkeypatch.setattr("evaluation.fixes.bugs.KINDS", ruffs)
    repository = Repository(name="r", files=(_FILE,))

    bugs = make_bugs([repository], per_kind=1)

    assert {bug.kind for bug in bugs} >= {"comparison with None", "missing colon", "unused import"}
    for bug in bugs:
        kind = next(kind for kind in ruffs if kind.name == bug.kind)
        assert bug.report.code in kind.codes
        assert bug.true == _TEXT != bug.text
    assert make_bugs([repository], per_kind=1) == bugs


def test_reports_are_new_wherever_they_stand() -> None:
    """A complaint that was there before counts once, though its line moved."""

    def report(line: int, message: str) -> Report:
        return Report(line, 0, line, 1, "F821", message, True)

    before = [report(1, "a"), report(2, "b")]
    after = [report(2, "a"), report(3, "b"), report(9, "b")]

    assert new_reports(before, after) == [report(9, "b")]


def test_faulty_file_stands_beside_its_original(tmp_path: Path) -> None:
    """Its relative imports mean the same there; the original stays."""
    file = SourceFile(repository="r", path="pkg/a.b.py", text="x = 1\n")
    copy = Copy(Repository(name="r", files=(file,)), tmp_path)

    beside = copy.write_beside(file.path, "3", "y = 1\n")

    assert beside == "pkg/a_b_mixline_3.py"
    assert (copy.folder / file.path).read_text() == "x = 1\n"
    copy.remove([beside])
    assert not (copy.folder / beside).exists()
