"""eslint: its reports, its fixes, its place behind the trust rule."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.document import Point
from lsp_server.fixes.candidate import Change
from lsp_server.fixes.checkers.eslint import Eslint
from lsp_server.fixes.checkers.programs import Surroundings
from tests.lsp_server.fixes.conftest import MakeFile, MakeProgram, names_in, needs_node_modules

TEXT = 'let s = "😋"; log(confg);\nvar x = s == null;\n'
MESSAGES = [
    {
        "ruleId": "no-undef",
        "severity": 2,
        "message": "'confg' is not defined.",
        "line": 1,
        "column": 19,
        "endLine": 1,
        "endColumn": 24,
    },
    {
        "ruleId": "eqeqeq",
        "severity": 1,
        "message": "Expected '===' and instead saw '=='.",
        "line": 2,
        "column": 11,
        "fix": {"range": [36, 38], "text": "==="},
    },
    {
        "ruleId": None,
        "fatal": True,
        "severity": 2,
        "message": "Parsing error",
        "line": 2,
        "column": 1,
    },
]


def test_an_untrusted_folder_has_none(around: Surroundings) -> None:
    """Its configuration is code."""
    assert Eslint.find(around) is None


async def test_a_report(
    around: Surroundings, make_program: MakeProgram, make_file: MakeFile, workspace: Path
) -> None:
    """Units are utf-16; the text comes on standard input; the folder is the working directory."""
    seen = workspace.parent / "seen"
    output = json.dumps([{"messages": MESSAGES}])
    program = make_program(
        "eslint",
        "said = os.getcwd() + ' ' + ' '.join(sys.argv[1:]) + sys.stdin.read()\n"
        f"open({str(seen)!r}, 'w').write(said)\n"
        f"print({output!r}); sys.exit(1)",
    )
    checker = Eslint(program, workspace, replace(around, trusted=True))
    report = await checker.check(make_file(TEXT, "a.js", "javascript"))
    undefined, equals, fatal = report.findings

    assert seen.read_text() == (
        f"{workspace} --stdin --format json --no-color --stdin-filename {workspace / 'a.js'}{TEXT}"
    )
    assert (undefined.diagnostic.start, undefined.diagnostic.end) == (Point(0, 17), Point(0, 22))
    assert equals.fix is not None
    assert equals.fix.changes == (Change(start=Point(1, 10), end=Point(1, 12), text="==="),)
    assert fatal.diagnostic.code == "syntax-error"


async def test_nonsense_is_a_problem(
    around: Surroundings, make_program: MakeProgram, make_file: MakeFile, workspace: Path
) -> None:
    """Not its JSON, or another status."""
    for body in ("print('[]')", "print('Oops!'); sys.exit(2)", "print('[{}]')"):
        checker = Eslint(make_program("eslint", body), workspace, around)
        report = await checker.check(make_file(TEXT, "a.js", "javascript"))
        assert not report.ended_normally


@needs_node_modules
@pytest.mark.usefixtures("node_modules")
async def test_the_real_one(trusted: Surroundings, make_file: MakeFile, workspace: Path) -> None:
    """Codes, places and fixes of eslint with the folder's configuration; nothing is written."""
    rules = '{ "no-undef": "error", eqeqeq: "warn", "no-var": "warn" }'
    (workspace / "eslint.config.mjs").write_text(f"export default [{{ rules: {rules} }}];\n")
    before = names_in(workspace)
    checker = Eslint.find(trusted)
    assert checker is not None
    text = 'let s = "😋"; log(s);\nvar x = s == s;\n'
    report = await checker.check(make_file(text, "a.js", "javascript"))
    broken = await checker.check(make_file("let = (\n", "a.js", "javascript"))
    declaration = Change(start=Point(1, 0), end=Point(1, 15), text="let x = s == s;")
    clean = await checker.check(make_file("let s = 1;\n", "a.js", "javascript"))

    assert [
        (one.diagnostic.code, one.diagnostic.start, one.fix and one.fix.changes)
        for one in report.findings
    ] == [
        ("no-undef", Point(0, 13), None),
        (
            "no-var",
            Point(1, 0),
            (declaration,),
        ),
        ("eqeqeq", Point(1, 10), None),
    ]
    assert [one.diagnostic.code for one in broken.findings] == ["syntax-error"]
    assert clean.ended_normally
    assert clean.findings == ()
    assert names_in(workspace) == before
