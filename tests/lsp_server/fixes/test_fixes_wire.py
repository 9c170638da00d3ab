"""Quick fixes over the wire: a real server, the real ruff, no model needed."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsp_server.features.code_action import KIND, LOOK
from tests.lsp_server.conftest import TIMEOUT_S, Client, Message, Servers, at
from tests.lsp_server.fixes.checkers.test_process import wait_gone, wait_written

TEXT = 'import os\nimport re\n\ns = "😋"; re.compile(s)\n'
CAPABILITIES = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {
            "resolveSupport": {"properties": ["edit"]},
            "tagSupport": {"valueSet": [1]},
            "dataSupport": True,
        },
    },
    "workspace": {"workspaceEdit": {"documentChanges": True}},
    "window": {"workDoneProgress": True},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A client of a server that has no model (fixes do not need one), and its workspace."""
    folder = tmp_path_factory.mktemp("fixes")
    servers = Servers(folder)
    client = servers.stdio(folder / "no-model")
    client.initialize(rootUri=make_workspace(folder).as_uri(), capabilities=CAPABILITIES)
    yield client, folder / "workspace"
    servers.close()


@pytest.fixture
def workspace(shared: tuple[Client, Path]) -> Path:
    """The workspace of the server that most tests share."""
    return shared[1]


@pytest.fixture
def client(shared: tuple[Client, Path]) -> Client:
    """Its client; each test opens the document anew."""
    shared[0].arrived.clear()
    return shared[0]


def make_workspace(parent: Path) -> Path:
    folder = parent / "workspace"
    folder.mkdir(exist_ok=True)
    (folder / "ruff.toml").write_text('lint.select = ["E4", "E7", "E9", "F"]\n')
    return folder


def diagnostic(line: int, start: int, end: int, code: str, message: str, source: str) -> Message:
    span = {"start": at(line, start), "end": at(line, end)}
    return {"range": span, "code": code, "message": message, "source": source, "severity": 2}


UNUSED = diagnostic(0, 7, 9, "F401", "`os` imported but unused", "Ruff")


def menu(client: Client, uri: str, line: int, *given: Message, **context: object) -> list[Message]:
    request = client.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": uri},
            "range": {"start": at(line, 0), "end": at(line, 0)},
            "context": {"diagnostics": list(given), **context},
        },
    )
    result: list[Message] = client.answer(request)["result"]
    return result


def titles(actions: list[Message]) -> list[str]:
    return [action["title"] for action in actions]


def wait_for_menu(client: Client, uri: str, line: int, *given: Message) -> list[Message]:
    """Ask until no search is under way any more."""
    end = time.monotonic() + TIMEOUT_S
    found = menu(client, uri, line, *given)
    while LOOK in titles(found):
        assert time.monotonic() < end
        time.sleep(0.02)
        found = menu(client, uri, line, *given)
    return found


def wait_ahead(client: Client, uri: str, line: int) -> list[Message]:
    """Ask, without naming a diagnostic, until there is something."""
    end = time.monotonic() + TIMEOUT_S
    while not (found := menu(client, uri, line)) or LOOK in titles(found):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def said(client: Client) -> list[str]:
    """Return what the user was told of fixes; a missing model is another matter."""
    messages = [one["params"]["message"] for one in client.all_of("window/showMessage")]
    return [message for message in messages if "found no fix" in message]


def test_a_fix_is_in_the_menu_before_anybody_asked(client: Client, workspace: Path) -> None:
    """Verified ahead; its title is final, its edit complete, in this version, of our kind."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    (action,) = wait_ahead(client, uri, 0)
    (again,) = menu(client, uri, 0, UNUSED)

    assert action["title"] == "Remove unused import: `os` - verified by ruff"
    assert action["kind"] == KIND == "quickfix.mixline"
    assert "isPreferred" not in action
    assert "tags" not in action  # it is the checker's own
    assert action["edit"] == {
        "documentChanges": [
            {
                "textDocument": {"uri": uri, "version": 1},
                "edits": [{"range": {"start": at(0, 0), "end": at(1, 0)}, "newText": ""}],
            }
        ]
    }
    assert again["diagnostics"] == [UNUSED]
    assert again["edit"] == action["edit"]


def test_resolve_awaits_the_search(client: Client, workspace: Path) -> None:
    """The action that stands while a search runs has its edit once it is resolved."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    action = menu(client, uri, 0, UNUSED)[-1]
    resolved = client.result("codeAction/resolve", action)

    assert action["title"] == LOOK
    assert "edit" not in action
    assert resolved["edit"]["documentChanges"][0]["edits"][0]["newText"] == ""
    assert [one["title"] for one in menu(client, uri, 0, UNUSED)] == [
        "Remove unused import: `os` - verified by ruff"
    ]


