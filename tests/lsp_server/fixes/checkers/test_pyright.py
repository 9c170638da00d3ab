"""pyright's checker: trust, PyPI's downloading wrapper, and servers that misbehave."""

import importlib.util
from pathlib import Path

import pytest

from lsp_server.document import Point
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.pyright import Pyright
from tests.lsp_server.fixes.conftest import LSP_ANSWER, LSP_SERVER, MakeFile, MakeProgram, names_in

TEXT = 's = "😋".uper()\nprint(s, confg)\n'


def checker_that(
    body: str, make_program: MakeProgram, around: Surroundings, workspace: Path
) -> Pyright:
    program = make_program("pyright-langserver", LSP_SERVER.replace("BODY", body))
    return Pyright(program, "pyright", workspace, around)


async def ended(checker: Pyright) -> None:
    """End a checker, and wait until its process is gone."""
    checker.close()
    await checker.wait_closed()


def test_an_untrusted_folder_has_none(around: Surroundings) -> None:
    """It would run the project's interpreter."""
    assert Pyright.find(around) is None


def test_pypis_wrapper_is_left_alone(
    trusted: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fetches the real pyright when it runs, and no checker may."""
    program = tmp_path / "bin" / "pyright-langserver"
    program.parent.mkdir()
    program.write_text("#!/usr/bin/python3\nfrom pyright.langserver import entrypoint\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    found = Pyright.find(trusted)

    assert found is None or found.name == "basedpyright"


async def test_each_answer_belongs_to_its_text(
    make_program: MakeProgram, trusted: Surroundings, workspace: Path, make_file: MakeFile
) -> None:
    """One server, text after text."""
    checker = checker_that(LSP_ANSWER, make_program, trusted, workspace)
    reports = [
        await checker.check(make_file(text))
        for text in ("x = 1\n", "x = confg\n", "x = 1\ny = confg\n", "y = 1\n")
    ]
    await ended(checker)

    assert [[one.diagnostic.start for one in report.findings] for report in reports] == [
        [],
        [Point(0, 4)],
        [Point(1, 4)],
        [],
    ]
    assert all(report.ended_normally for report in reports)


async def test_a_busy_server_is_asked_again(
    make_program: MakeProgram, trusted: Surroundings, workspace: Path, make_file: MakeFile
) -> None:
    """ServerCancelled is no answer: the server has more to read first."""
    busy = "send({'jsonrpc': '2.0', 'id': number, 'error': {'code': -32802, 'message': 'later'}})"
    body = f"if number < 5:\n            {busy}\n            continue\n        {LSP_ANSWER}"
    checker = checker_that(body, make_program, trusted, workspace)
    report = await checker.check(make_file("x = confg\n"))
    await ended(checker)

    assert [one.diagnostic.start for one in report.findings] == [Point(0, 4)]


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit(3)",
        "os.kill(os.getpid(), 11)",
        "os.write(1, b'GET / HTTP/1.1\\r\\n\\r\\n')",
        "os.write(1, b'Content-Length: 3\\r\\n\\r\\n{{{')",
        "os.write(1, b'Content-Length: 2\\r\\n\\r\\n[]')",
        "send({'jsonrpc': '2.0', 'id': number, 'error': {'code': 1, 'message': 'no'}})",
        "send({'jsonrpc': '2.0', 'id': number, 'result': None})",
        "send({'jsonrpc': '2.0', 'id': number, 'result': {'items': [{}]}})",
    ],
)
async def test_a_bad_server_is_a_problem_and_starts_anew(
    body: str,
    make_program: MakeProgram,
    trusted: Surroundings,
    workspace: Path,
    make_file: MakeFile,
) -> None:
    """Nothing is raised; the next check tries again."""
    checker = checker_that(body, make_program, trusted, workspace)
    reports = [await checker.check(make_file(TEXT)) for _ in range(2)]
    await ended(checker)

    assert not any(report.ended_normally for report in reports)


@pytest.mark.skipif(
    importlib.util.find_spec("basedpyright") is None, reason="basedpyright is not installed"
)
async def test_the_real_one(trusted: Surroundings, make_file: MakeFile, workspace: Path) -> None:
    """Codes and places of basedpyright; nothing is written beside the files."""
    (workspace / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    checker = Pyright.find(trusted)
    assert checker is not None
    report = await checker.check(make_file(TEXT))
    fixed = await checker.check(make_file(TEXT.replace("uper", "upper").replace("confg", "1")))
    await ended(checker)

    assert {(one.diagnostic.code, one.diagnostic.start) for one in report.findings} == {
        ("reportAttributeAccessIssue", Point(0, 8)),
        ("reportUndefinedVariable", Point(1, 9)),
    }
    assert fixed.ended_normally
    assert fixed.findings == ()
    assert names_in(workspace) == {"pyrightconfig.json", "ruff.toml"}
