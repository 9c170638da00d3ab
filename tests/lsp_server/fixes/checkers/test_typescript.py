"""TypeScript's checker: which server it takes, what that says, and servers that misbehave."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.document import Point
from lsp_server.fixes.candidate import Origin
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.tsserver import TsServer
from lsp_server.fixes.checkers.typescript import TypeScript
from lsp_server.fixes.diagnostic import Diagnostic
from lsp_server.fixes.search import Budget, Faulty, search
from lsp_server.fixes.toolbox import Toolbox
from lsp_server.fixes.verification import Baseline, Verdict
from tests.lsp_server.fixes.conftest import (
    LSP_ANSWER,
    LSP_SERVER,
    MakeFile,
    MakeProgram,
    names_in,
    needs_node_modules,
)

CONFIGURATION = '{"compilerOptions": {"strict": true, "noEmit": true}}'
TEXT = """import { other } from "./b";
export const config = 1;
console.log("😋", confg, other.uper());
"""
SETTLED = TEXT.replace("confg", "config").replace("uper", "toUpperCase")
WITH_NUMBER = "export const other: number = 3;\n"
PATIENT = Budget(seconds=120.0)  # a busy machine starts the server slowly
# A tsserver in a few lines: it answers each question as the body says.
TSSERVER = """
import json
def send(message):
    body = json.dumps(message).encode()
    os.write(1, b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
for line in sys.stdin:
    message = json.loads(line)
    send({"type": "event", "event": "telemetry"})
    if message["command"] != "open":
        answer = {"type": "response", "request_seq": message["seq"], "success": True}
        BODY
"""


async def ended(checker: TypeScript) -> None:
    """End a checker, and wait until its process is gone."""
    checker.close()
    await checker.wait_closed()


def test_an_untrusted_folder_has_none(around: Surroundings) -> None:
    """Plugins that its configuration names are code."""
    assert TypeScript.find(around) is None


@needs_node_modules
@pytest.mark.usefixtures("node_modules")
async def test_the_real_one(trusted: Surroundings, make_file: MakeFile, workspace: Path) -> None:
    """Syntax and types, with unsaved buffers in place of files; nothing is written."""
    (workspace / "tsconfig.json").write_text(CONFIGURATION)
    (workspace / "b.ts").write_text('export const other: string = "x";\n')
    before = names_in(workspace)
    checker = TypeScript.find(trusted)
    assert checker is not None
    first, again, settled = [
        await checker.check(make_file(text, "a.ts", "typescript"))
        for text in (f"{TEXT}let a = (", TEXT, SETTLED)
    ]
    edited = make_file(SETTLED, "a.ts", "typescript")
    number = make_file(WITH_NUMBER, "b.ts", "typescript").document
    elsewhere = await checker.check(replace(edited, others={workspace / "b.ts": number}))
    await ended(checker)

    found = [(one.diagnostic.code, one.diagnostic.start) for one in again.findings]
    assert found == [("2552", Point(2, 17)), ("2339", Point(2, 30))]
    assert {one.diagnostic.code for one in first.findings} == {"1109", "2552", "2339"}
    assert settled.ended_normally
    assert settled.findings == ()
    assert [one.diagnostic.code for one in elsewhere.findings] == ["2339"]
    assert names_in(workspace) == before


@needs_node_modules
@pytest.mark.usefixtures("node_modules")
async def test_a_fix_is_verified(
    trusted: Surroundings, make_file: MakeFile, workspace: Path
) -> None:
    """What an editor calls `ts` is looked for in the compiler's own words, and is gone after it."""
    (workspace / "tsconfig.json").write_text(CONFIGURATION)
    file = make_file("export const config = 1;\nconsole.log(confg);\n", "a.ts", "typescript")
    complaint = Diagnostic(
        start=Point(1, 12),
        end=Point(1, 17),
        code="2552",
        message="Cannot find name 'confg'. Did you mean 'config'?",
        source="ts",
        severity=1,
    )
    toolbox = Toolbox()
    tools = replace(toolbox.tools(file, trusted), budget=PATIENT)
    found = await search(Faulty(baseline=Baseline(file), diagnostic=complaint), tools)
    await toolbox.end()

    assert [fix.title for fix in found.fixes] == ["Rename to `config` - verified by typescript"]


@needs_node_modules
@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("language", ["typescript", "javascript"])
async def test_a_missing_import_is_tsservers_own_fix(
    language: str, trusted: Surroundings, make_file: MakeFile, workspace: Path
) -> None:
    """It knows what the project's files export, unsaved ones too; nothing is written."""
    ending = {"typescript": "ts", "javascript": "js"}[language]
    (workspace / "tsconfig.json").write_text(
        '{"compilerOptions": {"strict": true, "noEmit": true, "allowJs": true, "checkJs": true}}'
    )
    (workspace / f"shapes.{ending}").write_text("export const area = 1;\n")
    (workspace / f"app.{ending}").write_text("")
    before = names_in(workspace)
    shapes = make_file("export const volume = 2;\n", f"shapes.{ending}", language).document
    text = "/* 😋 */ const shown = volume;\nconsole.log(shown);\n"
    file = replace(
        make_file(text, f"app.{ending}", language),
        others={workspace / f"shapes.{ending}": shapes},
    )
    toolbox = Toolbox()
    tools = replace(toolbox.tools(file, trusted), budget=PATIENT)
    baseline = Baseline(file)
    checker = next(one for one in tools.checkers if one.name == "typescript")
    report = await baseline.report(checker)
    (complaint,) = (one.diagnostic for one in report.findings)
    found = await search(Faulty(baseline=baseline, diagnostic=complaint), tools)
    await toolbox.end()

    assert [(fix.verdict, fix.candidate.origin) for fix in found.fixes] == [
        (Verdict.VERIFIED, Origin.CHECKER)
    ]
    assert 'import { volume } from "./shapes";' in found.fixes[0].edited.text()
    assert names_in(workspace) == before


@needs_node_modules
@pytest.mark.usefixtures("node_modules")
async def test_tsserver_may_not_declare_or_silence(
    trusted: Surroundings, make_file: MakeFile, workspace: Path
) -> None:
    """Of a name that nothing exports it would write the declaration, and of JavaScript ignore."""
    (workspace / "tsconfig.json").write_text(
        '{"compilerOptions": {"noEmit": true, "allowJs": true, "checkJs": true}}'
    )
    checker = TypeScript.find(trusted)
    assert checker is not None
    (workspace / "app.js").write_text("")
    file = make_file("nowhere(1);\n", "app.js", "javascript")
    report = await checker.check(file)
    fixes = [await checker.fixes(file, one.diagnostic) for one in report.findings]
    await ended(checker)

    assert fixes == [()]


async def test_from_version_7_on_the_compiler_itself_is_asked(
    trusted: Surroundings, make_file: MakeFile, make_program: MakeProgram, workspace: Path
) -> None:
    """It is a language server whose diagnostics can be pulled."""
    arguments = workspace.parent / "arguments"
    body = f"open({str(arguments)!r}, 'w').write(' '.join(sys.argv[1:]))\n{LSP_SERVER}"
    program = make_program("tsc", body.replace("BODY", LSP_ANSWER))
    package = {"name": "typescript", "version": "7.0.2"}
    install(program, package, workspace)
    checker = TypeScript.find(trusted)
    assert checker is not None
    report = await checker.check(make_file("x = confg;\n", "a.ts", "typescript"))
    await ended(checker)

    assert [one.diagnostic.start for one in report.findings] == [Point(0, 4)]
    assert arguments.read_text() == "--lsp --stdio"


def test_a_compiler_without_a_server_is_none(
    trusted: Surroundings, make_program: MakeProgram, workspace: Path
) -> None:
    """An old one has tsserver beside it, and an unknown one tells no version."""
    install(make_program("tsc", ""), {"name": "other", "version": "7.0.2"}, workspace)

    assert TypeScript.find(trusted) is None


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit(3)",
        "send(answer | {'success': False, 'message': 'No Project.'})",
        "send(answer | {'body': {}})",
        "send(answer | {'body': [{}]})",
        "send(answer | {'body': ['']})",
        "send([])",
        "send({'type': 'response'})",
        "os.write(1, b'Starting...\\r\\n')",
    ],
)
async def test_a_bad_server_is_a_problem_and_starts_anew(
    body: str,
    make_file: MakeFile,
    make_program: MakeProgram,
    workspace: Path,
) -> None:
    """Nothing is raised; the next check tries again."""
    program = make_program("tsserver", TSSERVER.replace("BODY", body))
    checker = TypeScript(TsServer(program, workspace, {}))
    file = make_file(TEXT, "a.ts", "typescript")
    reports = [await checker.check(file) for _ in range(2)]
    await ended(checker)

    assert not any(report.ended_normally for report in reports)


@pytest.mark.parametrize(
    "body",
    [
        "send(answer | {'success': False})",
        "send(answer | {'body': ['']})",
        "send(answer | {'body': [{'fixName': 'import', 'changes': [{}]}]})",
        "sys.exit(3)",
    ],
)
async def test_fixes_of_a_bad_server_are_none(
    body: str, make_file: MakeFile, make_program: MakeProgram, workspace: Path
) -> None:
    """Nothing is raised."""
    program = make_program("tsserver", TSSERVER.replace("BODY", body))
    checker = TypeScript(TsServer(program, workspace, {}))
    where = Diagnostic(
        start=Point(2, 17), end=Point(2, 22), code="2552", message="", source="typescript"
    )
    fixes = await checker.fixes(make_file(TEXT, "a.ts", "typescript"), where)
    await ended(checker)

    assert fixes == ()


def install(program: Path, package: dict[str, str], workspace: Path) -> None:
    """Make a program one of the workspace's packages for Node, as npm does."""
    folder = workspace / "node_modules" / "typescript"
    (folder / "bin").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps(package))
    real = program.rename(folder / "bin" / program.name)
    links = workspace / "node_modules" / ".bin"
    links.mkdir()
    (links / program.name).symlink_to(real)