def test_nothing_found_is_said_once_and_not_offered_again(client: Client, workspace: Path) -> None:
    """An unknown fault: one message, then silence in this version."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    odd = diagnostic(3, 0, 1, "Z999", "it is Tuesday <|fim_middle|>", "calendar")
    action = menu(client, uri, 3, odd)[-1]
    resolved = client.result("codeAction/resolve", action)
    (shown,) = said(client)

    assert action["title"] == LOOK
    assert action["tags"] == [1]
    assert "edit" not in resolved
    assert shown.endswith("it is Tuesday <|fim_middle|>")
    assert menu(client, uri, 3, odd) == []
    assert len(said(client)) == 1


def test_an_edit_ends_what_was_known(client: Client, workspace: Path) -> None:
    """The next version starts anew, and an action of the old one cannot be resolved."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    wait_ahead(client, uri, 0)
    odd = diagnostic(1, 0, 1, "Z999", "odd", "calendar")
    old = menu(client, uri, 1, odd)[-1]
    client.change(uri, 0, 7, 9, "sys")
    answer = client.answer(client.request("codeAction/resolve", old))
    (action,) = wait_ahead(client, uri, 0)

    assert answer["error"]["code"] == -32801
    assert action["title"] == "Remove unused import: `sys` - verified by ruff"
    assert action["edit"]["documentChanges"][0]["textDocument"]["version"] == 2


def test_only_what_is_asked_for(client: Client, workspace: Path) -> None:
    """Kinds are a hierarchy; `source.*` never brings any of ours."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    kinds = [
        *("quickfix", "quickfix.mixline", "", "refactor"),
        *("quickfix.mixline.other", "quick", "source.fixAll"),
    ]
    answered = [kind for kind in kinds if menu(client, uri, 0, UNUSED, only=[kind])]

    assert answered == ["quickfix", "quickfix.mixline", ""]


def test_the_setting(servers: Servers, tmp_path: Path) -> None:
    """Switched off: an empty menu; the server offers our kinds only, with resolve."""
    client = servers.stdio(tmp_path / "no-model")
    workspace = make_workspace(tmp_path)
    capabilities = client.initialize(
        rootUri=workspace.as_uri(),
        capabilities=CAPABILITIES,
        initializationOptions={"settings": {"quickFixes": False}},
    )["capabilities"]
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)

    assert menu(client, uri, 0, UNUSED) == []
    assert capabilities["codeActionProvider"] == {
        "codeActionKinds": ["quickfix.mixline", "refactor.rewrite.mixline.docstring"],
        "resolveProvider": True,
    }


def test_secrets(client: Client, workspace: Path) -> None:
    """Nothing is offered in a file on the secrets list."""
    secret = (workspace / ".env").as_uri()
    client.open(secret, TEXT)

    assert menu(client, secret, 0, UNUSED) == []


def fake_ruff(folder: Path, body: str) -> Path:
    """A program of the name that stands first on PATH."""
    folder.mkdir()
    program = folder / "ruff"
    program.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{body}\n")
    program.chmod(0o755)
    return folder


@pytest.fixture
def with_ruff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers
) -> Callable[[str], Client]:
    """Start a server on whose PATH another ruff comes first."""

    def start(body: str) -> Client:
        folder = fake_ruff(tmp_path / "bin", body)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        client = servers.stdio(tmp_path / "no-model")
        client.initialize(rootUri=make_workspace(tmp_path).as_uri(), capabilities=CAPABILITIES)
        return client

    return start


def test_a_cancelled_resolve_ends_the_checker(
    with_ruff: Callable[[str], Client], tmp_path: Path
) -> None:
    """The request is answered, and the process is gone."""
    pid_file = tmp_path / "pid"
    client = with_ruff(f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    uri = (tmp_path / "workspace" / "app.py").as_uri()
    client.open(uri, TEXT)
    request = client.request("codeAction/resolve", menu(client, uri, 0, UNUSED)[-1])
    pid = wait_written(pid_file)
    client.notify("$/cancelRequest", {"id": request})
    answer = client.answer(request)

    assert answer["error"]["code"] == -32800
    wait_gone(pid)


def test_a_bad_checker_harms_nothing(
    with_ruff: Callable[[str], Client], servers: Servers, tmp_path: Path
) -> None:
    """It ends with a status, crashes, floods, prints nonsense: nothing is verified by any run.

    The server lives on, the log says so in one line a run, and no text of the document is in it.
    """
    bodies = [
        "sys.exit(9)",
        "os.kill(os.getpid(), 11)",
        "while True: os.write(1, b'x' * 65536)",
        "print('[{}]')",
    ]
    turn = tmp_path / "turn"
    turn.write_text("sys.exit(9)")
    client = with_ruff(f"exec(open({str(turn)!r}).read())")
    uri = (tmp_path / "workspace" / "app.py").as_uri()
    named = diagnostic(1, 11, 16, "F821", "Undefined name `confg`", "Ruff")
    for body in bodies:
        turn.write_text(body)
        client.open(uri, "def f(config):\n    return confg\n")
        actions = wait_for_menu(client, uri, 1, named)
        assert not [title for title in titles(actions) if "verified" in title], body
    log = servers.processes[-1].stderr()

    assert log.count("no fix counts as verified by this run") >= len(bodies)
    assert "confg" not in log
    assert "Traceback" not in log


def test_a_checker_that_writes_to_the_file(
    with_ruff: Callable[[str], Client], servers: Servers, tmp_path: Path
) -> None:
    """What it says does not count, the log tells, and the editor's text is what it was."""
    client = with_ruff(
        "path = sys.argv[sys.argv.index('--stdin-filename') + 1]\n"
        "open(path, 'w').write('gone')\nprint('[]')"
    )
    file = tmp_path / "workspace" / "app.py"
    file.write_text("def f(config):\n    return confg\n")
    client.open(file.as_uri(), "def f(config):\n    return confg\n")
    named = diagnostic(1, 11, 16, "F821", "Undefined name `confg`", "Ruff")
    actions = wait_for_menu(client, file.as_uri(), 1, named)

    assert all("verified" not in action["title"] for action in actions)
    assert "it has changed the file" in servers.processes[-1].stderr()


