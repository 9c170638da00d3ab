"""No socket is opened: not by a checker of a trusted folder, not by a command that needs none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.toolbox import Toolbox
from tests.lsp_server.fixes.conftest import NODE_MODULES
from tests.tracing import Trace, traced

__all__ = ["traced"]

SCRIPT: Final = "export const config = { a: 1 };\nconsole.log(confg);\n"
FILES: Final = {
    "main.py": ("python", "import os\nimport json\n\n\nprint(jsn.loads(1), ''.uper())\n"),
    "main.ts": ("typescript", SCRIPT),
    "main.js": ("javascript", SCRIPT),
}
CHECK_ALL: Final = """
import asyncio, sys
from pathlib import Path
from tests.lsp_server.test_sockets import FILES, surroundings
from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.toolbox import Toolbox

async def main(folder):
    toolbox = Toolbox()
    for checker in toolbox.checkers(surroundings(folder)):
        for name, (language, text) in FILES.items():
            path = folder / name
            document = Document.of_text(uri=path.as_uri(), version=1, language=language, text=text)
            if checker.takes(document):
                file = CheckedFile(document=document, path=path, folder=folder)
                report = await checker.check(file)
                print(checker.name, name, len(report.findings), report.problem)
    await toolbox.end()

asyncio.run(main(Path(sys.argv[1])))
"""


def surroundings(folder: Path) -> Surroundings:
    """Return those of a folder that its user trusts."""
    return Surroundings(folder=folder, workspace=(folder,), trusted=True)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with a file for each checker, and the packages of Node where they are."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name, (_, text) in FILES.items():
        (folder / name).write_text(text)
    (folder / "tsconfig.json").write_text('{"compilerOptions": {"strict": true, "noEmit": true}}')
    rule = 'export default [{ rules: { "no-undef": "error" } }];\n'
    (folder / "eslint.config.mjs").write_text(rule)
    if (NODE_MODULES / ".installed").exists():
        (folder / "node_modules").symlink_to(NODE_MODULES)
    return folder


def test_none_by_any_checker_of_a_trusted_folder(work: Path, traced: Trace) -> None:
    """Each that is installed runs, with all that it starts, and says something of its file."""
    done = subprocess.run(
        [*traced.words, sys.executable, "-c", CHECK_ALL, str(work)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    ran = {line.split()[0] for line in done.stdout.splitlines()}
    assert ran == {one.name for one in Toolbox().checkers(surroundings(work))}
    assert ran >= {"ruff", "mypy"}
    assert traced.network() == []


@pytest.mark.parametrize(
    "words",
    [
        ("complete", "main.py:5:9"),
        ("fix", "main.py"),
        ("docstring", "main.py:5"),
        ("doctor", "--json"),
        ("export", "CHECKPOINT", "out"),
    ],
    ids=lambda words: words[0],
)
def test_none_by_a_command(
    work: Path, traced: Trace, tiny_checkpoint: Path, tiny_model: Path, words: tuple[str, ...]
) -> None:
    """Also where it is asked for what it cannot find."""
    given = [str(tiny_checkpoint) if word == "CHECKPOINT" else word for word in words]
    done = subprocess.run(
        [*traced.words, sys.executable, "-P", "-m", "mixline", *given],
        cwd=work,
        env=os.environ | {"MIXLINE_MODEL": str(tiny_model)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1}, done.stderr
    assert traced.network() == []


def test_a_socket_would_be_told(traced: Trace) -> None:
    """One that a child of a thread opens is found."""
    if not traced.words:
        pytest.skip("there is no strace, or one that watches all of this")
    inner = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    outer = (
        "import subprocess, sys, threading\n"
        "threading.Thread(target=subprocess.run, args=(sys.argv[1:],)).start()"
    )
    subprocess.run(
        [*traced.words, sys.executable, "-c", outer, sys.executable, "-c", inner], check=True
    )

    (call,) = traced.network()
    assert "127.0.0.1" in call
