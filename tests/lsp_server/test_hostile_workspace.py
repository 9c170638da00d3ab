"""A workspace that is out to run something: opened, completed in, asked for fixes; nothing runs.

Each trap writes a file of its own name. The server and everything that it starts run under strace
where there is one, which also shows that none of them opens a socket to anywhere.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.tracing import Trace, traced

CANARY: Final = "canary_of_quetzalcoatl"
MAIN: Final = "import os\nimport json\n\n\ndef load(path):\n    return jsn.loads(path)\n\n\nload("

__all__ = ["traced"]


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """The folder in which whatever runs leaves its name."""
    folder = tmp_path / "ran"
    folder.mkdir()
    return folder


@pytest.fixture
def work(tmp_path: Path, traps: Path) -> Path:
    """The workspace."""
    return set_traps(tmp_path / "work", traps)


def set_traps(folder: Path, traps: Path) -> Path:
    """Make a workspace in which whatever runs leaves its name in the folder `traps`."""
    folder.mkdir()

    def program(name: str, *, parent: str = "") -> None:
        path = folder / parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {traps}/{path.name}\n")
        path.chmod(0o755)

    def module(name: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"open({str(traps / Path(name).name)!r}, 'w')\n")

    for name in ("ruff", "mypy", "pyright", "pyflakes", "python", "python3", "git", "node"):
        program(name)
        for parent in (".venv/bin", "venv/bin", "node_modules/.bin"):
            program(name, parent=parent)
    program("eslint", parent="node_modules/.bin")
    program("tsc", parent="node_modules/.bin")
    program("fsmonitor")
    for name in (
        *("ruff.py", "mypy.py", "pyflakes.py", "onnxruntime.py", "numpy.py", "tokenizers.py"),
        *("sitecustomize.py", "usercustomize.py", "json.py", "lsp_server.py", "inference.py"),
        *("mixline.py", "plugin.py", "conftest.py", "setup.py", "pygls/__init__.py"),
    ):
        module(name)
    (folder / "eslint.config.js").write_text(
        f"require('fs').writeFileSync({str(traps / 'eslint.config.js')!r}, '')\n"
    )
    (folder / "mypy.ini").write_text("[mypy]\nplugins = plugin.py\n")
    (folder / "pyproject.toml").write_text("[tool.mypy]\nplugins = ['plugin.py']\n")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    monitor = f"{folder}/fsmonitor"
    (folder / ".git" / "config").write_text(
        f"[core]\n\tfsmonitor = {monitor}\n\thooksPath = {folder}\n\tpager = {monitor}\n"
    )
    server = {
        "command": f"{folder}/node",
        "interpreter": f"{folder}/python",
        "environment": {"PYTHONPATH": str(folder), "PATH": str(folder)},
        "arguments": ["--model", str(folder)],
    }
    settings = {
        **{f"mixline.server.{name}": value for name, value in server.items()},
        "mixline.model": str(folder),
        "mixline.trusted": True,
        "mixline": {"trusted": True, "model": str(folder), "server": server},
        "python.defaultInterpreterPath": f"{folder}/python",
    }
    (folder / ".vscode").mkdir()
    (folder / ".vscode" / "settings.json").write_text(json.dumps(settings))
    (folder / "main.py").write_text(MAIN)
    (folder / "main.js").write_text("const a = 1;\nconsole.lo(a)\n")
    # Canaries: in files that nothing may be taken from.
    (folder / ".gitignore").write_text("ignored.py\n")
    for name in (".env", "ignored.py", "../outside.py"):
        (folder / name).write_text(f"load({CANARY}_value)\nload({CANARY}_other)\n")
    (folder / "link.py").symlink_to(folder / "../outside.py")
    return folder


@pytest.fixture
def environment(work: Path, tmp_path: Path) -> dict[str, str]:
    """What a careless user has: entries of PATH that are relative or inside of the workspace."""
    path = os.pathsep.join([".", "", "node_modules/.bin", str(work), os.environ["PATH"]])
    state = str(tmp_path / "state")
    return os.environ | {"PATH": path, "XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state}


def start(servers: Any, model: Path, work: Path, env: dict[str, str], words: Sequence[str]) -> Any:
    """Start the server from within the workspace, as editors do."""
    plain = subprocess.Popen

    def started(command: list[str], **options: Any) -> Any:
        return plain([*words, *command], **options | {"cwd": work, "env": env})

    subprocess.Popen = started  # type: ignore[assignment,misc]
    try:
        return servers.stdio(model)
    finally:
        subprocess.Popen = plain  # type: ignore[misc]


def test_nothing_of_a_hostile_workspace_runs_and_no_socket_is_opened(
    servers: Any,
    shipped_model: Path,
    work: Path,
    traps: Path,
    environment: dict[str, str],
    traced: Trace,
) -> None:
    """Opened, completed in and asked for fixes and docstrings over the wire, from inside of it."""
    client = start(servers, shipped_model, work, environment, traced.words)
    client.configuration = {"trusted": True}
    client.initialize(
        rootUri=work.as_uri(),
        capabilities={
            "textDocument": {
                "inlineCompletion": {},
                "codeAction": {"resolveSupport": {"properties": ["edit"]}},
            },
            "workspace": {"configuration": True},
        },
    )
    client.wait_ready()
    seen = []
    for name, language in (("main.py", "python"), ("main.js", "javascript")):
        uri = (work / name).as_uri()
        text = (work / name).read_text()
        client.open(uri, text, language)
        line, character = text.count("\n"), len(text.rpartition("\n")[2])
        seen += client.inline(uri, line, character, invoked=True)
        span = {
            "start": {"line": 0, "character": 0},
            "end": {"line": line, "character": character},
        }
        wrong = {"range": span, "message": "Undefined name `jsn`", "code": "F821", "severity": 1}
        params = {
            "textDocument": {"uri": uri},
            "range": span,
            "context": {"diagnostics": [wrong | {"source": "Ruff"}]},
        }
        for action in client.result("textDocument/codeAction", params):
            if "edit" not in action:
                seen.append(client.answer(client.request("codeAction/resolve", action)))
            seen.append(action)
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
    assert client.status()["trusted"] is False
    client.generations_at_rest()
    client.shut_down()
    assert servers.processes[0].process.wait(120) == 0

    assert sorted(path.name for path in traps.iterdir()) == []
    assert CANARY not in json.dumps(seen)
    assert CANARY not in servers.processes[0].stderr()
    assert traced.network() == []


@pytest.mark.parametrize(
    "words",
    [
        ("complete", "main.py:9:6", "--json"),
        ("fix", "main.py", "--json"),
        ("fix", "main.js", "--json"),
        ("docstring", "main.py:5", "--json"),
    ],
    ids=" ".join,
)
def test_nothing_of_it_runs_from_the_command_line(
    shipped_model: Path,
    work: Path,
    traps: Path,
    environment: dict[str, str],
    traced: Trace,
    words: tuple[str, ...],
) -> None:
    """The installed program, called in the workspace."""
    # What `mixline` on PATH is: Python with -I does not look where it stands.
    program = "import sys; from mixline.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [*traced.words, sys.executable, "-P", "-c", program, *words],
        cwd=work,
        env=environment | {"MIXLINE_MODEL": str(shipped_model)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert sorted(path.name for path in traps.iterdir()) == []
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert traced.network() == []


def test_nothing_of_what_is_kept_back_is_written_down(
    servers: Any, shipped_model: Path, work: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Neither by its text nor by its name, after a file of each kind was open and edited."""
    client = start(servers, shipped_model, work, environment, ())
    client.initialize(rootUri=work.as_uri(), initializationOptions={"settings": {"history": True}})
    client.wait_ready()
    for name in (".env", "ignored.py", "link.py"):
        uri = (work / name).as_uri()
        client.open(uri, (work / name).read_text())
        client.inline(uri, 1, 5, invoked=True)
        client.change(uri, 1, 5, 5, "x")
    uri = (work / "main.py").as_uri()
    client.open(uri, MAIN)
    suggested = client.inline(uri, 8, 5, invoked=True)
    client.shut_down()
    assert servers.processes[0].process.wait(60) == 0

    assert CANARY not in json.dumps(suggested)
    assert CANARY not in servers.processes[0].stderr()
    for path in (tmp_path / "state").rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


def test_the_traps_would_tell(work: Path, traps: Path, environment: dict[str, str]) -> None:
    """What is not to happen is noticed where it does."""
    for command in (["ruff"], [sys.executable, "-c", "import onnxruntime"], ["git", "status"]):
        subprocess.run(command, cwd=work, env=environment, check=True)

    assert {path.name for path in traps.iterdir()} >= {"ruff", "git", "onnxruntime.py"}