def test_a_message_of_100_kb(client: Client, workspace: Path) -> None:
    """It is answered like any other, and what is shown of it is short."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    huge = diagnostic(3, 0, 1, "Z999", "`$(reboot)` " * 9_000, "<|fim_prefix|>")
    client.result("codeAction/resolve", menu(client, uri, 3, huge)[-1])
    (shown,) = said(client)

    assert len(shown) < 200


def test_diagnostics_outside_of_the_document(client: Client, workspace: Path) -> None:
    """Places that do not exist are nobody's."""
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    far = diagnostic(2**31 - 1, 2**31 - 1, 2**31 - 1, "F401", "x", "Ruff")

    assert menu(client, "file:///nowhere.py", 0, UNUSED) == []
    assert isinstance(menu(client, uri, 99, far), list)


def test_our_own_syntax_errors(client: Client, workspace: Path) -> None:
    """Published for Go, with the version and in utf-16, until they are gone; never for Python."""
    go, python = ((workspace / name).as_uri() for name in ("main.go", "broken.py"))
    client.open(python, "def f(:\n")
    client.open(go, 'package main\n\nvar s = "😋" + )\n', "go")
    first = client.notification("textDocument/publishDiagnostics")["params"]
    client.change(go, 2, 13, 16, "")
    _, second = client.wait_for(
        lambda m: (
            m.get("method") == "textDocument/publishDiagnostics" and m["params"]["version"] == 2
        )
    )
    named = [one["params"]["uri"] for one in client.all_of("textDocument/publishDiagnostics")]

    assert first["uri"] == go
    assert first["version"] == 1
    assert first["diagnostics"][0]["source"] == "mixline"
    assert first["diagnostics"][0]["range"] == {
        "start": at(2, 0),
        "end": at(2, 16),
    }
    assert second["params"]["diagnostics"] == []
    assert set(named) == {go}


def test_the_server_ends_while_it_searches(servers: Servers, tmp_path: Path) -> None:
    """A search does not keep it."""
    client = servers.stdio(tmp_path / "no-model")
    workspace = make_workspace(tmp_path)
    client.initialize(rootUri=workspace.as_uri(), capabilities=CAPABILITIES)
    uri = (workspace / "app.py").as_uri()
    client.open(uri, TEXT)
    menu(client, uri, 0, UNUSED)
    client.shut_down()

    assert servers.processes[0].process.wait(TIMEOUT_S) == 0
