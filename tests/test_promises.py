"""What the documentation says that a test holds, that test is there to hold; so are the verbs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if page.name != "CHANGELOG.md"  # it tells of what was
)
# `tests/a.py`, `tests/a.py::test_b`, and `::test_c`: of the file that was named before.
NAMED = re.compile(r"`(tests/[\w./-]+)?(?:::(\w+))?`")
VERB = re.compile(r"`make ([a-z][a-z0-9-]*)")


def named(text: str) -> Iterator[tuple[str, str]]:
    """Yield each file or folder of tests that a text names, with the test's name or nothing."""
    path = ""
    for match in NAMED.finditer(text):
        path = match[1] or path
        if match[0] != "``":
            yield path, match[2] or ""


def missing(text: str) -> list[str]:
    """Return what a text names and nobody finds."""
    lost = []
    for path, test in named(text):
        if not (ROOT / path).exists():
            lost.append(path)
        elif test and f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8"):
            lost.append(f"{path}::{test}")
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_tests_and_verbs_exist(page: Path) -> None:
    """On every page: files, folders and functions of tests, and verbs of the Makefile."""
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert missing(text) == []
    assert [verb for verb in VERB.findall(text) if f"\n{verb}:" not in makefile] == []


def test_each_promise_of_security_has_a_test() -> None:
    """By its function's name, not by a file's alone."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = page.partition("| promise | test |")[2].partition("\n\n")[0]
    rows = [row.split(" | ") for row in table.splitlines()[2:]]

    assert len(rows) > 10
    assert [cells[0] for cells in rows if not any(test for _, test in named(cells[1]))] == []


def test_what_is_not_there_is_told() -> None:
    """A file, a function, and one of the file before."""
    text = "`tests/nowhere.py`, `tests/conftest.py::no_such`, `::train_tokenizer`, `::gone`"

    assert missing(text) == [
        "tests/nowhere.py",
        "tests/conftest.py::no_such",
        "tests/conftest.py::gone",
    ]
