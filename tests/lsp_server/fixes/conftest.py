"""Documents, diagnostics and programs for the tests of quick fixes."""

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.document import Document
from lsp_server.fixes.checkers.checker import CheckedFile
from lsp_server.fixes.checkers.programs import Surroundings
from lsp_server.fixes.checkers.ruff import Ruff

MakeFile = Callable[..., CheckedFile]
MakeProgram = Callable[[str, str], Path]

NODE_MODULES = Path(__file__).parents[3] / "vscode-extension" / "node_modules"
needs_node_modules = pytest.mark.skipif(
    not (NODE_MODULES / ".installed").exists(),
    reason="the packages of vscode-extension/ are not installed: make extension",
)
# A server in a few lines: it answers `initialize` and then does what the body says.
LSP_SERVER = """
import json
def send(message):
    body = json.dumps(message).encode()
    os.write(1, b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
def read():
    length = 0
    while (line := sys.stdin.buffer.readline()) != b"\\r\\n":
        if not line: sys.exit()
        length = int(line.split(b":")[1])
    return json.loads(sys.stdin.buffer.read(length))
while True:
    message = read()
    method = message["method"]
    if method == "initialize":
        send({"jsonrpc": "2.0", "id": message["id"], "result": {}})
    elif method == "textDocument/didOpen":
        text = message["params"]["textDocument"]["text"]
    elif method == "textDocument/didChange":
        text = message["params"]["contentChanges"][0]["text"]
    elif method == "textDocument/diagnostic":
        number = message["id"]
        BODY
"""
LSP_ANSWER = """result = []
        for row, line in enumerate(text.splitlines()):
            if "confg" in line:
                start = {"line": row, "character": line.index("confg")}
                result.append({"range": {"start": start, "end": start}, "message": "no " + line})
        send({"jsonrpc": "2.0", "id": number, "result": {"kind": "full", "items": result}})"""


def names_in(folder: Path) -> set[str]:
    """Return the names of what a folder and those below hold; links are not followed."""
    return {name for _, folders, files in os.walk(folder) for name in (*folders, *files)}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a configuration of its own, so that defaults of the user's do not count."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "ruff.toml").write_text('lint.select = ["E4", "E7", "E9", "F"]\n')
    return folder


@pytest.fixture
def around(workspace: Path) -> Surroundings:
    """The workspace, which nobody trusts."""
    return Surroundings(folder=workspace, workspace=(workspace,), trusted=False)


@pytest.fixture
def trusted(around: Surroundings) -> Surroundings:
    """The workspace, which is trusted."""
    return replace(around, trusted=True)


@pytest.fixture
def node_modules(workspace: Path) -> None:
    """Give the workspace the TypeScript and the eslint of the VS Code extension."""
    (workspace / "node_modules").symlink_to(NODE_MODULES)


@pytest.fixture
def ruff(around: Surroundings) -> Ruff:
    """The ruff that is installed with Mixline."""
    found = Ruff.find(around)
    assert found is not None
    return found


@pytest.fixture
def make_file(workspace: Path) -> MakeFile:
    """Make a text that stands at a place of the workspace where no file is."""

    def make(text: str, name: str = "app.py", language: str = "python") -> CheckedFile:
        path = workspace / name
        document = Document.of_text(uri=path.as_uri(), version=1, language=language, text=text)
        return CheckedFile(document=document, path=path, folder=workspace)

    return make


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Make a program of a few lines of Python."""

    def make(name: str, body: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    return make
