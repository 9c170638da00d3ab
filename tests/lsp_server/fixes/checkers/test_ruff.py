"""ruff, the real one: what it reports of a text that no file holds, and what it must not do."""

from pathlib import Path

import pytest

from lsp_server.document import Point
from lsp_server.fixes.candidate import Change
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.ruff import Ruff
from tests.lsp_server.fixes.conftest import MakeFile, MakeProgram, names_in


async def test_findings_are_in_code_points(ruff: Ruff, make_file: MakeFile) -> None:
    """An emoji before the place counts as one."""
    report = await ruff.check(make_file('x = 1\nprint("😋", confg)\n'))
    (finding,) = report.findings

    assert report.ended_normally
    assert finding.diagnostic.code == "F821"
    assert (finding.diagnostic.start, finding.diagnostic.end) == (Point(1, 11), Point(1, 16))
    assert finding.fix is None


async def test_its_own_fix_comes_with_it(ruff: Ruff, make_file: MakeFile) -> None:
    """The title is ruff's, the change is the one that it would make."""
    report = await ruff.check(make_file("import os\nimport re\n\nre.compile('')\n"))
    (finding,) = report.findings

    assert finding.diagnostic.code == "F401"
    assert finding.fix is not None
    assert finding.fix.title == "Remove unused import: `os`"
    assert finding.fix.changes == (Change(start=Point(0, 0), end=Point(1, 0), text=""),)


async def test_a_syntax_error_has_a_code(ruff: Ruff, make_file: MakeFile) -> None:
    """Also where ruff gives it none."""
    report = await ruff.check(make_file("def f(x)\n    return x\n"))

    assert {finding.diagnostic.code for finding in report.findings} == {"invalid-syntax"}


async def test_the_projects_configuration_counts(
    ruff: Ruff, make_file: MakeFile, workspace: Path
) -> None:
    """An excluded file has no findings, and `fix = true` fixes nothing."""
    settings = workspace / "ruff.toml"
    settings.write_text('fix = true\nfix-only = true\nlint.select = ["F"]\n')
    report = await ruff.check(make_file("import os\n"))
    settings.write_text('exclude = ["app.py"]\n')
    excluded = await ruff.check(make_file("import os\n"))
    settings.write_text("no-such-setting = 1\n")
    refused = await ruff.check(make_file("import os\n"))

    assert [finding.diagnostic.code for finding in report.findings] == ["F401"]
    assert excluded.ended_normally
    assert excluded.findings == ()
    assert refused.problem == "it ended with status 2"
    assert names_in(workspace) == {"ruff.toml"}


@pytest.mark.parametrize(
    "body",
    [
        'print(\'[{"code": "F821"}]\')',
        "print('{}' * 3)",
        "print('[' * 100000)",
        "print('null')",
        "print([1])",
        "os.kill(os.getpid(), 9)",
        "sys.exit(7)",
    ],
)
async def test_a_broken_ruff_is_a_problem_of_its_own(
    body: str, around: Surroundings, make_program: MakeProgram, make_file: MakeFile
) -> None:
    """Nothing is raised and nothing it says counts."""
    report = await Ruff(make_program("ruff", body), around).check(make_file("x = y\n"))

    assert not report.ended_normally
    assert report.findings == ()
