"""`mixline eval fixes` on this repository's own files, with a model of random weights."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from evaluation.fixes import bench
from evaluation.fixes.bugs import Bug
from evaluation.fixes.kinds import KINDS, Checker
from evaluation.fixes.outcome import Outcome, outcome_of
from evaluation.fixes.reports import Report
from evaluation.fixes.searching import Searcher
from evaluation.fixes.second_look import hold
from evaluation.options import Options
from evaluation.repositories import Repository, SourceFile

TRUE = "import os\n\nprint(os.sep)\n"
WRONG = "import os\n\nprint(oss.sep)\n"
BUG = Bug(
    kind="undefined name",
    checker="ruff",
    repository="r",
    path="a.py",
    text=WRONG,
    true=TRUE,
    report=Report(2, 6, 2, 9, "F821", "Undefined name `oss`", is_error=True),
)
REPOSITORY = Repository(name="r", files=(SourceFile(repository="r", path="a.py", text=TRUE),))


def _outcome(text: str, bug: Bug = BUG) -> Outcome:
    return outcome_of(
        bug, [text], title="", origin="", verdict="verified", by="ruff", tried=1, seconds=0.1
    )


def test_fixes_hold_when_checked_from_outside() -> None:
    """The diagnostic has to go and nothing may come."""
    assert hold([REPOSITORY], [BUG], {BUG.key: TRUE}) == {BUG.key}
    assert hold([REPOSITORY], [BUG], {BUG.key: WRONG}) == set()
    assert hold([REPOSITORY], [BUG], {BUG.key: "import os, re\n\nprint(os.sep)\n"}) == set()


def test_outcome_is_compared_with_the_original() -> None:
    """To the letter, and by the tree."""
    assert _outcome(TRUE).exact
    assert not _outcome(TRUE + "\n").exact
    assert _outcome(TRUE + "\n").same_tree
    assert not _outcome(WRONG).same_tree


@pytest.mark.parametrize(
    ("text", "suppresses", "deletes"),
    [
        (TRUE, False, False),
        (WRONG.rstrip() + "  # noqa: F821\n", True, False),
        ("import os\n", False, True),
        ("import os\n\n# print(oss.sep)\n", False, True),
    ],
)
def test_what_no_fix_may_do_is_seen(text: str, *, suppresses: bool, deletes: bool) -> None:
    """Suppressions and deleted statements are counted without the server's own rules."""
    outcome = _outcome(text)

    assert outcome.suppresses is suppresses
    assert outcome.deletes is deletes


@pytest.fixture
def two_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one repository; bugs are of two kinds that ruff sees."""
    kinds = tuple(
        kind
        for kind in KINDS
        if kind.checker is Checker.RUFF and kind.name in {"undefined name", "comparison with None"}
    )
    monkeypatch.setattr("evaluation.fixes.bugs.KINDS", kinds)
    monkeypatch.setattr("evaluation.fixes.bench.KINDS", kinds)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data/project"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text(
        "def find(values, wanted):\n    for value in values:\n"
        "        if wanted is None or value == wanted:\n            return value\n"
        "    return None\n"
    )
    return folder.parent


def test_whole_run(tiny_model: Path, two_kinds: Path) -> None:
    """Bugs are made, met with fixes and judged; the table has a row for each kind."""
    report = bench.evaluate(Options(model=tiny_model, data=two_kinds, limit=2))

    assert report.n == 2
    assert report.total.verified.count == 2
    assert report.total.holds.rate == report.total.exact.rate == 1.0
    assert report.suppressions == report.deletions == 0
    assert bench.table(report).count("| 1 |") >= 2
    assert asdict(report)["kinds"][0]["kind"] == "undefined name"


def test_a_killed_run_goes_on(
    tiny_model: Path, two_kinds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was searched for is not searched for again, unless a fresh start is asked for."""
    searched: list[str] = []
    outcome = Searcher.outcome

    async def counted(self: Searcher, bug: Bug) -> Outcome:
        searched.append(bug.kind)
        if len(searched) == 2:
            raise InterruptedError
        return await outcome(self, bug)

    monkeypatch.setattr(Searcher, "outcome", counted)
    options = Options(model=tiny_model, data=two_kinds, limit=2)
    with pytest.raises(InterruptedError):
        bench.evaluate(options)
    report = bench.evaluate(options)

    assert searched == ["undefined name", "comparison with None", "comparison with None"]
    assert report.n == report.total.verified.count == 2
    bench.evaluate(replace(options, fresh=True))
    assert len(searched) == 5
